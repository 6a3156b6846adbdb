//! When a delivery may go that waits for another one in its order.

use std::time::Duration;

use ringback_domain::Timestamp;

/// By the first attempt of the one before: there may be none before it, or none made yet. `None`: it goes on
/// waiting.
pub(crate) fn released_at(
    before: Option<Option<Timestamp>>,
    wait: Duration,
    now: Timestamp,
) -> Option<Timestamp> {
    match before {
        None => Some(now),
        Some(None) => None,
        Some(Some(first_attempt_at)) => Some(first_attempt_at.plus(wait).max(now)),
    }
}
