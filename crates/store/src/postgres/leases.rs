//! Leases: whose they are, and by whose clock they last.
//!
//! A lease is counted from the server's present time, whatever the node's clock says: the caller's two times
//! give only its length. So a node whose clock is an hour fast frees nobody's leases too early, and one whose
//! clock is slow keeps its own no longer than others.

use std::time::Duration;

use ringback_domain::Timestamp;

use super::columns::Key;
use super::options::LeaseClock;

/// The server's present time in Unix milliseconds.
macro_rules! server_ms {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000)::int8"
    };
}
pub(super) use server_ms;

/// How this node takes leases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leases {
    /// The node that holds them.
    pub(super) node: Key,
    pub(super) clock: LeaseClock,
}

impl Leases {
    /// The time to count from, if it is not the server's.
    pub(super) fn present(&self, now: Timestamp) -> Option<i64> {
        (self.clock == LeaseClock::Given).then(|| now.as_unix_ms())
    }

    /// Whether a lease is counted from the time that was passed in.
    pub(super) fn is_given(&self) -> bool {
        self.clock == LeaseClock::Given
    }
}

/// How long a lease lasts that is asked for until then, in milliseconds.
pub(super) fn length_ms(now: Timestamp, until: Timestamp) -> i64 {
    let length: Duration = until.since(now);
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 2)
}
