//! The backend for many nodes: one PostgreSQL database that all of them share.
//!
//! The actors: the `writer` commits appends and finishes in batches, over connections of its own; everything else that reads or writes takes
//! a connection of the pool. The `snapshot` is the configuration in memory, and the `watch` keeps it in step with what other nodes change.
//! A `node` is this process as the others see it: a connection that lives as long as the store.
//!
//! Transactions run side by side here, of this node and of others: what must not change between a look and a write is locked,
//! and `locks` says in which sequence. Every commit is on the server's disk before it is answered.
//!
//! What is *not* guaranteed: that an error means that nothing was written; a connection may be lost with the answer to a commit. Nor
//! that a lease is void at once when its node dies while others live: it runs out.

mod address;
mod api_keys;
mod append;
mod attempts;
mod backlog;
mod batch;
mod claim;
mod columns;
mod connecting;
mod connections;
mod dedupe;
mod deliveries;
mod endpoints;
mod event_types;
mod events;
mod expire;
mod failure;
mod finish;
mod health;
mod idempotency;
mod load;
mod locks;
mod migrate;
mod node;
mod operations;
mod options;
mod order;
mod orphans;
mod partitions;
#[cfg(test)]
mod plans;
mod pool;
mod projects;
mod prune;
mod receipts;
mod replay_plan;
mod replay_store;
mod replays;
mod reseal;
mod routing;
mod rules;
mod schema;
mod secrets;
#[cfg(test)]
#[path = "../../../testkit/src/postgres/server.rs"]
#[expect(unreachable_pub, reason = "it is a public module in the kit that it belongs to")]
mod server;
mod settings;
mod snapshot;
mod sources;
mod statement;
mod status;
mod tls;
mod types;
mod watch;
mod ways;
mod writer;

use std::sync::Arc;

use ringback_domain::{IdMaker, ReceiptId, Timestamp, TypedId};
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use self::connections::Connections;
use self::failure::Failure;
use self::node::Node;
use self::snapshot::Snapshot;
use self::ways::Ways;
use crate::condition::Condition;
use crate::error::{OpenError, StoreError};
use crate::keyring::{Keyring, show_key_id};
use crate::rows::idempotency::RunId;
use crate::rows::secrets::missing_key;

pub use address::{AddressError, PostgresAddress};
pub use migrate::{Migrate, Migrated, migrate_database, migrate_to};
pub use options::PostgresOptions;
pub use schema::Schema;
pub use status::{DatabaseStatus, NodeStatus, PartitionStatus, SchemaStatus, database_status};
pub use writer::BatchCounts;

/// The store in a PostgreSQL database. Dropping it without [`Store::close`](crate::Store::close) is safe: everything answered is on
/// disk.
pub struct PostgresStore {
    connections: Arc<Connections>,
    snapshot: Arc<Snapshot>,
    writer: writer::Writer,
    watch: watch::Watch,
    tasks: TaskTracker,
    keyring: Arc<Keyring>,
    ids: Arc<IdMaker>,
    run_id: RunId,
    prunable: prune::Found,
    partitions: partitions::Partitions,
    /// Held by whoever counts what a replay comes to.
    counting: tokio::sync::Semaphore,
    reading: Condition,
    writing: Condition,
}

impl PostgresStore {
    /// Connects; brings the schema up to date; makes the `default` project; frees what former processes held under lease, if no other node
    /// lives that may hold it.
    ///
    /// Needs a tokio runtime, on which it runs tasks until it is closed or dropped.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub async fn open(options: PostgresOptions) -> Result<Self, OpenError> {
        let (heard, tasks) = (Arc::new(Notify::new()), TaskTracker::new());
        let refused = Refused { database: options.address.to_string() };
        let ways = Ways::new(&options, &tasks).map_err(|error| refused.because(error))?;
        let (address, tls) = (ways.session_address.clone(), ways.session_tls.clone());
        let PostgresOptions { keyring, ids, now, max_queued_writes, connections, batches, .. } = options;
        let (schema, event_retention) = (options.schema, options.event_retention);
        let connecting = Node::connect(&address, tls.clone(), Arc::clone(&heard), &tasks);
        let mut node = connecting.await.map_err(|error| refused.because(error))?;
        settings::check(&node.client, &address, ways.needed(connections.max(2) + batches.max(1))).await?;

        let keyring = Arc::new(keyring);
        let pool = Arc::new(ways.connections(connections.max(2)));
        node.enter_schema().await.map_err(|error| refused.by(error))?;
        migrate::run(&mut node.client, &schema, Migrate::Expand).await?;
        let partitions = partitions::Partitions::of(event_retention);
        let prepared = partitions.prepare(&pool).await;
        prepared.map_err(|failure| refused.because(StoreError::from(failure)))?;
        let is_alone = node.is_alone().await.map_err(|error| refused.by(error))?;
        prepare(&pool, &keyring, &ids, now, is_alone).await.map_err(of_rows)?;
        node.appear().await.map_err(|error| refused.by(error))?;
        node.leave_schema().await.map_err(|error| refused.by(error))?;

        let snapshot = Snapshot::load(Arc::clone(&pool), Arc::clone(&keyring)).await.map_err(of_rows)?;
        let snapshot = Arc::new(snapshot);
        let writing = ways.connections(batches.max(1));
        Ok(Self {
            writer: writer::Writer::start(writing, Arc::clone(&ids), max_queued_writes, batches, &tasks),
            watch: watch::Watch::start(node, address, tls, Arc::clone(&snapshot), heard, &tasks),
            tasks,
            connections: pool,
            snapshot,
            keyring,
            run_id: ids.next::<ReceiptId>(now).to_bytes(),
            ids,
            prunable: prune::Found::default(),
            partitions,
            counting: tokio::sync::Semaphore::new(1),
            reading: Condition::new("the database cannot be read", "the database can be read again"),
            writing: Condition::new("the database takes no writes", "the database takes writes again"),
        })
    }

    /// How many appends and finishes were committed, in how many transactions, since the start.
    #[must_use]
    pub fn batch_counts(&self) -> BatchCounts {
        self.writer.counts()
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

/// What happens to the rows at the start.
async fn prepare(
    connections: &Connections,
    keyring: &Keyring,
    ids: &IdMaker,
    now: Timestamp,
    is_alone: bool,
) -> Result<(), Failure> {
    let tx = connections.write().await?;
    // By its lock no other node changes the configuration meanwhile; what is made here is news to the others.
    snapshot::raise(&tx).await?;
    let resealed = reseal::run(&tx, keyring).await?;
    load::prepare(&tx, ids, now).await?;
    let freed = if is_alone { load::free_leases(&tx).await? } else { 0 };
    tx.commit().await?;
    if resealed > 0 {
        tracing::info!(store.resealed = resealed, "secrets were encrypted anew, under the first of the keys");
    }
    if freed > 0 {
        tracing::info!(
            store.reclaimed = freed,
            "deliveries of a former run were under way and are due again"
        );
    }
    Ok(())
}

/// A refusal to open, and of what.
struct Refused {
    database: String,
}

impl Refused {
    fn because(&self, source: impl std::error::Error + Send + Sync + 'static) -> OpenError {
        OpenError::Server { database: self.database.clone(), source: Box::new(source) }
    }

    fn by(&self, error: tokio_postgres::Error) -> OpenError {
        self.because(StoreError::from(Failure::from(error)))
    }
}

/// What of the rows keeps the store from being opened.
fn of_rows(failure: Failure) -> OpenError {
    let key_id = if let Failure::Unreadable(error) = &failure { missing_key(&**error) } else { None };
    match key_id {
        Some(id) => OpenError::MissingKey { key_id: show_key_id(id) },
        None => OpenError::Config(StoreError::from(failure)),
    }
}
