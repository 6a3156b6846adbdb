//! Memory for the bodies of calls that are under way.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::ApiError;

/// What one permit stands for, in bytes; also what a call counts at least, for its head and its place in the
/// queue.
const UNIT_BYTES: usize = 1024;

/// So much of it is left.
pub(crate) struct Room(Arc<Semaphore>);

impl Room {
    /// Room for bodies of so many bytes together.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.div_ceil(UNIT_BYTES).min(Semaphore::MAX_PERMITS))))
    }

    /// Room for this body, as much as is [`needed`].
    pub(crate) fn reserve(&self, body: &Body, max_bytes: usize) -> Result<OwnedSemaphorePermit, ApiError> {
        let units = u32::try_from(needed(body, max_bytes) / UNIT_BYTES).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(units).map_err(|_| {
            ApiError::unavailable("overloaded", "too many calls are being taken in; try again shortly")
        })
    }
}

/// How many bytes are set aside for a body: as many as it announces, or `max_bytes` if it does not say; in
/// whole units.
pub(crate) fn needed(body: &Body, max_bytes: usize) -> usize {
    let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let bytes = announced.map_or(max_bytes, |bytes| bytes.min(max_bytes));
    bytes.max(1).next_multiple_of(UNIT_BYTES)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_room_is_given_back() {
        let room = Room::new(2 * UNIT_BYTES);
        let small = || Body::from("x");
        let first = room.reserve(&small(), 4096).unwrap();
        let _second = room.reserve(&small(), 4096).unwrap();
        assert_eq!(room.reserve(&small(), 4096).unwrap_err().code(), "overloaded");
        drop(first);
        assert!(room.reserve(&small(), 4096).is_ok());
    }

    #[test]
    fn a_body_of_unknown_size_counts_in_full() {
        let room = Room::new(3 * UNIT_BYTES);
        let unknown = || Body::from_stream(stream::empty::<Result<Vec<u8>, Infallible>>());
        let _held = room.reserve(&unknown(), 2 * UNIT_BYTES).unwrap();
        assert!(room.reserve(&unknown(), 2 * UNIT_BYTES).is_err());
        assert!(room.reserve(&Body::from("x"), 2 * UNIT_BYTES).is_ok());
    }
}
