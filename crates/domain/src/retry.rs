//! When a failed attempt is tried again: pure arithmetic, jitter apart.
//!
//! After a failed attempt comes the next delay of the schedule, spread by ±20 % and clipped to 72 h after the first
//! attempt. A delivery dies only *after an attempt* that leaves nothing further on its schedule: time that passes while
//! Ringback is down or an endpoint is paused kills nothing, the next attempt is merely late.

use std::time::Duration;

use crate::{AttemptOutcome, EndReason, Timestamp, Trigger};

/// The delays after the first, second, … failed attempt, in seconds, before jitter: twelve attempts in all.
pub const DELAYS_SECS: [u32; 11] =
    [5, 30, 2 * 60, 10 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 20 * 3600];

/// No attempt is scheduled later than this after the first one (the 72 hours of OpenAI's webhooks guide).
pub const HORIZON: Duration = Duration::from_secs(72 * 3600);

/// A random factor for one delay, in millionths: 800,000 to 1,200,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(u32);

/// The factor that changes nothing.
const UNITY: u32 = 1_000_000;
/// How far jitter moves a delay either way.
const SPREAD: u32 = UNITY / 5;

impl Jitter {
    /// Leaves every delay as it is.
    pub const NONE: Self = Self(UNITY);

    /// From 32 evenly distributed random bits: 0 is −20 %, the maximum is +20 %.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        let steps = u64::from(2 * SPREAD + 1);
        let step = (u64::from(bits) * steps) >> 32;
        Self(UNITY - SPREAD + u32::try_from(step).unwrap_or(SPREAD))
    }

    /// The delay, moved; whole milliseconds.
    #[must_use]
    pub fn apply(self, delay: Duration) -> Duration {
        let ms = delay.as_millis() * u128::from(self.0) / u128::from(UNITY);
        Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
    }
}

/// What a delivery has behind it when an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Why the delivery exists.
    pub trigger: Trigger,
    /// Attempts made, the one that just ended included; at least 1.
    pub attempts_made: u32,
    /// When the first of them began.
    pub first_attempt_at: Timestamp,
    /// When the one that just ended did end.
    pub now: Timestamp,
    /// Whether its answer's status is one that the endpoint names as final.
    pub no_retry: bool,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing: it arrived.
    Delivered,
    /// Another attempt at this time.
    RetryAt(Timestamp),
    /// Nothing: it is given up, for this reason.
    Dead(EndReason),
}

/// Decides what follows an attempt. The same for a first attempt, a retry, a redelivery and a replay; a test is never
/// retried.
#[must_use]
pub fn decide(outcome: AttemptOutcome, progress: Progress, jitter: Jitter) -> NextStep {
    if outcome == AttemptOutcome::Succeeded {
        return NextStep::Delivered;
    }
    if progress.no_retry {
        return NextStep::Dead(EndReason::NoRetryStatus);
    }
    let horizon_end = progress.first_attempt_at.plus(HORIZON);
    match delay_after(progress.attempts_made) {
        Some(delay) if progress.trigger != Trigger::Test && progress.now < horizon_end => {
            NextStep::RetryAt(progress.now.plus(jitter.apply(delay)).min(horizon_end))
        }
        _ => NextStep::Dead(EndReason::ScheduleExhausted),
    }
}

/// The schedule's delay after this many failed attempts, before jitter; `None` when the schedule is used up.
#[must_use]
pub fn delay_after(attempts_made: u32) -> Option<Duration> {
    let index = usize::try_from(attempts_made).ok()?.checked_sub(1)?;
    DELAYS_SECS.get(index).map(|secs| Duration::from_secs(u64::from(*secs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Timestamp = Timestamp::from_unix_secs(1_750_000_000);

    fn after(secs: u64) -> Timestamp {
        START.plus(Duration::from_secs(secs))
    }

    fn progress(trigger: Trigger, attempts_made: u32, now: Timestamp) -> Progress {
        Progress { trigger, attempts_made, first_attempt_at: START, now, no_retry: false }
    }

    fn fail(attempts_made: u32, now: Timestamp, jitter: Jitter) -> NextStep {
        decide(AttemptOutcome::HttpError, progress(Trigger::Event, attempts_made, now), jitter)
    }

    /// The published table: attempt, seconds since the first one.
    const TABLE: [(u32, u64); 12] = [
        (1, 0),
        (2, 5),
        (3, 35),
        (4, 155),
        (5, 755),
        (6, 2_555),
        (7, 9_755),
        (8, 27_755),
        (9, 63_755),
        (10, 114_155),
        (11, 186_155),
        (12, 258_155),
    ];

    #[test]
    fn the_table_ends_with_the_twelfth_attempt_at_71_h_42_min() {
        for pair in TABLE.windows(2) {
            assert_eq!(
                fail(pair[0].0, after(pair[0].1), Jitter::NONE),
                NextStep::RetryAt(after(pair[1].1)),
                "after attempt {}",
                pair[0].0
            );
        }
        assert_eq!(TABLE[11].1 / 60, 71 * 60 + 42);
        assert_eq!(fail(12, after(TABLE[11].1), Jitter::NONE), NextStep::Dead(EndReason::ScheduleExhausted));
    }

    #[test]
    fn every_outcome_but_success_is_retried() {
        for outcome in AttemptOutcome::ALL {
            let progress = progress(Trigger::Event, 1, START);
            let expected = match outcome {
                AttemptOutcome::Succeeded => NextStep::Delivered,
                _ => NextStep::RetryAt(after(5)),
            };
            assert_eq!(decide(*outcome, progress, Jitter::NONE), expected, "{outcome}");
        }
    }

    #[test]
    fn a_test_is_never_retried() {
        let progress = progress(Trigger::Test, 1, START);
        assert_eq!(
            decide(AttemptOutcome::Timeout, progress, Jitter::NONE),
            NextStep::Dead(EndReason::ScheduleExhausted)
        );
    }

    #[test]
    fn a_status_that_the_endpoint_names_ends_it_and_never_undoes_a_success() {
        let last_word = Progress { no_retry: true, ..progress(Trigger::Event, 1, START) };
        let next = |outcome| decide(outcome, last_word, Jitter::NONE);
        assert_eq!(next(AttemptOutcome::HttpError), NextStep::Dead(EndReason::NoRetryStatus));
        assert_eq!(next(AttemptOutcome::Succeeded), NextStep::Delivered);
    }

    #[test]
    fn the_last_delays_are_clipped_to_72_hours() {
        let late = after(60 * 3600);
        assert_eq!(fail(10, late, Jitter::NONE), NextStep::RetryAt(after(72 * 3600)));
    }

    #[test]
    fn a_delivery_that_was_held_for_days_still_gets_its_attempt_and_dies_only_after_it() {
        assert_eq!(fail(3, after(100 * 3600), Jitter::NONE), NextStep::Dead(EndReason::ScheduleExhausted));
        assert_eq!(fail(3, after(72 * 3600 - 1), Jitter::NONE), NextStep::RetryAt(after(72 * 3600)));
    }

    #[test]
    fn jitter_spans_exactly_a_fifth_either_way() {
        let delay = Duration::from_secs(100);
        assert_eq!(Jitter::from_bits(0).apply(delay), Duration::from_secs(80));
        assert_eq!(Jitter::from_bits(u32::MAX).apply(delay), Duration::from_secs(120));
    }

    proptest! {
        #[test]
        fn a_retry_is_always_later_and_never_past_the_horizon(
            attempts in 1_u32..20, elapsed in 0_u64..300_000, bits: u32,
        ) {
            let now = after(elapsed);
            if let NextStep::RetryAt(at) = fail(attempts, now, Jitter::from_bits(bits)) {
                prop_assert!(at > now);
                prop_assert!(at <= START.plus(HORIZON));
            }
        }
    }
}
