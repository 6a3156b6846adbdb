//! Time since boot, including time suspended.
//!
//! When a machine is suspended, [`std::time::Instant`] stands still with it. The others have long taken its
//! node for dead when it wakes up, and by that clock no time has passed.
//!
//! Not guaranteed: that a virtual machine counts the time for which its host has stopped it. A node on one
//! that does not finds out by the answer to its next heartbeat.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A clock that does not sleep.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;
/// A clock that, on macOS, does not sleep.
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// A moment by that clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Uptime(Duration);

impl Uptime {
    /// The present one.
    pub(super) fn now() -> Self {
        let time = clock_gettime(CLOCK);
        // Neither is negative by a clock that begins at the start.
        let (secs, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
        Self(Duration::new(secs.unwrap_or_default(), nanos.unwrap_or_default()))
    }

    /// How long before this one `earlier` was; nothing if it was later.
    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// How long ago it was.
    pub(super) fn elapsed(self) -> Duration {
        Self::now().since(self)
    }
}

#[cfg(test)]
impl Uptime {
    /// When the machine was started.
    pub(super) const START: Self = Self(Duration::ZERO);
}

#[cfg(test)]
impl std::ops::Add<Duration> for Uptime {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0 + span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/proc/uptime` counts the time asleep: in seconds, with two decimals.
    #[cfg(target_os = "linux")]
    #[test]
    fn is_what_the_machine_says_of_its_time_since_the_start() {
        let told = std::fs::read_to_string("/proc/uptime").unwrap();
        let told: f64 = told.split_whitespace().next().unwrap().parse().unwrap();
        let told = Uptime(Duration::from_secs_f64(told));
        assert!(
            told.elapsed() < Duration::from_secs(1) && told.since(Uptime::now()) < Duration::from_secs(1)
        );
    }
}
