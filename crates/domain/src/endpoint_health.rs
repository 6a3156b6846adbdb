//! An endpoint that fails everything, for days: noticed, warned of, and in the end disabled.
//!
//! The time counts from the first failure after which nothing has succeeded, and only while attempts are
//! made: after a gap longer than any schedule's longest delay (the endpoint was paused, Ringback was down,
//! nothing was sent) it begins anew. A test does not count, nor does an answer that is about one message
//! alone.
//!
//! What is written down is seen by everybody, and costs a change of the configuration. So of an endpoint that
//! fails and works by turns each node says at most once a minute that it fails; what it has seen and not said
//! is in its memory, and lost with it.

use std::fmt;
use std::time::Duration;

use crate::retry::Ending;
use crate::{AttemptOutcome, Timestamp};

/// How long an endpoint may fail everything before it is disabled, unless set otherwise: five days.
pub const DEFAULT_DISABLE_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// A gap without an attempt after which the time begins anew: longer than the longest delay with its jitter,
/// 24 hours.
pub const LONGEST_GAP: Duration = Duration::from_secs(25 * 3600);

/// How exactly the last failure is remembered: it is written at most so often, since it is one more write.
const NOTED_EVERY: Duration = Duration::from_secs(3600);

/// Least time between two writes of 'failing' by one node.
pub const SAID_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The status by which a receiver says that it wants nothing any more (Standard Webhooks, "Disabling").
const GONE: u16 = 410;

/// What is remembered of an endpoint's failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndpointHealth {
    /// The first failure after the last success; `None` while things succeed.
    pub failing_since: Option<Timestamp>,
    /// The last failure, to the hour.
    pub last_failed_at: Option<Timestamp>,
    /// When it was warned that the endpoint will be disabled.
    pub warned_at: Option<Timestamp>,
}

/// What one node has seen of an endpoint's failures and not said: by default nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unsaid {
    /// The first failure and the last one after the last success, while nothing of them is written down.
    failing: Option<(Timestamp, Timestamp)>,
    /// When this node last said that the endpoint fails.
    said_at: Option<Timestamp>,
}

impl Unsaid {
    /// A failure of which nothing is written down; says what is to be.
    fn failed(&mut self, now: Timestamp) -> Option<HealthChange> {
        let first = match self.failing {
            Some((first, last)) if now.since(last) <= LONGEST_GAP => first,
            _ => now,
        };
        self.failing = Some((first, now));
        // A clock that was set back is not to silence it for longer.
        if self.said_at.is_some_and(|at| at <= now && now.since(at) < SAID_AGAIN_AFTER) {
            return None;
        }
        self.said_at = Some(now);
        Some(HealthChange::Failing(EndpointHealth {
            failing_since: Some(first),
            last_failed_at: Some(now),
            warned_at: None,
        }))
    }
}

/// What an attempt changes about its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthChange {
    /// Something succeeded: everything is forgotten.
    Recovered,
    /// It fails; this is what to remember.
    Failing(EndpointHealth),
    /// It has failed for half the time: what to remember, and to warn.
    Warn(EndpointHealth),
    /// It is to be disabled.
    Disable(DisabledFor),
}

/// Why an endpoint is disabled that nobody disabled by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledFor {
    /// It answered 410 Gone: it wants nothing any more.
    Gone,
    /// It failed everything for so long.
    Failing {
        /// How long, in whole hours.
        hours: u64,
    },
}

impl fmt::Display for DisabledFor {
    /// An endpoint's `disabled_reason`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("it answered 410 Gone"),
            Self::Failing { hours } => write!(f, "every attempt failed for {hours} hours"),
        }
    }
}

impl EndpointHealth {
    /// What an attempt that ended at `now` changes, on a node that has seen so much and not said it.
    /// `disable_after` is `None` where endpoints are never disabled for failing.
    #[must_use]
    pub fn after(
        &self,
        unsaid: &mut Unsaid,
        ending: Ending,
        now: Timestamp,
        disable_after: Option<Duration>,
    ) -> Option<HealthChange> {
        // Before anything else: an endpoint may name 410 as final for a delivery, and is gone all the same.
        if ending.status_code == Some(GONE) {
            return Some(HealthChange::Disable(DisabledFor::Gone));
        }
        if ending.outcome == AttemptOutcome::Succeeded || ending.is_about_the_message() {
            unsaid.failing = None;
            return self.failing_since.is_some().then_some(HealthChange::Recovered);
        }
        let (Some(since), Some(last)) = (self.failing_since, self.last_failed_at) else {
            return unsaid.failed(now);
        };
        unsaid.failing = None;
        if now.since(last) > LONGEST_GAP {
            let begins = Self { failing_since: Some(now), last_failed_at: Some(now), warned_at: None };
            return Some(HealthChange::Failing(begins));
        }
        let failing = now.since(since);
        let noted = Self { last_failed_at: Some(now), ..*self };
        match disable_after {
            Some(limit) if failing >= limit => {
                Some(HealthChange::Disable(DisabledFor::Failing { hours: failing.as_secs() / 3600 }))
            }
            Some(limit) if failing >= limit / 2 && self.warned_at.is_none() => {
                Some(HealthChange::Warn(Self { warned_at: Some(now), ..noted }))
            }
            _ => (now.since(last) >= NOTED_EVERY).then_some(HealthChange::Failing(noted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Advice;

    const DAY: u64 = 24 * 3600;

    fn ended(status: u16) -> Ending {
        Ending {
            outcome: AttemptOutcome::of_status(status),
            status_code: Some(status),
            no_retry: false,
            advice: Advice::default(),
        }
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_unix_secs(1_750_000_000).plus(Duration::from_secs(secs))
    }

    /// Fails at these times, remembering what there is to remember; gives what each changed.
    fn fail_at(times: impl IntoIterator<Item = u64>) -> Vec<Option<HealthChange>> {
        let mut health = EndpointHealth::default();
        let mut changes = Vec::new();
        for secs in times {
            let change =
                health.after(&mut Unsaid::default(), ended(500), at(secs), Some(DEFAULT_DISABLE_AFTER));
            if let Some(HealthChange::Failing(new) | HealthChange::Warn(new)) = change {
                health = new;
            }
            changes.push(change);
        }
        changes
    }

    #[test]
    fn five_days_of_failures_warn_once_at_half_and_disable_at_the_end() {
        let changes = fail_at((0..=5 * 24).map(|hour| hour * 3600));
        let warnings: Vec<usize> =
            (0..changes.len()).filter(|i| matches!(changes[*i], Some(HealthChange::Warn(_)))).collect();
        assert_eq!(warnings, [60], "hours");
        let disabled = changes.iter().position(|change| matches!(change, Some(HealthChange::Disable(_))));
        assert_eq!(disabled, Some(120));
        assert_eq!(changes[120], Some(HealthChange::Disable(DisabledFor::Failing { hours: 120 })));
    }

    #[test]
    fn many_failures_within_an_hour_are_one_note() {
        let changes = fail_at([0, 1, 2, 3599, 3600, 3601]);
        let noted: Vec<bool> = changes.iter().map(Option::is_some).collect();
        assert_eq!(noted, [true, false, false, false, true, false]);
    }

    #[test]
    fn a_gap_longer_than_any_delay_begins_the_time_anew() {
        let after_a_gap = 25 * 3600 + 1;
        let changes = fail_at([0, after_a_gap, after_a_gap + 4 * DAY]);
        let since = |change: &Option<HealthChange>| match change {
            Some(HealthChange::Failing(health)) => health.failing_since,
            _ => None,
        };
        assert_eq!(since(&changes[1]), Some(at(after_a_gap)));
        assert_eq!(
            since(&changes[2]),
            Some(at(after_a_gap + 4 * DAY)),
            "four days without an attempt are a gap too"
        );
    }

    #[test]
    fn a_success_forgets_everything_and_most_successes_change_nothing() {
        let healthy = EndpointHealth::default();
        assert_eq!(
            healthy.after(&mut Unsaid::default(), ended(204), at(0), Some(DEFAULT_DISABLE_AFTER)),
            None
        );
        let failing =
            EndpointHealth { failing_since: Some(at(0)), last_failed_at: Some(at(0)), warned_at: None };
        assert_eq!(
            failing.after(&mut Unsaid::default(), ended(200), at(5), Some(DEFAULT_DISABLE_AFTER)),
            Some(HealthChange::Recovered)
        );
    }

    #[test]
    fn where_it_is_never_done_nobody_warns_either() {
        let failing =
            EndpointHealth { failing_since: Some(at(0)), last_failed_at: Some(at(9 * DAY)), warned_at: None };
        assert_eq!(failing.after(&mut Unsaid::default(), ended(500), at(9 * DAY), None), None);
    }

    #[test]
    fn gone_is_gone_at_once_and_an_answer_about_the_message_shows_that_the_endpoint_works() {
        let failing =
            EndpointHealth { failing_since: Some(at(0)), last_failed_at: Some(at(0)), warned_at: None };
        let gone = Ending { no_retry: true, ..ended(410) };
        assert_eq!(
            failing.after(&mut Unsaid::default(), gone, at(1), None),
            Some(HealthChange::Disable(DisabledFor::Gone))
        );
        let refused = Ending { no_retry: true, ..ended(404) };
        assert_eq!(
            failing.after(&mut Unsaid::default(), refused, at(1), None),
            Some(HealthChange::Recovered)
        );
    }

    /// What a node says of attempts that end so; each success is written down when something was.
    fn said_of(attempts: impl IntoIterator<Item = (u64, u16)>) -> Vec<(u64, Option<HealthChange>)> {
        let (mut health, mut unsaid) = (EndpointHealth::default(), Unsaid::default());
        let mut said = Vec::new();
        for (secs, status) in attempts {
            let change = health.after(&mut unsaid, ended(status), at(secs), Some(DEFAULT_DISABLE_AFTER));
            match change {
                Some(HealthChange::Failing(new)) => health = new,
                Some(HealthChange::Recovered) => health = EndpointHealth::default(),
                _ => {}
            }
            said.push((secs, change));
        }
        said
    }

    #[test]
    fn of_one_that_fails_and_works_by_turns_little_is_said() {
        let by_turns = (0..600).map(|secs| (secs, if secs % 2 == 0 { 500 } else { 200 }));
        let said = said_of(by_turns);
        let changes = said.iter().filter(|(_, change)| change.is_some()).count();
        assert_eq!(changes, 20, "that it fails and that it works, once a minute");
    }

    #[test]
    fn one_that_does_not_recover_again_is_said_to_have_failed_all_the_time() {
        let said = said_of([(0, 500), (1, 200), (2, 500), (30, 500), (59, 500), (60, 500), (61, 500)]);
        let changes: Vec<_> = said.into_iter().filter_map(|(secs, change)| Some((secs, change?))).collect();
        let since = |first, last| {
            HealthChange::Failing(EndpointHealth {
                failing_since: Some(at(first)),
                last_failed_at: Some(at(last)),
                warned_at: None,
            })
        };
        assert_eq!(changes, [(0, since(0, 0)), (1, HealthChange::Recovered), (60, since(2, 60))]);
    }

    #[test]
    fn what_was_not_said_is_forgotten_after_a_success_and_after_a_gap() {
        let secs_of_first = |attempts: &[(u64, u16)]| match said_of(attempts.iter().copied()).pop() {
            Some((_, Some(HealthChange::Failing(health)))) => health.failing_since,
            _ => None,
        };
        assert_eq!(secs_of_first(&[(0, 500), (1, 200), (2, 500), (3, 200), (70, 500)]), Some(at(70)));
        let gap = 25 * 3600 + 3;
        assert_eq!(secs_of_first(&[(0, 500), (1, 200), (2, 500), (gap, 500)]), Some(at(gap)));
    }
}
