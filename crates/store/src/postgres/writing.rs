//! How writing goes: told in the log when that changes, and whether there is room on the server's disk for
//! what comes next.
//!
//! While a table cannot grow, much still goes well: a row's new version finds a place in a page that is
//! there. So a commit proves nothing then, and a node that has met a full disk has to see a table grow before
//! it says that it is ready. That is no promise either: who fills the disk next is not known.
//!
//! A log that cannot grow is another matter: then the server itself goes down.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::error::SqlState;

use super::columns::{self, Key};
use super::connections::Connections;
use super::failure::{DatabaseError, Failure};
use crate::condition::Condition;
use crate::error::StoreError;

/// Rows of a table that leaves nine tenths of each page empty: more than 64 KiB of them.
const PROBE_ROWS: u32 = 250;
/// How long nobody has met a full disk when it counts as over, if no check has found that out.
const OVER_AFTER: Duration = Duration::from_secs(10);

/// What this node knows of it.
pub(super) struct Writing {
    told: Condition,
    /// When somebody met a full disk last, until that is over.
    full_at: Mutex<Option<Instant>>,
}

impl Writing {
    /// Nothing is wrong yet.
    pub(super) fn new() -> Self {
        let told = Condition::new("the database takes no writes", "the database takes writes again");
        Self { told, full_at: Mutex::default() }
    }

    /// Notes how a write went, and gives it on.
    pub(super) fn noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if outcome.is_ok() && self.is_still_full() {
            // What finds a place on a full disk is not the end of the trouble.
            return outcome;
        }
        if let Err(error) = &outcome
            && is_disk_full(error)
        {
            *self.lock() = Some(Instant::now());
        }
        self.told.noted(outcome)
    }

    /// Notes the trouble of what does not get as far as the database when all is well.
    pub(super) fn trouble_noted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        self.told.trouble_noted(outcome)
    }

    /// Fails if the disk was full when last seen, and is full now. Costs nothing as long as it was not.
    pub(super) async fn check_room(&self, connections: &Connections, node: Key) -> Result<(), Failure> {
        if self.lock().is_some() {
            probe(connections, node).await?;
            *self.lock() = None;
        }
        Ok(())
    }

    fn is_still_full(&self) -> bool {
        let mut full_at = self.lock();
        *full_at = full_at.filter(|at| at.elapsed() < OVER_AFTER);
        full_at.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_disk_full(error: &StoreError) -> bool {
    let StoreError::Unavailable(cause) = error else { return false };
    matches!(cause.downcast_ref(), Some(DatabaseError::Server { code, .. }) if code == SqlState::DISK_FULL.code())
}

/// Makes a table of this node's own and fills some pages of it. It is never committed, and gone with its file
/// afterwards.
async fn probe(connections: &Connections, node: Key) -> Result<(), Failure> {
    let name = format!("\"room_{}\"", columns::hex(node));
    let tx = connections.write().await?;
    tx.batch(&format!(
        "CREATE TABLE {name} (n INT4) WITH (fillfactor = 10, autovacuum_enabled = off); \
         INSERT INTO {name} SELECT generate_series(1, {PROBE_ROWS})"
    ))
    .await
}
