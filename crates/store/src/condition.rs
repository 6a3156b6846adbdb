//! How a part of the database does: told in the log when that changes and now and then, not for each caller
//! that meets it.
//!
//! Not guaranteed: a line for each change. When changes come thick and fast, as at the edge of an overload,
//! there are at most two lines in [`QUIET`]; what was not told is in the next line's count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::StoreError;

/// The least time between two lines about trouble.
const QUIET: Duration = Duration::from_secs(10);

/// The condition of reading, or of writing.
pub(crate) struct Condition {
    trouble: &'static str,
    its_end: &'static str,
    /// Whether the last one failed. Beside the lock, so that those who succeed one after the other need not
    /// take it.
    failing: AtomicBool,
    told: Mutex<Told>,
}

/// What the log knows.
#[derive(Default)]
struct Told {
    /// The trouble, and not yet its end.
    of_trouble: bool,
    last: Option<Instant>,
    /// Callers that were refused since the last trouble that was told from beginning to end.
    refused: u64,
}

impl Condition {
    /// Nothing is wrong yet.
    pub(crate) fn new(trouble: &'static str, its_end: &'static str) -> Self {
        Self { trouble, its_end, failing: AtomicBool::new(false), told: Mutex::default() }
    }

    /// Notes how one caller fared, and gives it on.
    pub(crate) fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match &outcome {
            Err(error @ (StoreError::Unavailable(_) | StoreError::InDoubt(_) | StoreError::Overloaded)) => {
                self.failed(error);
            }
            // Closed says nothing of the database.
            Err(StoreError::Closed) => {}
            _ => {
                if self.failing.load(Ordering::Relaxed) {
                    self.succeeded();
                }
            }
        }
        outcome
    }

    /// Notes the trouble of something that does not get as far as the database when all is well: that it went
    /// well says nothing of it.
    pub(crate) fn trouble_noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match outcome {
            Err(error) => self.noted(Err(error)),
            well => well,
        }
    }

    fn failed(&self, error: &StoreError) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.failing.store(true, Ordering::Relaxed);
        told.refused += 1;
        if told.last.is_none_or(|last| last.elapsed() >= QUIET) {
            told.last = Some(Instant::now());
            told.of_trouble = true;
            let error = error as &dyn std::error::Error;
            tracing::error!(error, store.refused = told.refused, "{}", self.trouble);
        }
    }

    fn succeeded(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.failing.store(false, Ordering::Relaxed);
        if std::mem::take(&mut told.of_trouble) {
            let refused = std::mem::take(&mut told.refused);
            tracing::info!(store.refused = refused, "{}", self.its_end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_once_and_counted_until_it_is_over() {
        let condition = Condition::new("trouble", "its end");
        let told = || {
            let told = condition.told.lock().unwrap();
            (told.of_trouble, told.refused)
        };
        for refused in 1..=3 {
            let _ = condition.noted(Err::<(), _>(StoreError::Overloaded));
            assert_eq!(told(), (true, refused));
        }
        let _ = condition.noted(Err::<(), _>(StoreError::Closed));
        assert_eq!(told(), (true, 3), "its closing is not its recovery");
        let _ = condition.trouble_noted(Ok(()));
        assert_eq!(told(), (true, 3), "nobody has asked the database");
        let _ = condition.trouble_noted(Err::<(), _>(StoreError::Overloaded));
        assert_eq!(told(), (true, 4));
        let _ = condition.noted(Err::<(), _>(StoreError::NotFound { noun: "x" }));
        assert_eq!(told(), (false, 0), "an answer is one");
        // Again so soon: counted, and told with the next line.
        let _ = condition.noted(Err::<(), _>(StoreError::Overloaded));
        assert_eq!(told(), (false, 1));
        let _ = condition.noted(Ok(()));
        assert_eq!(told(), (false, 1));
    }
}
