//! How many calls of one source are taken in at once: a source that floods leaves room for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringback_domain::SourceId;

use crate::error::ApiError;

/// The calls under way, by source.
pub(crate) struct Shares {
    max_per_source: usize,
    taken: Arc<Mutex<HashMap<SourceId, usize>>>,
}

/// One call's place. Given back by dropping it.
#[derive(Debug)]
pub(crate) struct Share {
    source_id: SourceId,
    taken: Arc<Mutex<HashMap<SourceId, usize>>>,
}

impl Shares {
    /// At most so many calls of one source, at least one.
    pub(crate) fn new(max_per_source: usize) -> Self {
        Self { max_per_source: max_per_source.max(1), taken: Arc::default() }
    }

    /// A place for a call of this source, or a 503 that is this source's alone.
    pub(crate) fn take(&self, source_id: SourceId) -> Result<Share, ApiError> {
        let mut taken = lock(&self.taken);
        let own = taken.entry(source_id).or_default();
        if *own >= self.max_per_source {
            let message = "too many calls to this source are being taken in; try again shortly";
            return Err(ApiError::unavailable("source_overloaded", message));
        }
        *own += 1;
        Ok(Share { source_id, taken: Arc::clone(&self.taken) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(own) = taken.get_mut(&self.source_id) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.source_id);
            }
        }
    }
}

fn lock(taken: &Mutex<HashMap<SourceId, usize>>) -> MutexGuard<'_, HashMap<SourceId, usize>> {
    // Every change under the lock is whole before anything could panic.
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ringback_domain::TypedId;

    use super::*;

    #[test]
    fn one_source_that_floods_leaves_the_others_alone() {
        let (a, b) = (SourceId::from_bytes([1; 16]), SourceId::from_bytes([2; 16]));
        let shares = Shares::new(2);
        let first = shares.take(a).unwrap();
        let _second = shares.take(a).unwrap();
        assert_eq!(shares.take(a).unwrap_err().code(), "source_overloaded");
        assert!(shares.take(b).is_ok());
        drop(first);
        assert!(shares.take(a).is_ok());
    }

    #[test]
    fn what_is_given_back_is_forgotten() {
        let shares = Shares::new(1);
        drop(shares.take(SourceId::from_bytes([1; 16])).unwrap());
        assert!(lock(&shares.taken).is_empty());
    }
}
