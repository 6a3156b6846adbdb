//! The wall clock, for signatures and for the times in rows.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds now.
#[expect(
    clippy::disallowed_methods,
    reason = "a composition root of its own: there is nobody to pass the time in"
)]
pub(crate) fn unix_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Unix seconds now, as the wire has them.
pub(crate) fn unix_secs() -> ringback_webhook::UnixSeconds {
    ringback_webhook::UnixSeconds(unix_ms().div_euclid(1000))
}
