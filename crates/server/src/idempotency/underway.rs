//! What one process knows of requests under a key, beside the rows: which are being run, and which came to
//! nothing although their row is still there.
//!
//! Not guaranteed: that others know it, or that it is known after a start.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringback_store::IdempotencyKey;
use ringback_store::idempotency::Nonce;

/// How many requests are remembered that came to nothing while the database did not take that.
const MAX_VOID: usize = 1000;

/// What this process knows of requests under a key. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Underway(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// Are being run now.
    running: HashSet<IdempotencyKey>,
    /// Came to nothing, which the database did not take.
    void: HashMap<IdempotencyKey, Nonce>,
}

/// One that is being run, until it is dropped.
pub(super) struct Run {
    key: IdempotencyKey,
    underway: Underway,
}

impl Underway {
    /// `None` while a request under this key is being run.
    pub(super) fn begin(&self, key: &IdempotencyKey) -> Option<Run> {
        self.lock().running.insert(key.clone()).then(|| Run { key: key.clone(), underway: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    /// Its name.
    pub(super) fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// Notes that it came to nothing.
    pub(super) fn note_void(&self, nonce: Nonce) {
        let void = &mut self.underway.lock().void;
        if void.len() >= MAX_VOID {
            // Then these are ones of which nobody knows.
            void.clear();
        }
        void.insert(self.key.clone(), nonce);
    }

    /// Whether the one of this number is known to have come to nothing. Once: what is run now may happen.
    pub(super) fn takes_void(&self, nonce: Nonce) -> bool {
        self.underway.lock().void.remove(&self.key) == Some(nonce)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.underway.lock().running.remove(&self.key);
    }
}
