//! When, how fast and in what order an endpoint wants its deliveries.

use std::time::Duration;

use crate::retry::Schedule;
use crate::words::words;

/// How long a delivery waits for the one before it in its order, when the endpoint names no other time: an
/// hour, in seconds.
pub const DEFAULT_ORDERING_WAIT_SECS: u32 = 3600;

/// The longest such wait: the horizon of retries, 72 hours, in seconds.
pub const MAX_ORDERING_WAIT_SECS: u32 = 72 * 3600;

/// The highest rate that an endpoint may name, per second.
pub const MAX_PER_SEC: u32 = 10_000;

/// The most attempts at once that an endpoint may name. The node's own limit holds besides.
pub const MAX_CONCURRENCY: u16 = 1000;

/// The longest that an endpoint or a type may call a delivery fresh: 30 days, in seconds.
pub const MAX_AGE_SECS: u32 = 30 * 24 * 3600;

/// In what order an endpoint's deliveries are attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Ordering {
    /// Each when it is due.
    #[default]
    None,
    /// Those of one object one after the other, in the order of their events. What has no object id, and what
    /// is redelivered or replayed, takes no part.
    Object,
}

words!("ordering", Ordering {
    None = "none",
    Object = "object",
});

/// What an endpoint asks of its deliveries, beside where they go and how they are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRules {
    /// The delays between attempts; `None` is the [`Schedule::default`].
    pub schedule: Option<Schedule>,
    /// At most so many attempts begin per second, 1 to [`MAX_PER_SEC`].
    pub max_per_sec: Option<u32>,
    /// At most so many attempts run at once, 1 to [`MAX_CONCURRENCY`].
    pub max_concurrency: Option<u16>,
    /// Which delivery waits for which.
    pub ordering: Ordering,
    /// How long it waits at most, in seconds since the first attempt of the one before it; 1 to
    /// [`MAX_ORDERING_WAIT_SECS`]. Time before that attempt (paused, with an open breaker, with Ringback
    /// down) costs no order.
    pub ordering_wait_secs: u32,
    /// How old an event may be when it is attempted, in seconds, 1 to [`MAX_AGE_SECS`]; `None`: as its type
    /// says.
    pub max_age_secs: Option<u32>,
}

impl Default for DeliveryRules {
    fn default() -> Self {
        Self {
            schedule: None,
            max_per_sec: None,
            max_concurrency: None,
            ordering: Ordering::None,
            ordering_wait_secs: DEFAULT_ORDERING_WAIT_SECS,
            max_age_secs: None,
        }
    }
}

impl DeliveryRules {
    /// The delays between attempts.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        self.schedule.as_ref().unwrap_or(&Schedule::DEFAULT)
    }

    /// How long a delivery waits for the one before it.
    #[must_use]
    pub const fn ordering_wait(&self) -> Duration {
        Duration::from_secs(self.ordering_wait_secs as u64)
    }

    /// How old an event may be for this endpoint, if its type allows `type_max_age`.
    #[must_use]
    pub fn max_age(&self, type_max_age: Option<Duration>) -> Option<Duration> {
        self.max_age_secs.map(|secs| Duration::from_secs(secs.into())).or(type_max_age)
    }
}
