//! When a failed attempt is tried again: pure arithmetic, jitter apart.
//!
//! After a failed attempt comes the next delay of the endpoint's schedule, spread by ±20 %; longer, if the
//! receiver asks for it or is overrun; and clipped to 72 h after the first attempt. A delivery dies only
//! *after an attempt* that leaves nothing further on its schedule: time that passes while Ringback is down or
//! an endpoint is paused kills nothing, the next attempt is merely late. What ages fast is the exception: it
//! is dead when its next attempt would come too late.

use std::time::Duration;

use crate::{Advice, AttemptOutcome, EndReason, Timestamp, Trigger};

/// No attempt is scheduled later than this after the first one (the 72 hours of OpenAI's webhooks guide).
pub const HORIZON: Duration = Duration::from_secs(72 * 3600);

/// The least delay after a time-out or a 429: a receiver that is overrun needs time.
pub const MIN_DELAY_WHEN_OVERRUN: Duration = Duration::from_secs(60);

/// The longest `Retry-After` that is honoured.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How many delays a schedule may have.
pub const MAX_DELAYS: usize = 50;

/// The longest delay of a schedule, in seconds: with its jitter it is [`MAX_RETRY_AFTER`].
pub const MAX_DELAY_SECS: u32 = 20 * 3600;

/// The delays after the first, second, … failed attempt, before jitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(std::borrow::Cow<'static, [u32]>);

/// Why delays are no schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There are too many.
    #[error("a schedule has at most {MAX_DELAYS} delays")]
    TooMany,
    /// One is zero or too long.
    #[error("delay {} is {secs} s, but a delay is 1 to {MAX_DELAY_SECS} s", .index + 1)]
    Delay {
        /// Which one, from 0; people are told it from 1.
        index: usize,
        /// The delay as given.
        secs: u32,
    },
    /// Together they go beyond the horizon.
    #[error("the delays come to {sum_secs} s, but no attempt is made later than {} s after the first", HORIZON.as_secs())]
    TooLong {
        /// What they come to.
        sum_secs: u64,
    },
}

impl Schedule {
    /// Twelve attempts, the last one 71 h 42 min after the first.
    pub const DEFAULT: Self = Self(std::borrow::Cow::Borrowed(&[
        5,
        30,
        2 * 60,
        10 * 60,
        30 * 60,
        2 * 3600,
        5 * 3600,
        10 * 3600,
        14 * 3600,
        20 * 3600,
        20 * 3600,
    ]));

    /// A schedule of these delays in seconds; without any, there is one attempt and no retry.
    ///
    /// # Errors
    /// [`ScheduleError`].
    pub fn new(delays_secs: Vec<u32>) -> Result<Self, ScheduleError> {
        if delays_secs.len() > MAX_DELAYS {
            return Err(ScheduleError::TooMany);
        }
        if let Some(index) = delays_secs.iter().position(|secs| !(1..=MAX_DELAY_SECS).contains(secs)) {
            return Err(ScheduleError::Delay { index, secs: delays_secs[index] });
        }
        let sum_secs = delays_secs.iter().copied().map(u64::from).sum();
        if sum_secs > HORIZON.as_secs() {
            return Err(ScheduleError::TooLong { sum_secs });
        }
        Ok(Self(delays_secs.into()))
    }

    /// The delays in seconds.
    #[must_use]
    pub fn delays_secs(&self) -> &[u32] {
        &self.0
    }

    /// The delay after this many failed attempts, before jitter; `None` when the schedule is used up.
    #[must_use]
    pub fn delay_after(&self, attempts_made: u32) -> Option<Duration> {
        let index = usize::try_from(attempts_made).ok()?.checked_sub(1)?;
        self.0.get(index).map(|secs| Duration::from_secs(u64::from(*secs)))
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self::DEFAULT
    }
}

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
    /// When the delivery is too old to be attempted.
    pub expires_at: Option<Timestamp>,
}

/// How an attempt ended, as far as it matters for what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The status of the answer, if there was one.
    pub status_code: Option<u16>,
    /// Whether that is one that the endpoint names as final.
    pub no_retry: bool,
    /// What the answer's headers ask for.
    pub advice: Advice,
}

impl Ending {
    /// Whether it says something about one message and nothing about the endpoint: that works.
    #[must_use]
    pub const fn is_about_the_message(&self) -> bool {
        self.no_retry || self.advice.abort
    }
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

/// Decides what follows an attempt. The same for a first attempt, a retry, a redelivery and a replay; a test
/// is never retried.
#[must_use]
pub fn decide(ending: Ending, progress: Progress, schedule: &Schedule, jitter: Jitter) -> NextStep {
    if ending.outcome == AttemptOutcome::Succeeded {
        return NextStep::Delivered;
    }
    if ending.advice.abort {
        return NextStep::Dead(EndReason::Aborted);
    }
    if ending.no_retry {
        return NextStep::Dead(EndReason::NoRetryStatus);
    }
    let horizon_end = progress.first_attempt_at.plus(HORIZON);
    let Some(scheduled) = schedule.delay_after(progress.attempts_made) else {
        return NextStep::Dead(EndReason::ScheduleExhausted);
    };
    if progress.trigger == Trigger::Test || progress.now >= horizon_end {
        return NextStep::Dead(EndReason::ScheduleExhausted);
    }
    let delay = stretched(jitter.apply(scheduled), ending);
    let at = progress.now.plus(delay).min(horizon_end);
    if progress.expires_at.is_some_and(|expires_at| at >= expires_at) {
        return NextStep::Dead(EndReason::Expired);
    }
    NextStep::RetryAt(at)
}

/// The schedule's delay, or a longer one where the receiver needs it.
fn stretched(scheduled: Duration, ending: Ending) -> Duration {
    let overrun = ending.outcome == AttemptOutcome::Timeout || ending.status_code == Some(429);
    let least = if overrun { MIN_DELAY_WHEN_OVERRUN } else { Duration::ZERO };
    let asked = match (ending.status_code, ending.advice.retry_after) {
        (Some(429 | 503), Some(asked)) => asked.min(MAX_RETRY_AFTER),
        _ => Duration::ZERO,
    };
    scheduled.max(least).max(asked)
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
        Progress { trigger, attempts_made, first_attempt_at: START, now, expires_at: None }
    }

    fn ending(outcome: AttemptOutcome, status_code: Option<u16>) -> Ending {
        Ending { outcome, status_code, no_retry: false, advice: Advice::default() }
    }

    fn answered(status: u16) -> Ending {
        ending(AttemptOutcome::of_status(status), Some(status))
    }

    fn next(ending: Ending, progress: Progress) -> NextStep {
        decide(ending, progress, &Schedule::DEFAULT, Jitter::NONE)
    }

    fn fail(attempts_made: u32, now: Timestamp, jitter: Jitter) -> NextStep {
        decide(answered(500), progress(Trigger::Event, attempts_made, now), &Schedule::DEFAULT, jitter)
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
            let expected = match outcome {
                AttemptOutcome::Succeeded => NextStep::Delivered,
                AttemptOutcome::Timeout => NextStep::RetryAt(after(60)),
                _ => NextStep::RetryAt(after(5)),
            };
            let ended = ending(*outcome, None);
            assert_eq!(next(ended, progress(Trigger::Event, 1, START)), expected, "{outcome}");
        }
    }

    #[test]
    fn a_test_is_never_retried() {
        let ended = ending(AttemptOutcome::Timeout, None);
        assert_eq!(
            next(ended, progress(Trigger::Test, 1, START)),
            NextStep::Dead(EndReason::ScheduleExhausted)
        );
    }

    #[test]
    fn a_final_status_or_a_plea_to_stop_ends_it_and_never_undoes_a_success() {
        let first = progress(Trigger::Event, 1, START);
        let no_retry = |status| Ending { no_retry: true, ..answered(status) };
        assert_eq!(next(no_retry(404), first), NextStep::Dead(EndReason::NoRetryStatus));
        assert_eq!(next(no_retry(200), first), NextStep::Delivered);
        let abort = |status| Ending { advice: Advice { abort: true, retry_after: None }, ..answered(status) };
        assert_eq!(next(abort(500), first), NextStep::Dead(EndReason::Aborted));
        assert_eq!(next(abort(204), first), NextStep::Delivered);
    }

    #[test]
    fn retry_after_counts_on_429_and_503_between_the_schedules_delay_and_a_day() {
        let asking = |status, secs| {
            let advice = Advice { retry_after: Some(Duration::from_secs(secs)), abort: false };
            Ending { advice, ..answered(status) }
        };
        let first = progress(Trigger::Event, 1, START);
        for (status, asked, delay) in [
            (503, 0, 5),
            (503, 4, 5),
            (503, 100, 100),
            (503, u64::MAX / 2, 24 * 3600),
            (429, 0, 60),
            (429, 61, 61),
            (500, 100, 5),
            (301, 100, 5),
        ] {
            assert_eq!(
                next(asking(status, asked), first),
                NextStep::RetryAt(after(delay)),
                "{status} {asked}"
            );
        }
        let late = progress(Trigger::Event, 10, after(60 * 3600));
        assert_eq!(
            next(asking(503, 24 * 3600), late),
            NextStep::RetryAt(after(72 * 3600)),
            "never past the horizon"
        );
    }

    #[test]
    fn what_would_come_too_late_is_dead_at_once() {
        let ageing = |secs| Progress { expires_at: Some(after(secs)), ..progress(Trigger::Event, 1, START) };
        assert_eq!(next(answered(500), ageing(6)), NextStep::RetryAt(after(5)));
        assert_eq!(next(answered(500), ageing(5)), NextStep::Dead(EndReason::Expired));
        assert_eq!(next(answered(200), ageing(0)), NextStep::Delivered);
    }

    #[test]
    fn an_endpoints_own_schedule_is_followed_and_an_empty_one_is_one_attempt() {
        let own = Schedule::new(vec![7]).unwrap();
        let step =
            |attempts| decide(answered(500), progress(Trigger::Event, attempts, START), &own, Jitter::NONE);
        assert_eq!(step(1), NextStep::RetryAt(after(7)));
        assert_eq!(step(2), NextStep::Dead(EndReason::ScheduleExhausted));
        let never = Schedule::new(Vec::new()).unwrap();
        let first = progress(Trigger::Event, 1, START);
        assert_eq!(
            decide(answered(500), first, &never, Jitter::NONE),
            NextStep::Dead(EndReason::ScheduleExhausted)
        );
    }

    #[test]
    fn what_is_no_schedule_is_told_apart() {
        assert_eq!(Schedule::new(vec![1; 51]), Err(ScheduleError::TooMany));
        assert_eq!(Schedule::new(vec![1, 0]), Err(ScheduleError::Delay { index: 1, secs: 0 }));
        let second = ScheduleError::Delay { index: 1, secs: 0 };
        assert!(second.to_string().starts_with("delay 2 is 0 s"), "people count from 1");
        assert_eq!(Schedule::new(vec![72_001]), Err(ScheduleError::Delay { index: 0, secs: 72_001 }));
        assert_eq!(Schedule::new(vec![72_000; 4]), Err(ScheduleError::TooLong { sum_secs: 288_000 }));
        let default = Schedule::DEFAULT.delays_secs().to_vec();
        assert_eq!(Schedule::new(default), Ok(Schedule::DEFAULT), "the default keeps its own rules");
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
