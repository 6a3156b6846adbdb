//! The walk over old events in search of those that may go: a bounded number of them at a time.
//!
//! A million old events may be held by deliveries that are pending for a dead endpoint, and lie before the
//! first that can go. So a look is at so many and no more, and the next one goes on where it ended. A sweep
//! of retention walks from where the one before it stopped, and does not begin anew once it has come to the
//! end, however long it has other things to remove.
//!
//! The actors: a backend, which looks and removes, and whoever calls it step by step until a step removes
//! nothing.
//!
//! Not guaranteed: that what was found can still go, or is found again soon if it could not be removed: the
//! walk comes by in its next round.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::StoreError;

/// How many events are looked at at once: some tens of milliseconds, or a second where all has to come from
/// the disk.
pub(crate) const LOOKED_AT_ONCE: usize = 5_000;

/// How many times one step looks at most, while nothing is found and nothing else is to be removed: at a
/// million events. The next sweep goes on there.
const LOOKS_PER_STEP: usize = 200;

/// A walk, and what it has found: events, and the place of the one that was looked at last.
pub(crate) struct Walk<E, P>(Mutex<State<E, P>>);

struct State<E, P> {
    /// Events that were found to be old and finished: a hint for the next steps.
    found: VecDeque<E>,
    /// `None` before the first.
    place: Option<P>,
    /// Whether this sweep has walked to the end, or cannot.
    is_over: bool,
    /// How many times this step has looked.
    looks: usize,
}

/// What a look has come to.
pub(crate) struct Looked<E, P> {
    /// Events that may go.
    pub(crate) found: Vec<E>,
    /// Where the next one goes on; `None` at the end.
    pub(crate) place: Option<P>,
}

impl<E, P> Default for Walk<E, P> {
    fn default() -> Self {
        Self(Mutex::new(State { found: VecDeque::new(), place: None, is_over: false, looks: 0 }))
    }
}

impl<E, P: Copy> Walk<E, P> {
    /// Takes up to `limit` of those that were found out.
    pub(crate) fn take(&self, limit: usize) -> Vec<E> {
        let mut state = self.lock();
        let count = limit.min(state.found.len());
        state.found.drain(..count).collect()
    }

    /// Puts back what was taken, since others are removing.
    pub(crate) fn put_back(&self, found: Vec<E>) {
        self.lock().found.extend(found);
    }

    /// Goes on by a look beyond the place, if nothing that was found is left and there is something to walk
    /// to in this step. Says whether there may be more to do.
    pub(crate) async fn go_on<L>(&self, look: impl FnOnce(Option<P>) -> L + Send) -> bool
    where
        L: Future<Output = Result<Looked<E, P>, StoreError>> + Send,
    {
        let place = {
            let mut state = self.lock();
            if state.is_over || !state.found.is_empty() || state.looks >= LOOKS_PER_STEP {
                return false;
            }
            state.looks += 1;
            state.place
        };
        let looked = look(place).await;
        let mut state = self.lock();
        match looked {
            Ok(Looked { found, place }) => {
                state.found.extend(found);
                state.is_over = place.is_none();
                state.place = place;
            }
            Err(error) => {
                // Nothing else waits for it. If the database is away, the deletes beside it say so.
                state.is_over = true;
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "events that retention allows to go could not be looked for; the next sweep goes on here"
                );
            }
        }
        !state.is_over || !state.found.is_empty()
    }

    /// Ends a step. One that has removed nothing is the last of its sweep: the next sweep goes on, or from
    /// the beginning if this one came to the end.
    pub(crate) fn end_step(&self, removed: usize) {
        let mut state = self.lock();
        state.is_over &= removed > 0;
        state.looks = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State<E, P>> {
        // What is in it is only a hint, whole or not.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
