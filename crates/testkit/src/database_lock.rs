//! Another program that has the database locked: a backup, or a person with a shell on the file.

use std::path::Path;

use rusqlite::Connection;

use crate::wait::PATIENCE;

/// Holds the database of a data folder against every writer, until it is dropped.
#[derive(Debug)]
pub struct DatabaseLock {
    _transaction: Connection,
}

impl DatabaseLock {
    /// Takes the lock, once whoever writes at the moment is done.
    ///
    /// Blocks for a moment. While it is held this process must not open the database's files otherwise:
    /// closing them again would give up the lock.
    ///
    /// # Panics
    /// When there is no database, or it stays locked by somebody else for [`PATIENCE`].
    #[must_use]
    pub fn take(data_dir: &Path) -> Self {
        let connection =
            Connection::open(data_dir.join("ringback.db")).expect("a gateway's database is there");
        connection.busy_timeout(PATIENCE).expect("a time-out can be set");
        connection.execute_batch("BEGIN EXCLUSIVE").expect("a database is free in the end");
        Self { _transaction: connection }
    }
}
