//! How the database does: told in the log when that changes and now and then, not for each caller that meets it.
//!
//! Reading and writing have a condition each, for one may go well while the other does not. What both share is whether
//! damage was seen: then nothing more is taken in from outside, for all that came after a backup is lost with the damaged
//! file, whereas a sender that was told to come back still has its event.
//!
//! Not guaranteed: a line for each change. When changes come thick and fast, as at the edge of an overload, there are at most
//! two lines in [`QUIET`]; what was not told is in the next line's count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::trouble::Trouble;
use crate::error::StoreError;

/// The least time between two lines about trouble.
const QUIET: Duration = Duration::from_secs(10);

/// The condition of reading or of writing.
pub(super) struct Condition {
    trouble: &'static str,
    its_end: &'static str,
    /// Whether the last one failed. Beside the lock, so that those who succeed one after the other need not take it.
    failing: AtomicBool,
    told: Mutex<Told>,
    damaged: Arc<AtomicBool>,
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
    /// Of writing. Nothing is wrong yet.
    pub(super) fn of_writing() -> Self {
        Self::new("the database takes no writes", "the database takes writes again", Arc::default())
    }

    /// Of reading the same database.
    pub(super) fn of_reading(writing: &Self) -> Self {
        let damaged = Arc::clone(&writing.damaged);
        Self::new("the database cannot be read", "the database can be read again", damaged)
    }

    fn new(trouble: &'static str, its_end: &'static str, damaged: Arc<AtomicBool>) -> Self {
        Self { trouble, its_end, failing: AtomicBool::new(false), told: Mutex::default(), damaged }
    }

    /// Fails once damage was seen, by readers or the writer. There is no way back but a new start.
    pub(super) fn check_sound(&self) -> Result<(), StoreError> {
        if self.damaged.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable(Arc::new(Trouble::DamageSeen)));
        }
        Ok(())
    }

    /// Notes how one caller fared, and gives it on.
    pub(super) fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        match &outcome {
            Err(error @ (StoreError::Unavailable(_) | StoreError::Overloaded)) => self.failed(error),
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

    fn failed(&self, error: &StoreError) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.failing.store(true, Ordering::Relaxed);
        if let StoreError::Unavailable(cause) = error
            && matches!(cause.downcast_ref(), Some(Trouble::Damaged(_)))
        {
            self.damaged.store(true, Ordering::Relaxed);
        }
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
    use rusqlite::ffi;

    use super::super::trouble::explain;
    use super::*;

    fn failure(code: i32) -> Result<(), StoreError> {
        Err(StoreError::Unavailable(explain(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))))
    }

    #[test]
    fn damage_that_a_reader_met_stops_what_comes_in_and_nothing_else_does() {
        let writing = Condition::of_writing();
        let reading = Condition::of_reading(&writing);
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR, ffi::SQLITE_CANTOPEN] {
            assert!(reading.noted(failure(code)).is_err());
            assert!(writing.noted(failure(code)).is_err());
            assert!(writing.check_sound().is_ok());
        }
        assert!(reading.noted(failure(ffi::SQLITE_CORRUPT)).is_err());
        assert!(reading.noted(Ok(())).is_ok());
        assert!(matches!(writing.check_sound(), Err(StoreError::Unavailable(_))), "there is no way back");
    }

    #[test]
    fn trouble_is_told_once_and_counted_until_it_is_over() {
        let condition = Condition::of_writing();
        let told = || {
            let told = condition.told.lock().unwrap();
            (told.of_trouble, told.refused)
        };
        for refused in 1..=3 {
            let _ = condition.noted(failure(ffi::SQLITE_FULL));
            assert_eq!(told(), (true, refused));
        }
        let _ = condition.noted(Err::<(), _>(StoreError::Closed));
        assert_eq!(told(), (true, 3), "its closing is not its recovery");
        let _ = condition.noted(Err::<(), _>(StoreError::NotFound { noun: "x" }));
        assert_eq!(told(), (false, 0), "an answer is one");
        // Again so soon: counted, and told with the next line.
        let _ = condition.noted(Err::<(), _>(StoreError::Overloaded));
        assert_eq!(told(), (false, 1));
        let _ = condition.noted(Ok(()));
        assert_eq!(told(), (false, 1));
    }
}
