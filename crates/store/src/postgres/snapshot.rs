//! The configuration in memory, and its changes: this node's own, and those that others made.
//!
//! A change begins with raising the number of the configuration, so that there is one change at a time over
//! all nodes, and what it looks up (how many there are, whether a name is free) stays true until its commit.
//! After the commit the snapshot is replaced, and then the change is answered. If what was raised is not the
//! edition that this node knows, another node has changed something, and all is read anew. An edition is a
//! number and a stamp: numbers come up again when a standby that was behind takes over.

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
    /// Held while it changes: by one change at a time, for as long as its transaction takes.
    turn: Mutex<()>,
    /// Which one the snapshot is.
    edition: std::sync::Mutex<Edition>,
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
            turn: Mutex::default(),
            edition: std::sync::Mutex::new(edition),
            confirmed: std::sync::Mutex::new(Instant::now()),
            changed: Notify::new(),
        })
    }

    /// The present one.
    pub(super) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    /// Reads all of it anew if another node has changed something. Changes of this node that wait for their
    /// turn do not hold it up as long as nobody else has changed anything: that there is nothing new is to be
    /// known however many they are.
    pub(super) async fn refresh(&self) -> Result<(), Failure> {
        let asked_at = Instant::now();
        if self.present().await? != self.edition() {
            let _turn = self.turn.lock().await;
            // It may have been a change of this node that is in the snapshot by now.
            if self.present().await? != self.edition() {
                self.reload().await?;
            }
        }
        self.confirm(asked_at);
        Ok(())
    }

    async fn present(&self) -> Result<Edition, Failure> {
        Edition::read(&self.connections.get().await?).await
    }

    fn edition(&self) -> Edition {
        *self.edition.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_now(&self, edition: Edition) {
        *self.edition.lock().unwrap_or_else(PoisonError::into_inner) = edition;
    }

    /// The snapshot was what the rows said at this moment.
    fn confirm(&self, at: Instant) {
        let mut confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        *confirmed = at.max(*confirmed);
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

    /// Whoever calls has the turn.
    async fn reload(&self) -> Result<(), Failure> {
        let (config, edition) = load::config(&self.connections, &self.keyring).await?;
        self.config.store(Arc::new(config));
        self.is_now(edition);
        Ok(())
    }

    /// Changes the snapshot alone, by something that other nodes need not know at once.
    pub(super) async fn patch(&self, publish: impl FnOnce(&mut Config)) {
        let _turn = self.turn.lock().await;
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
        let turn = timeout(BOUND, self.turn.lock()).await;
        let turn = turn.map_err(|_| Failure::Unavailable(DatabaseError::NoAnswer))?;
        if !is_needed(&self.config.load()) {
            return Ok(None);
        }
        let tx = self.connections.write().await?;
        let raised = raised(&tx).await?;
        Ok(Some(Change { snapshot: self, _turn: turn, tx, raised, begun_at: Instant::now() }))
    }
}

/// A change of the configuration: a transaction, and what comes after its commit.
pub(super) struct Change<'a> {
    snapshot: &'a Snapshot,
    _turn: MutexGuard<'a, ()>,
    tx: Transaction,
    raised: Raised,
    /// From when on nobody else can have changed anything.
    begun_at: Instant,
}

impl Change<'_> {
    /// Commits; the snapshot has the change when this returns.
    pub(super) async fn commit(self, publish: impl FnOnce(&mut Config)) -> Result<(), Failure> {
        let Self { snapshot, _turn, tx, raised, begun_at } = self;
        tx.commit().await?;
        if snapshot.edition() == raised.from {
            snapshot.is_now(raised.to);
            snapshot.publish(publish);
            snapshot.confirm(begun_at);
        } else if snapshot.reload().await.is_ok() {
            snapshot.confirm(begun_at);
        } else {
            // It is committed, whatever comes after; what others have changed is read when the database can
            // be.
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
