//! The configuration in memory, and its changes: this node's own, and those that others made.
//!
//! A change begins with raising the number of the configuration, so that there is one change at a time over all nodes, and what it looks
//! up (how many there are, whether a name is free) stays true until its commit. After the commit the snapshot is replaced, and then
//! the change is answered. If the number has moved by more than the change itself, another node has changed something, and all is read
//! anew.

use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::{Instant, timeout};

use super::columns;
use super::connections::{BOUND, Connection, Connections, Transaction};
use super::failure::{DatabaseError, Failure};
use super::load;
use crate::config::Config;
use crate::keyring::Keyring;

const RAISE: &str = "UPDATE config_version SET version = version + 1 RETURNING version";
/// How old what is known may be for calls to be taken by it.
const STALE_AFTER: Duration = Duration::from_secs(5);
const VERSION: &str = "SELECT version FROM config_version";

/// Raises the number: from now on nobody else changes anything, until the end of the transaction.
pub(super) async fn raise(tx: &Connection) -> Result<i64, Failure> {
    columns::get(&tx.query_one(RAISE, &[]).await?, 0)
}

/// The configuration as this node knows it.
pub(super) struct Snapshot {
    connections: Arc<Connections>,
    keyring: Arc<Keyring>,
    config: ArcSwap<Config>,
    /// The number that the snapshot has. Held while it changes.
    version: Mutex<i64>,
    /// When it was last known to be what the rows say.
    confirmed: std::sync::Mutex<Instant>,
    /// Woken by each change of this node.
    pub(super) changed: Notify,
}

impl Snapshot {
    /// Reads all of it.
    pub(super) async fn load(connections: Arc<Connections>, keyring: Arc<Keyring>) -> Result<Self, Failure> {
        let (config, version) = load::config(&connections, &keyring).await?;
        Ok(Self {
            connections,
            keyring,
            config: ArcSwap::from_pointee(config),
            version: Mutex::new(version),
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
        let mut known = self.version.lock().await;
        let row = self.connections.get().await?.query_one(VERSION, &[]).await?;
        if columns::get::<i64>(&row, 0)? != *known {
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

    async fn reload(&self, known: &mut i64) -> Result<(), Failure> {
        let (config, version) = load::config(&self.connections, &self.keyring).await?;
        self.config.store(Arc::new(config));
        *known = version;
        Ok(())
    }

    /// Changes the snapshot alone, by something that other nodes need not know at once.
    pub(super) async fn patch(&self, publish: impl FnOnce(&mut Config)) {
        let _known = self.version.lock().await;
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

    /// The same, unless what others have changed meanwhile, as far as this node knows, leaves nothing to be done.
    pub(super) async fn change_if(
        &self,
        is_needed: impl FnOnce(&Config) -> bool,
    ) -> Result<Option<Change<'_>>, Failure> {
        // Others may be waiting in a queue before it, each for a database that does not answer.
        let known = timeout(BOUND, self.version.lock()).await;
        let known = known.map_err(|_| Failure::Unavailable(DatabaseError::NoAnswer))?;
        if !is_needed(&self.config.load()) {
            return Ok(None);
        }
        let tx = self.connections.write().await?;
        let version = raise(&tx).await?;
        Ok(Some(Change { snapshot: self, known, tx, version }))
    }
}

/// A change of the configuration: a transaction, and what comes after its commit.
pub(super) struct Change<'a> {
    snapshot: &'a Snapshot,
    known: MutexGuard<'a, i64>,
    tx: Transaction,
    version: i64,
}

impl Change<'_> {
    /// Commits; the snapshot has the change when this returns.
    pub(super) async fn commit(self, publish: impl FnOnce(&mut Config)) -> Result<(), Failure> {
        let Self { snapshot, mut known, tx, version } = self;
        tx.commit().await?;
        if *known + 1 == version {
            *known = version;
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
