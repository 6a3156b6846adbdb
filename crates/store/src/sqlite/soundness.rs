//! Is the database sound? Looked for at the start, before anything is built on it.
//!
//! Not guaranteed: that all damage is found. A database that takes longer to read than [`LONGEST`] is looked
//! at in part, for a start is not to take the longer the more there is; and the database has sums over its
//! structure, not over its content.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::trouble::is_locked;
use crate::error::OpenError;

/// How long is looked at most: some hundred megabytes.
const LONGEST: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Debug, thiserror::Error)]
#[error("the check of the database says: {0}")]
struct Finding(String);

/// Refuses a database that is damaged, or that another program keeps locked.
pub(super) fn check(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let finding = quick_check(connection).map_err(|source| refusal(path, source))?;
    if finding != "ok" {
        return Err(OpenError::Damaged { path: path.to_owned(), source: Box::new(Finding(finding)) });
    }
    // A write is to be possible. Waits for a lock that somebody holds for a moment only.
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(|source| refusal(path, source))
}

/// Why a database cannot be opened, by what the database said.
pub(super) fn refusal(path: &Path, source: rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    if is_locked(&source) {
        OpenError::Busy { path, source: Box::new(source) }
    } else {
        OpenError::Database { path, source: Box::new(source) }
    }
}

/// The first finding, or `ok`; also `ok` when there is none until the time is up.
fn quick_check(connection: &Connection) -> rusqlite::Result<String> {
    let interrupt = connection.get_interrupt_handle();
    let (done, ended) = mpsc::channel::<()>();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended.recv_timeout(LONGEST) == Err(RecvTimeoutError::Timeout) {
                interrupt.interrupt();
            }
        });
        let outcome = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        drop(done);
        outcome
    });
    match outcome {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok("ok".to_owned())
        }
        outcome => outcome,
    }
}
