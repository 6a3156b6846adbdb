//! How fast something may go: so many a second, evenly.
//!
//! The generic cell rate algorithm: one number, the time at which the last one that was let through would be
//! due if all went evenly. A little may go ahead of it (a tenth of a second's worth), so that a fast one is
//! claimed in batches.

use ringback_domain::Timestamp;

/// The pace of one endpoint or replay. Times in microseconds, since a millisecond holds ten at the highest
/// rate.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    /// When the next one would be due if all went evenly; Unix microseconds.
    next_us: i64,
    /// When it was last asked; Unix microseconds.
    seen_us: i64,
}

/// What a pace lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Let {
    /// So many, now.
    pub(crate) count: usize,
    /// When it is worth while to ask again, if there are to be more.
    pub(crate) again_at: Timestamp,
}

const SECOND_US: i64 = 1_000_000;

impl Pace {
    /// Lets up to `wanted` through at `per_sec`.
    pub(crate) fn take(&mut self, per_sec: u32, wanted: usize, now: Timestamp) -> Let {
        let now_us = now.as_unix_ms().saturating_mul(1000);
        let step = step(per_sec);
        let burst = i64::from((per_sec / 10).max(1));
        let ahead = burst * step;
        // A clock that was set back takes this one with it.
        self.next_us -= (self.seen_us - now_us).max(0);
        self.seen_us = now_us;
        let next_us = self.next_us.max(now_us);
        let room = (now_us + ahead - next_us).max(0) / step;
        let count = room.min(i64::try_from(wanted).unwrap_or(i64::MAX));
        self.next_us = next_us + count * step;
        // When half of what may go at once is free.
        let half_free_at = self.next_us + ((burst + 1) / 2) * step - ahead;
        let again_at = Timestamp::from_unix_ms((half_free_at.max(now_us) + 999).div_euclid(1000));
        Let { count: usize::try_from(count).unwrap_or(0), again_at }
    }

    /// Takes back that `count` were let through, which did not go.
    pub(crate) fn give_back(&mut self, per_sec: u32, count: usize) {
        self.next_us = self.next_us.saturating_sub(span_of(per_sec, count));
    }

    /// Counts `count` more than were let through: what comes after waits for them.
    pub(crate) fn charge(&mut self, per_sec: u32, count: usize) {
        self.next_us = self.next_us.saturating_add(span_of(per_sec, count));
    }
}

/// From one to the next, if all goes evenly.
fn step(per_sec: u32) -> i64 {
    (SECOND_US / i64::from(per_sec.max(1))).max(1)
}

/// How long `count` of them take.
fn span_of(per_sec: u32, count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(step(per_sec))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_750_000_000_000 + ms)
    }

    /// How many get through in this time, asked for as soon as each answer says.
    fn through(per_sec: u32, secs: u64) -> usize {
        let (mut pace, mut now, mut count) = (Pace::default(), at(0), 0);
        let end = now.plus(Duration::from_secs(secs));
        while now < end {
            let Let { count: more, again_at } = pace.take(per_sec, 64, now);
            count += more;
            now = again_at.max(now.plus(Duration::from_millis(1)));
        }
        count
    }

    #[test]
    fn as_many_go_as_the_rate_says_and_a_tenth_of_a_second_ahead() {
        for per_sec in [1, 3, 10, 100, 1000, 10_000] {
            let count = through(per_sec, 10);
            let (least, most) =
                (10 * per_sec as usize, 10 * per_sec as usize + (per_sec as usize / 10).max(1));
            assert!((least..=most).contains(&count), "{per_sec} per second: {count}");
        }
    }

    #[test]
    fn a_slow_one_goes_one_at_a_time() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(2, 5, at(0)), Let { count: 1, again_at: at(500) });
        assert_eq!(pace.take(2, 5, at(499)).count, 0);
        assert_eq!(pace.take(2, 5, at(500)).count, 1);
    }

    #[test]
    fn what_was_given_back_may_go_again_and_idle_time_is_not_saved_up() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(10, 1, at(0)).count, 1);
        pace.give_back(10, 1);
        assert_eq!(pace.take(10, 1, at(0)).count, 1);
        assert_eq!(pace.take(10, 9, at(60_000)).count, 1);
    }

    #[test]
    fn what_is_charged_is_waited_for() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(10, 1, at(0)).count, 1);
        pace.charge(10, 30);
        assert_eq!(pace.take(10, 1, at(3_099)).count, 0);
        assert_eq!(pace.take(10, 1, at(3_100)).count, 1);
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(1, 1, at(3_600_000)).count, 1);
        assert_eq!(pace.take(1, 1, at(0)).count, 0, "a second is still a second");
        assert_eq!(pace.take(1, 1, at(1000)).count, 1);
    }
}
