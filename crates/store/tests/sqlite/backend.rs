//! A data folder of its own for each case.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use ringback_domain::IdMaker;
use ringback_store::{OpenError, SqliteOptions, SqliteStore, Store};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::conformance::{Backend, Opening, at, keyring};

/// A folder that vanishes with the case, and the data folder in it.
#[derive(Clone)]
pub(crate) struct DatabaseFolder {
    parent: Arc<TempDir>,
    max_queued_writes: usize,
}

impl DatabaseFolder {
    pub(crate) fn new() -> Self {
        Self { parent: Arc::new(TempDir::new().unwrap()), max_queued_writes: 4096 }
    }

    /// The same, opened with room for so many writes.
    pub(crate) fn with_queue_of(self, max_queued_writes: usize) -> Self {
        Self { max_queued_writes, ..self }
    }

    /// The data folder; the first start makes it.
    pub(crate) fn path(&self) -> PathBuf {
        self.parent.path().join("data")
    }

    /// A second connection to the database, as a backup or a person has it.
    pub(crate) fn connection(&self) -> Connection {
        let connection = Connection::open(self.path().join("ringback.db")).unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection
    }
}

/// How the tests open a folder: under key 1.
pub(crate) fn options(folder: &DatabaseFolder) -> SqliteOptions {
    let options = SqliteOptions::new(folder.path(), Arc::new(IdMaker::new(1)), at(0));
    SqliteOptions { keyring: Some(keyring(&[1])), max_queued_writes: folder.max_queued_writes, ..options }
}

#[async_trait]
impl Backend for DatabaseFolder {
    async fn open(&self, opening: Opening) -> Result<Arc<dyn Store>, OpenError> {
        let Opening { keyring, ids, now } = opening;
        let options = SqliteOptions { keyring: Some(keyring), ids, now, ..options(self) };
        Ok(Arc::new(SqliteStore::open(options)?))
    }
}
