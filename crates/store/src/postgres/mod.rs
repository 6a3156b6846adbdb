//! The backend for many nodes: one PostgreSQL database that all of them share.
//!
//! The actors: the `writer` commits appends, claims and finishes in batches, over connections of its own;
//! everything else that reads or writes takes a connection of the pool. The `snapshot` is the configuration
//! in memory, and the `watch` keeps it in step with what other nodes change. A `node` is this process as the
//! others see it: a connection of its own (the `link`), and a row in `nodes` that its `heartbeat` keeps
//! fresh. Who is dead is buried by whoever sees it first (`burial`): its `leases` are void, and what it was
//! the owner of (`owners`) is anybody's. `ears` are what a node hears of the others, a `crier` tells them of
//! due work. What a commit without an answer may have leased to this node is `mislaid`, and given back.
//!
//! Transactions run side by side here, of this node and of others: what must not change between a look and a
//! write is locked, and `locks` says in which sequence. Every commit is on the server's disk before it is
//! answered.
//!
//! What is *not* guaranteed: that an error means that nothing was written; a connection may be lost with the
//! answer to a commit. Nor that nothing is sent twice: a node that was taken for dead may have been at it.

mod address;
mod again;
mod api_keys;
mod append;
mod attempts;
mod backlog;
mod batch;
mod burial;
mod claim;
mod cluster_identity;
mod columns;
mod connecting;
mod connections;
mod dedupe;
mod deliveries;
mod ears;
mod endpoints;
mod event_types;
mod events;
mod expire;
mod failure;
mod finish;
mod health;
mod health_notes;
mod heartbeat;
mod idempotency;
mod inbox;
mod leases;
mod link;
mod load;
mod locks;
mod migrate;
mod mislaid;
mod node;
mod notes;
mod opening;
mod operations;
mod options;
mod order;
mod orphans;
mod owners;
mod partitions;
#[cfg(test)]
mod plans;
mod pool;
mod projects;
mod prune;
mod prune_walk;
mod pulse;
mod receipts;
mod replay_plan;
mod replay_store;
mod replays;
mod reseal;
mod rights;
mod routing;
mod rules;
mod schema;
mod schema_lock;
mod secrets;
#[cfg(test)]
#[path = "../../../testkit/src/postgres/server.rs"]
#[expect(unreachable_pub, reason = "it is a public module in the kit that it belongs to")]
mod server;
mod sessions;
mod settings;
mod skew;
mod snapshot;
mod sources;
mod statement;
mod status;
mod steps;
mod tls;
mod types;
mod uptime;
mod watch;
mod ways;
mod writer;
mod writing;

use std::sync::Arc;

use ringback_domain::IdMaker;
use tokio_postgres::error::SqlState;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use self::connections::Connections;
use self::failure::Failure;
use self::snapshot::Snapshot;
use crate::condition::Condition;
use crate::error::{OpenError, ServerTrouble, StoreError};
use crate::keyring::{Keyring, show_key_id};
use crate::rows::secrets::missing_key;

pub use address::{AddressError, PostgresAddress};
pub use migrate::{Migrate, Migrated, migrate_database, migrate_to};
pub use options::{LeaseClock, PostgresOptions};
pub use schema::Schema;
pub use status::{
    ConnectionLimit, DatabaseStatus, Limited, NodeStatus, PartitionStatus, SchemaStatus, database_status,
};
pub use ways::check_addresses;
pub use writer::BatchCounts;

/// The store in a PostgreSQL database. Dropping it without [`Store::close`](crate::Store::close) is safe:
/// everything answered is on disk.
pub struct PostgresStore {
    connections: Arc<Connections>,
    snapshot: Arc<Snapshot>,
    writer: writer::Writer,
    watch: watch::Watch,
    beating: AbortOnDropHandle<()>,
    link: Arc<link::Link>,
    mislaid: Arc<mislaid::Mislaid>,
    giving_back: AbortOnDropHandle<()>,
    health_notes: health_notes::HealthNotes,
    noting: AbortOnDropHandle<()>,
    pulse: Arc<pulse::Pulse>,
    owners: Arc<owners::Owners>,
    crier: Arc<watch::Crier>,
    told_time: Arc<heartbeat::ToldTime>,
    skew: Arc<skew::Skew>,
    leases: leases::Leases,
    tasks: TaskTracker,
    keyring: Arc<Keyring>,
    ids: Arc<IdMaker>,
    prune_walk: prune_walk::Walk,
    partitions: partitions::Partitions,
    /// Held by whoever counts what a replay comes to.
    counting: tokio::sync::Semaphore,
    /// Places for the events of larger groups on their way through the writer's queue.
    groups: tokio::sync::Semaphore,
    /// Places for reads that may take long: half of the connections.
    browsing: tokio::sync::Semaphore,
    reading: Condition,
    writing: writing::Writing,
}

impl PostgresStore {
    /// Connects; brings the schema up to date; makes the `default` project; frees what former processes held
    /// under lease, if no other node lives that may hold it.
    ///
    /// Needs a tokio runtime, on which it runs tasks until it is closed or dropped.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub async fn open(options: PostgresOptions) -> Result<Self, OpenError> {
        let opened = Self::open_unless(options, std::future::pending()).await?;
        Ok(opened.expect("a stop that never comes stops no start"))
    }

    /// The same, unless `stop` comes before it is done: then it is given up, no node is left behind, and
    /// there is no store.
    ///
    /// # Errors
    /// See [`PostgresStore::open`].
    pub async fn open_unless(
        options: PostgresOptions,
        stop: impl Future<Output = ()>,
    ) -> Result<Option<Self>, OpenError> {
        opening::open(options, stop).await
    }

    /// Which node this is: a UUID, as [`NodeStatus::id`] has it.
    #[must_use]
    pub fn node_id(&self) -> String {
        columns::hex(self.leases.node)
    }

    /// How many appends, claims and finishes were committed, in how many transactions, since the start.
    #[must_use]
    pub fn batch_counts(&self) -> BatchCounts {
        self.writer.counts()
    }

    /// Commits what waits, says that this node goes, and ends all that runs.
    async fn leave(&self) {
        self.writer.close().await;
        // From here on nobody says that this node lives; its ownerships are others' at once.
        self.beating.abort();
        self.giving_back.abort();
        self.noting.abort();
        let left =
            heartbeat::leave(&self.link, &self.connections, self.leases.node).await.map_err(StoreError::from);
        if let Err(error) = left {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                "this node could not say that it goes: the others will find that it is gone"
            );
        }
        self.connections.close();
        self.watch.iter().for_each(AbortOnDropHandle::abort);
        self.link.cut();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// How a read went, as the caller is told.
    fn read<T>(&self, outcome: Result<T, Failure>) -> Result<T, StoreError> {
        self.reading.noted(outcome.map_err(StoreError::from))
    }

    /// How a write went, as the caller is told.
    fn written<T>(&self, outcome: Result<T, Failure>) -> Result<T, StoreError> {
        self.writing.noted(outcome.map_err(StoreError::from))
    }
}

/// A refusal to open, and of what.
struct Refused {
    setting: &'static str,
    database: String,
}

impl Refused {
    fn of(address: &PostgresAddress) -> Self {
        Self { setting: address.setting(), database: address.to_string() }
    }

    fn because(&self, source: impl std::error::Error + Send + Sync + 'static) -> OpenError {
        OpenError::Server { setting: self.setting, database: self.database.clone(), source: Box::new(source) }
    }

    fn by(&self, error: tokio_postgres::Error) -> OpenError {
        match error.code() {
            Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => self.because(LockedByOthers),
            _ => self.because(StoreError::from(Failure::from(error))),
        }
    }

    /// What of the rows keeps the store from being opened, or from them.
    fn by_rows(&self, failure: Failure) -> OpenError {
        let Failure::Unreadable(error) = &failure else { return self.because(StoreError::from(failure)) };
        match missing_key(&**error) {
            Some(id) => OpenError::MissingKey { key_id: show_key_id(id), elsewhere: "" },
            None => OpenError::Config(StoreError::from(failure)),
        }
    }
}

/// Somebody else has what is to be read or changed.
#[derive(Debug, thiserror::Error)]
#[error(
    "somebody has locked a table of it for too long: wait until that is over, or end it, and try again (`SELECT a.pid, a.usename, a.query, \
     l.relation::regclass, l.mode FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) WHERE l.granted AND l.relation IS NOT NULL AND \
     a.datname = current_database()` shows who)"
)]
struct LockedByOthers;

/// What an error behind [`OpenError::Server`] comes to, if it is the server's own doing.
pub(crate) fn trouble(error: &(dyn std::error::Error + 'static)) -> Option<ServerTrouble> {
    let of_connecting = error.downcast_ref().map(connecting::ConnectError::trouble);
    let of_server = || match error {
        unfit if unfit.is::<settings::Unfit>() => Some(ServerTrouble::Refusal),
        locked if locked.is::<LockedByOthers>() => Some(ServerTrouble::Absent),
        _ => None,
    };
    of_connecting.or_else(of_server)
}
