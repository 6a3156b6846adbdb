//! How far this node's clock is from the database's, as the last heartbeat has found it; told in the log when
//! that changes.
//!
//! The ids of events and attempts begin with the time, by which they are divided (see `partitions`). A node
//! whose clock is so far off that its rows would have no place takes nothing in and leases nothing: what it
//! attempts could not be recorded. It is as good as any other as soon as its clock is right, since its ids
//! follow.
//!
//! Not guaranteed: that nothing is attempted in vain. Between the step of a clock and the heartbeat that
//! tells of it up to some six seconds pass.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::failure::{DatabaseError, Failure};
use super::options::LeaseClock;
use super::partitions::AHEAD;

/// How far a node's clock may be from the database's before that is told.
const TOLERABLE_MS: u64 = 2000;

/// What is known of it.
pub(super) struct Skew {
    /// How far ahead rows of this node's time have their place, in milliseconds; less than nothing is behind.
    bearable_ms: RangeInclusive<i64>,
    /// How far ahead it was when last compared.
    ahead_ms: AtomicI64,
}

/// What a difference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Right,
    Off,
    Unbearable,
}

impl Skew {
    /// Of a node that keeps events for `retention`. One whose time is invented is never off.
    pub(super) fn new(clock: LeaseClock, retention: Duration) -> Self {
        let bearable_ms = match clock {
            // What is younger than the retention is in a partition that is still there.
            LeaseClock::Server => -ms(retention)..=ms(AHEAD),
            LeaseClock::Given => i64::MIN..=i64::MAX,
        };
        Self { bearable_ms, ahead_ms: AtomicI64::new(0) }
    }

    /// Notes by how much this node's clock is ahead.
    pub(super) fn note(&self, ahead_ms: i64) {
        let before = self.ahead_ms.swap(ahead_ms, Ordering::Relaxed);
        let extent = self.extent(ahead_ms);
        if extent == self.extent(before) {
            return;
        }
        match extent {
            Extent::Unbearable => tracing::error!(
                node.clock_ahead_ms = ahead_ms,
                "this node's clock is so far from the database's that rows of its time have no place there: it takes nothing in and \
                 attempts nothing until the clock is right; set it by NTP"
            ),
            Extent::Off => tracing::warn!(
                node.clock_ahead_ms = ahead_ms,
                "this node's clock is far from the database's: retries come early or late by as much, and calls are refused for \
                 their timestamp; set it by NTP"
            ),
            Extent::Right => {
                tracing::info!(node.clock_ahead_ms = ahead_ms, "this node's clock is right again");
            }
        }
    }

    /// Whether what this node makes now has its place.
    pub(super) fn is_bearable(&self) -> bool {
        self.check().is_ok()
    }

    /// Fails if it has not.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let ahead_ms = self.ahead_ms.load(Ordering::Relaxed);
        if self.bearable_ms.contains(&ahead_ms) {
            return Ok(());
        }
        let side = if ahead_ms > 0 { "ahead of" } else { "behind" };
        Err(Failure::Unavailable(DatabaseError::ClockOff { by: in_words(ahead_ms.unsigned_abs()), side }))
    }

    fn extent(&self, ahead_ms: i64) -> Extent {
        if !self.bearable_ms.contains(&ahead_ms) {
            Extent::Unbearable
        } else if ahead_ms.unsigned_abs() > TOLERABLE_MS {
            Extent::Off
        } else {
            Extent::Right
        }
    }
}

/// A difference, in the largest unit of which it is two.
fn in_words(ms: u64) -> String {
    let units = [("days", 24 * 3600 * 1000), ("hours", 3600 * 1000), ("minutes", 60 * 1000)];
    let fitting = units.iter().find(|(_, unit)| ms >= 2 * unit);
    fitting.map_or_else(|| format!("{} s", ms / 1000), |(name, unit)| format!("{} {name}", ms / unit))
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3600 * 1000;

    fn is_bearable(skew: &Skew, days: i64) -> bool {
        skew.note(days * DAY_MS);
        assert_eq!(skew.check().is_ok(), skew.is_bearable());
        skew.is_bearable()
    }

    #[test]
    fn a_clock_may_be_two_weeks_ahead_and_the_retention_behind() {
        let skew = Skew::new(LeaseClock::Server, Duration::from_secs(30 * 24 * 3600));
        for (days, expected) in [(0, true), (14, true), (15, false), (-30, true), (-31, false), (1, true)] {
            assert_eq!(is_bearable(&skew, days), expected, "{days} days ahead");
        }
        let brief = Skew::new(LeaseClock::Server, Duration::from_secs(24 * 3600));
        assert!(is_bearable(&brief, -1) && !is_bearable(&brief, -2));
    }

    #[test]
    fn an_invented_time_is_never_off() {
        let skew = Skew::new(LeaseClock::Given, Duration::ZERO);
        assert!(is_bearable(&skew, 4000) && is_bearable(&skew, -4000));
    }

    #[test]
    fn how_far_off_it_is_is_said() {
        let skew = Skew::new(LeaseClock::Server, Duration::from_secs(30 * 24 * 3600));
        skew.note(-40 * DAY_MS - 1);
        let Err(Failure::Unavailable(why)) = skew.check() else { panic!("it is off") };
        assert!(why.to_string().contains("40 days behind"), "{why}");
        for (ms, words) in [(47 * 3_600_000, "47 hours"), (119_999, "119 s"), (120_000, "2 minutes")] {
            assert_eq!(in_words(ms), words);
        }
    }
}
