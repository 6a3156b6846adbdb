//! A circuit breaker: stops hammering an endpoint that fails everything, probes it, and goes on gently when
//! it works again.
//!
//! It holds deliveries back and kills none: they stay due. It is in this node's memory alone: after a restart
//! an endpoint is given another try, which a few attempts pay for.

use std::time::Duration;

use ringback_domain::Timestamp;
use ringback_domain::retry::Jitter;

/// So many attempts in a row fail before it opens.
const TRIP_AFTER: u32 = 10;
/// How long it stays open at first; twice as long after each probe that fails.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest it stays open between two probes.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// How many attempts may be under way at once when a probe has succeeded; twice as many each time that many
/// have.
const FIRST_LIMIT: usize = 2;
/// With so many at once it is closed.
const LAST_LIMIT: usize = 32;

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Attempts are made as they are due.
    Closed,
    /// None are made.
    Open,
    /// One is made, to see.
    Probing,
    /// That succeeded: a few are made, and more and more.
    Ramping,
}

impl BreakerState {
    /// The word for it in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
            Self::Ramping => "ramping",
        }
    }
}

/// A breaker as the API shows it: that of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerView {
    /// Where it stands.
    pub state: BreakerState,
    /// When the endpoint is tried again, while it is open.
    pub probe_at: Option<Timestamp>,
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Whatever else there is room for.
    Any,
    /// So many under way at once.
    AtMost(usize),
    /// Nothing before this time.
    NotBefore(Timestamp),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Timestamp, wait: Duration },
    Probing { given_up_at: Timestamp, wait: Duration },
    Ramping { limit: usize, successes: usize, wait: Duration },
}

/// The breaker of one endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Breaker {
    state: State,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Closed { failures: 0 } }
    }
}

impl Breaker {
    /// What may go at `now`. An open one whose time has come lets a probe through, whose outcome is expected
    /// within `probe_within`.
    pub(crate) fn permit(&mut self, now: Timestamp, probe_within: Duration) -> Permit {
        match self.state {
            State::Closed { .. } => Permit::Any,
            State::Ramping { limit, .. } => Permit::AtMost(limit),
            State::Open { until: later, .. } | State::Probing { given_up_at: later, .. }
                if now < later && later.since(now) <= LONGEST_WAIT * 2 =>
            {
                Permit::NotBefore(later)
            }
            // A probe of which nothing was heard is made anew; so is one that a clock set back would put off.
            State::Open { wait, .. } | State::Probing { wait, .. } => {
                self.state = State::Probing { given_up_at: now.plus(probe_within), wait };
                Permit::AtMost(1)
            }
        }
    }

    /// Whether something new may go without asking, as far as the breaker is concerned.
    pub(crate) const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Whether there is nothing to remember.
    pub(crate) const fn is_unmarked(&self) -> bool {
        matches!(self.state, State::Closed { failures: 0 })
    }

    /// There was nothing to probe with.
    pub(crate) fn probe_unused(&mut self, now: Timestamp) {
        if let State::Probing { wait, .. } = self.state {
            self.state = State::Open { until: now, wait };
        }
    }

    /// An attempt succeeded. Says whether more may go now than before.
    pub(crate) fn succeeded(&mut self) -> bool {
        let before = self.state;
        self.state = match before {
            State::Closed { .. } => State::Closed { failures: 0 },
            State::Open { wait, .. } | State::Probing { wait, .. } => {
                State::Ramping { limit: FIRST_LIMIT, successes: 0, wait }
            }
            State::Ramping { limit, successes, wait } if successes + 1 < limit => {
                State::Ramping { limit, successes: successes + 1, wait }
            }
            State::Ramping { limit, .. } if limit * 2 >= LAST_LIMIT => State::Closed { failures: 0 },
            State::Ramping { limit, wait, .. } => State::Ramping { limit: limit * 2, successes: 0, wait },
        };
        !matches!(before, State::Closed { .. }) && before != self.state
    }

    /// An attempt failed at `now`. Says whether that opened it; a probe that fails leaves it as it was, for
    /// longer.
    pub(crate) fn failed(&mut self, now: Timestamp, jitter: Jitter) -> bool {
        let before = self.state;
        let wait = match before {
            State::Closed { failures } if failures + 1 < TRIP_AFTER => {
                self.state = State::Closed { failures: failures + 1 };
                return false;
            }
            State::Closed { .. } => FIRST_WAIT,
            State::Probing { wait, .. } | State::Ramping { wait, .. } => (wait * 2).min(LONGEST_WAIT),
            // Begun before it opened.
            State::Open { .. } => return false,
        };
        self.state = State::Open { until: now.plus(jitter.apply(wait)), wait };
        !matches!(before, State::Probing { .. })
    }

    /// As the API shows it.
    pub(crate) const fn view(&self) -> BreakerView {
        match self.state {
            State::Closed { .. } => BreakerView { state: BreakerState::Closed, probe_at: None },
            State::Open { until, .. } => BreakerView { state: BreakerState::Open, probe_at: Some(until) },
            State::Probing { .. } => BreakerView { state: BreakerState::Probing, probe_at: None },
            State::Ramping { .. } => BreakerView { state: BreakerState::Ramping, probe_at: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: Duration = Duration::from_secs(40);

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_unix_secs(1_750_000_000).plus(Duration::from_secs(secs))
    }

    fn tripped() -> Breaker {
        let mut breaker = Breaker::default();
        for _ in 1..TRIP_AFTER {
            assert!(!breaker.failed(at(0), Jitter::NONE));
        }
        assert_eq!(breaker.permit(at(0), PROBE), Permit::Any);
        assert!(breaker.failed(at(0), Jitter::NONE), "the tenth opens it");
        breaker
    }

    #[test]
    fn ten_failures_in_a_row_open_it_and_a_success_between_them_does_not() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            for _ in 1..TRIP_AFTER {
                assert!(!breaker.failed(at(0), Jitter::NONE));
            }
            assert!(!breaker.succeeded(), "it was closed all the time");
        }
        assert!(breaker.is_unmarked());
        assert_eq!(tripped().permit(at(4), PROBE), Permit::NotBefore(at(5)));
    }

    #[test]
    fn probes_come_one_at_a_time_and_twice_as_late_after_each_failure() {
        let mut breaker = tripped();
        let mut now = 5;
        for wait in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(breaker.permit(at(now), PROBE), Permit::AtMost(1));
            assert_eq!(breaker.permit(at(now), PROBE), Permit::NotBefore(at(now + 40)), "one is under way");
            assert!(!breaker.failed(at(now), Jitter::NONE), "that is no news");
            assert_eq!(breaker.permit(at(now), PROBE), Permit::NotBefore(at(now + wait)));
            now += wait;
        }
    }

    #[test]
    fn after_a_probe_that_succeeds_it_goes_on_gently() {
        let mut breaker = tripped();
        assert_eq!(breaker.permit(at(5), PROBE), Permit::AtMost(1));
        assert!(breaker.succeeded());
        for limit in [2, 4, 8, 16] {
            for _ in 0..limit {
                assert_eq!(breaker.permit(at(5), PROBE), Permit::AtMost(limit));
                breaker.succeeded();
            }
        }
        assert_eq!(breaker.permit(at(5), PROBE), Permit::Any);
        assert_eq!(breaker.view(), BreakerView { state: BreakerState::Closed, probe_at: None });
    }

    #[test]
    fn a_failure_on_the_way_up_opens_it_again_for_longer() {
        let mut breaker = tripped();
        assert_eq!(breaker.permit(at(5), PROBE), Permit::AtMost(1));
        breaker.succeeded();
        assert!(breaker.failed(at(6), Jitter::NONE));
        assert_eq!(breaker.permit(at(6), PROBE), Permit::NotBefore(at(16)));
        assert!(!breaker.failed(at(7), Jitter::NONE), "one that was under way changes nothing");
        assert_eq!(breaker.permit(at(7), PROBE), Permit::NotBefore(at(16)));
    }

    #[test]
    fn a_probe_that_is_not_used_or_never_heard_of_again_is_not_the_last() {
        let mut breaker = tripped();
        assert_eq!(breaker.permit(at(5), PROBE), Permit::AtMost(1));
        breaker.probe_unused(at(5));
        assert_eq!(breaker.permit(at(5), PROBE), Permit::AtMost(1));
        assert_eq!(breaker.permit(at(44), PROBE), Permit::NotBefore(at(45)));
        assert_eq!(breaker.permit(at(45), PROBE), Permit::AtMost(1));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut breaker = tripped();
        let day_before = at(0).minus(Duration::from_secs(24 * 3600));
        assert_eq!(breaker.permit(day_before, PROBE), Permit::AtMost(1));
    }
}
