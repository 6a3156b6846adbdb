//! A few read-only connections, each used by one read at a time on a thread of the runtime's blocking pool.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::condition::Condition;
use crate::error::StoreError;

pub(super) struct Readers {
    shared: Arc<Shared>,
    condition: Condition,
}

struct Shared {
    path: PathBuf,
    /// As many as there may be connections; closed with them.
    permits: Arc<Semaphore>,
    count: u32,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Connections are opened when first needed, at most `count`.
    pub(super) fn new(path: PathBuf, count: usize, condition: Condition) -> Self {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let permits = Arc::new(Semaphore::new(count as usize));
        let idle = Mutex::new(Vec::new());
        Self { shared: Arc::new(Shared { path, permits, count, idle }), condition }
    }

    /// Runs a read in one transaction, so that all its statements see the same moment.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let permit = Arc::clone(&shared.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let reading = move || {
            // Until the read ends, whether its caller is still there or not: it has a connection.
            let _permit = permit;
            shared.run(work)
        };
        let result = tokio::task::spawn_blocking(reading).await;
        self.condition.noted(result.map_err(|_| StoreError::Closed)?.map_err(StoreError::from))
    }

    /// Fails once the store is closed: for reads that need no connection.
    pub(super) fn check_open(&self) -> Result<(), StoreError> {
        if self.shared.permits.is_closed() { Err(StoreError::Closed) } else { Ok(()) }
    }

    /// Waits for the reads that run, then closes every connection, so that the writer's is the last and
    /// leaves no log file behind. Later reads are refused.
    pub(super) async fn close(&self) {
        // An error means that it was closed before.
        if let Ok(_all) = self.shared.permits.acquire_many(self.shared.count).await {
            self.shared.permits.close();
            self.shared.lock_idle().clear();
        }
    }
}

impl Shared {
    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut connection = match self.lock_idle().pop() {
            Some(connection) => connection,
            None => connect(&self.path)?,
        };
        let transaction = connection.transaction()?;
        let result = work(&transaction);
        transaction.finish()?;
        // A connection that failed may be of no further use (the file was replaced, the disk is gone): open
        // anew next time.
        if result.is_ok() {
            self.lock_idle().push(connection);
        }
        result
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.busy_timeout(super::writer::BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(super::writer::STATEMENT_CACHE);
    Ok(connection)
}
