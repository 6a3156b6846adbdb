//! How the database does, and whether damage was seen: then nothing more is taken in from outside, for all
//! that came after a backup is lost with the damaged file, whereas a sender that was told to come back still
//! has its event.
//!
//! Reading and writing have a condition each, for one may go well while the other does not; what was damaged
//! is damaged for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::trouble::Trouble;
use crate::error::StoreError;

/// The condition of reading or of writing.
pub(super) struct Condition {
    told: crate::condition::Condition,
    damaged: Arc<AtomicBool>,
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
        Self { told: crate::condition::Condition::new(trouble, its_end), damaged }
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
        if let Err(StoreError::Unavailable(cause)) = &outcome
            && matches!(cause.downcast_ref(), Some(Trouble::Damaged(_)))
        {
            self.damaged.store(true, Ordering::Relaxed);
        }
        self.told.noted(outcome)
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
}
