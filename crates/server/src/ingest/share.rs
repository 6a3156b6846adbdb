//! How much of one source is taken in at once, in calls and in bytes: a source that floods leaves room for
//! the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringback_domain::SourceId;

use crate::error::ApiError;

/// What is under way, by source.
pub(crate) struct Shares {
    max: Held,
    held: Arc<Mutex<HashMap<SourceId, Held>>>,
}

/// How much of one source is under way.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    calls: usize,
    bytes: usize,
}

/// One call's share. Given back by dropping it.
#[derive(Debug)]
pub(crate) struct Share {
    source_id: SourceId,
    bytes: usize,
    held: Arc<Mutex<HashMap<SourceId, Held>>>,
}

impl Shares {
    /// At most so many calls of one source, and so many bytes in their bodies together; at least one call,
    /// however large.
    pub(crate) fn new(max_calls: usize, max_bytes: usize) -> Self {
        let max = Held { calls: max_calls.max(1), bytes: max_bytes };
        Self { max, held: Arc::default() }
    }

    /// A share for a call of this source, or a 503 that is this source's alone.
    pub(crate) fn take(&self, source_id: SourceId, bytes: usize) -> Result<Share, ApiError> {
        let mut held = lock(&self.held);
        let own = held.entry(source_id).or_default();
        let fits = own.calls < self.max.calls && own.bytes.saturating_add(bytes) <= self.max.bytes;
        if own.calls > 0 && !fits {
            let message = "too many calls to this source are being taken in; try again shortly";
            return Err(ApiError::unavailable("source_overloaded", message));
        }
        own.calls += 1;
        own.bytes += bytes;
        Ok(Share { source_id, bytes, held: Arc::clone(&self.held) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(own) = held.get_mut(&self.source_id) {
            own.calls -= 1;
            own.bytes -= self.bytes;
            if own.calls == 0 {
                held.remove(&self.source_id);
            }
        }
    }
}

fn lock(held: &Mutex<HashMap<SourceId, Held>>) -> MutexGuard<'_, HashMap<SourceId, Held>> {
    // Every change under the lock is whole before anything could panic.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ringback_domain::TypedId;

    use super::*;

    const PLENTY: usize = 1000;

    fn source(n: u8) -> SourceId {
        SourceId::from_bytes([n; 16])
    }

    #[test]
    fn one_source_that_floods_leaves_the_others_alone() {
        let shares = Shares::new(2, PLENTY);
        let first = shares.take(source(1), 1).unwrap();
        let _second = shares.take(source(1), 1).unwrap();
        assert_eq!(shares.take(source(1), 1).unwrap_err().code(), "source_overloaded");
        assert!(shares.take(source(2), 1).is_ok());
        drop(first);
        assert!(shares.take(source(1), 1).is_ok());
    }

    #[test]
    fn few_large_calls_flood_too() {
        let shares = Shares::new(PLENTY, 100);
        let _first = shares.take(source(1), 60).unwrap();
        assert_eq!(shares.take(source(1), 41).unwrap_err().code(), "source_overloaded");
        assert!(shares.take(source(2), 41).is_ok());
        drop(shares.take(source(1), 40).unwrap());
        assert!(shares.take(source(1), 40).is_ok(), "what is given back is there again");
    }

    #[test]
    fn one_call_at_a_time_is_always_taken() {
        let shares = Shares::new(0, 0);
        let only = shares.take(source(1), 60).unwrap();
        assert!(shares.take(source(1), 0).is_err());
        drop(only);
        assert!(shares.take(source(1), 60).is_ok());
    }

    #[test]
    fn what_is_given_back_is_forgotten() {
        let shares = Shares::new(1, PLENTY);
        drop(shares.take(source(1), 1).unwrap());
        assert!(lock(&shares.held).is_empty());
    }
}
