//! The configuration in memory, and its changes: this node's own, and those that others made.
//!
//! A change begins with raising the number of the configuration, so that there is one change at a time over all nodes, and what it looks
//! up (how many there are, whether a name is free) stays true until its commit. After the commit the snapshot is replaced, and then
//! the change is answered. If what was raised is not the edition that this node knows, another node has changed something, and all is read
//! anew. An edition is a number and a stamp: numbers come up again when a standby that was behind takes over.

use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::{Instant, timeout};
use tokio_postgres::Row;

use super::columns::{self, Key};
use super::connections::{BOUND, Connection, Connections, Transaction};
use super::failure::{DatabaseError, Failure};
use super::load;
use crate::config::Config;
use crate::keyring::Keyring;

const LOCK: &str = "SELECT version, stamp FROM config_version FOR UPDATE";
const RAISE: &str =
    "UPDATE config_version SET version = version + 1, stamp = gen_random_uuid() RETURNING version, stamp";
/// How old what is known may be for calls to be taken by it.
const STALE_AFTER: Duration = Duration::from_secs(5);
const EDITION: &str = "SELECT version, stamp FROM config_version";

/// Which configuration it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edition {
    version: i64,
    stamp: Key,
}

impl Edition {
    /// The one that is committed, as this transaction sees it.
    pub(super) async fn read(tx: &Connection) -> Result<Self, Failure> {
        Self::of(&tx.query_one(EDITION, &[]).await?)
    }

    fn of(row: &Row) -> Result<Self, Failure> {
        Ok(Self { version: columns::get(row, 0)?, stamp: columns::get(row, 1)? })
    }
}

/// What a change begins with.
#[derive(Debug, Clone, Copy)]
struct Raised {
    from: Edition,
    to: Edition,
}

/// Makes another edition of it: from now on nobody else changes anything, until the end of the transaction.
pub(super) async fn raise(tx: &Connection) -> Result<(), Failure> {
    raised(tx).await.map(drop)
}

async fn raised(tx: &Connection) -> Result<Raised, Failure> {
    let (from, to) = tokio::try_join!(biased; tx.query_one(LOCK, &[]), tx.query_one(RAISE, &[]))?;
    Ok(Raised { from: Edition::of(&from)?, to: Edition::of(&to)? })
}

/// The configuration as this node knows it.
pub(super) struct Snapshot {
    connections: Arc<Connections>,
    keyring: Arc<Keyring>,
    config: ArcSwap<Config>,
    /// Which one the snapshot is. Held while it changes.
    edition: Mutex<Edition>,
    /// When it was last known to be what the rows say.
    confirmed: std::sync::Mutex<Instant>,
    /// Woken by each change of this node.
    pub(super) changed: Notify,
}

impl Snapshot {
    /// Reads all of it.
    pub(super) async fn load(connections: Arc<Connections>, keyring: Arc<Keyring>) -> Result<Self, Failure> {
        let (config, edition) = load::config(&connections, &keyring).await?;
        Ok(Self {
            connections,
            keyring,
            config: ArcSwap::from_pointee(config),
            edition: Mutex::new(edition),
            confirmed: std::sync::Mutex::new(Instant::now()),
            changed: Notify::new(),
        })
    }

    /// The present one.
    pub(super) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Reads all of it anew if another node has changed something.
    pub(super) async fn refresh(&self) -> Result<(), Failure> {
        let mut known = self.edition.lock().await;
        let present = Edition::read(&self.connections.get().await?).await?;
        if present != *known {
            self.reload(&mut known).await?;
        }
        *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        Ok(())
    }

    /// Fails if the rows have not been read for so long that what other nodes changed may be unknown here.
    pub(super) fn check_fresh(&self) -> Result<(), Failure> {
        let confirmed = *self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed.elapsed() < STALE_AFTER {
            Ok(())
        } else {
            Err(Failure::Unavailable(DatabaseError::Stale))
        }
    }

    async fn reload(&self, known: &mut Edition) -> Result<(), Failure> {
        let (config, edition) = load::config(&self.connections, &self.keyring).await?;
        self.config.store(Arc::new(config));
        *known = edition;
        Ok(())
    }

    /// Changes the snapshot alone, by something that other nodes need not know at once.
    pub(super) async fn patch(&self, publish: impl FnOnce(&mut Config)) {
        let _known = self.edition.lock().await;
        self.publish(publish);
    }

    fn publish(&self, publish: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(&self.config.load());
        publish(&mut config);
        self.config.store(Arc::new(config));
    }

    /// Begins a change. Nobody else changes anything until it is committed or dropped.
    pub(super) async fn change(&self) -> Result<Change<'_>, Failure> {
        let change = self.change_if(|_| true).await?;
        change.ok_or(Failure::Again)
    }

    /// As [`change`](Self::change), unless `is_needed` says that there is nothing left to do.
    pub(super) async fn change_if(
        &self,
        is_needed: impl FnOnce(&Config) -> bool,
    ) -> Result<Option<Change<'_>>, Failure> {
        // Others may be waiting in a queue before it, each for a database that does not answer.
        let known = timeout(BOUND, self.edition.lock()).await;
        let known = known.map_err(|_| Failure::Unavailable(DatabaseError::NoAnswer))?;
        if !is_needed(&self.config.load()) {
            return Ok(None);
        }
        let tx = self.connections.write().await?;
        let raised = raised(&tx).await?;
        Ok(Some(Change { snapshot: self, known, tx, raised }))
    }
}

/// A change of the configuration: a transaction, and what comes after its commit.
pub(super) struct Change<'a> {
    snapshot: &'a Snapshot,
    known: MutexGuard<'a, Edition>,
    tx: Transaction,
    raised: Raised,
}

impl Change<'_> {
    /// Commits; the snapshot has the change when this returns.
    pub(super) async fn commit(self, publish: impl FnOnce(&mut Config)) -> Result<(), Failure> {
        let Self { snapshot, mut known, tx, raised } = self;
        tx.commit().await?;
        if *known == raised.from {
            *known = raised.to;
            snapshot.publish(publish);
        } else if snapshot.reload(&mut known).await.is_err() {
            // It is committed, whatever comes after; what others have changed is read when the database can be.
            snapshot.publish(publish);
        }
        snapshot.changed.notify_one();
        Ok(())
    }
}

impl Deref for Change<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.tx
    }
}
