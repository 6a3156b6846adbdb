//! The backend for many nodes: one PostgreSQL database that all of them share.
//!
//! The actors: the `writer` commits appends, claims and finishes in batches, over connections of its own; everything else that reads or writes takes
//! a connection of the pool. The `snapshot` is the configuration in memory, and the `watch` keeps it in step with what other nodes change.
//! A `node` is this process as the others see it: a connection of its own (the `link`), and a row in `nodes` that its `heartbeat` keeps
//! fresh. Who is dead is buried by whoever sees it first (`burial`): its `leases` are void, and what it was the owner of (`owners`) is
//! anybody's. `ears` are what a node hears of the others, a `crier` tells them of due work. What a commit without an answer may have leased to
//! this node is `mislaid`, and given back.
//!
//! Transactions run side by side here, of this node and of others: what must not change between a look and a write is locked,
//! and `locks` says in which sequence. Every commit is on the server's disk before it is answered.
//!
//! What is *not* guaranteed: that an error means that nothing was written; a connection may be lost with the answer to a commit. Nor
//! that nothing is sent twice: a node that was taken for dead may have been at it.

mod address;
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

use ringback_domain::{IdMaker, ReceiptId, Timestamp, TypedId};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use self::columns::Key;
use self::connections::Connections;
use self::ears::Ears;
use self::failure::Failure;
use self::heartbeat::{Heart, Identity, ToldTime, register};
use self::leases::Leases;
use self::link::Link;
use self::mislaid::Mislaid;
use self::node::Node;
use self::owners::Owners;
use self::pulse::Pulse;
use self::snapshot::Snapshot;
use self::ways::Ways;
use crate::condition::Condition;
use crate::error::{OpenError, StoreError};
use crate::keyring::{Keyring, show_key_id};
use crate::rows::secrets::missing_key;

pub use address::{AddressError, PostgresAddress};
pub(crate) use connecting::is_unreachable;
pub use migrate::{Migrate, Migrated, migrate_database, migrate_to};
pub use options::{LeaseClock, PostgresOptions};
pub use schema::Schema;
pub use status::{
    ConnectionLimit, DatabaseStatus, Limited, NodeStatus, PartitionStatus, SchemaStatus, database_status,
};
pub use writer::BatchCounts;

/// The store in a PostgreSQL database. Dropping it without [`Store::close`](crate::Store::close) is safe: everything answered is on
/// disk.
pub struct PostgresStore {
    connections: Arc<Connections>,
    snapshot: Arc<Snapshot>,
    writer: writer::Writer,
    watch: watch::Watch,
    beating: AbortOnDropHandle<()>,
    link: Arc<link::Link>,
    mislaid: Arc<mislaid::Mislaid>,
    giving_back: AbortOnDropHandle<()>,
    pulse: Arc<pulse::Pulse>,
    owners: Arc<owners::Owners>,
    crier: Arc<watch::Crier>,
    told_time: Arc<heartbeat::ToldTime>,
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
    /// Connects; brings the schema up to date; makes the `default` project; frees what former processes held under lease, if no other node
    /// lives that may hold it.
    ///
    /// Needs a tokio runtime, on which it runs tasks until it is closed or dropped.
    ///
    /// # Errors
    /// See [`OpenError`]; each says what to do.
    pub async fn open(options: PostgresOptions) -> Result<Self, OpenError> {
        let (ears, tasks) = (Arc::new(Ears::default()), TaskTracker::new());
        let ways = Ways::new(&options, &tasks)?;
        // What fails before the pool is used fails where sessions are.
        let refused = Refused::of(&ways.session_address);
        let (own_address, tls) = (ways.session_address.clone(), ways.session_tls.clone());
        let PostgresOptions { address, keyring, ids, now, connections, schema, event_retention, .. } =
            options;
        let connecting = Node::connect(&own_address, tls.clone(), Arc::clone(&ears), &tasks);
        let mut node = connecting.await.map_err(|error| refused.because(error))?;
        ways.check(&node.client).await?;
        let needed = ways.needed(connections.max(2) + options.batches.max(1));
        settings::check(&node.client, &own_address, needed).await?;

        let keyring = Arc::new(keyring);
        let pool = Arc::new(ways.connections(connections.max(2)));
        let id = Key(ids.next::<ReceiptId>(now).to_bytes());
        node.enter_schema().await.map_err(|error| refused.by(error))?;
        migrate::run(&mut node.client, &schema, Migrate::Expand).await?;
        let partitions = partitions::Partitions::of(event_retention);
        let prepared = partitions.prepare(&pool).await;
        prepared.map_err(|failure| Refused::of(&address).because(StoreError::from(failure)))?;
        let identity = Identity {
            id,
            version: options.version,
            schema_version: i32::try_from(schema.version()).unwrap_or(i32::MAX),
        };
        let is_alone = node.is_alone(options.lease_clock).await.map_err(|error| refused.by(error))?;
        prepare(&pool, &keyring, &ids, now, is_alone).await.map_err(of_rows)?;
        // Counts from here on for whoever changes the schema next.
        let registered_at = register(&node, &identity).await.map_err(|error| refused.by(error))?;
        node.appear().await.map_err(|error| refused.by(error))?;
        node.leave_schema().await.map_err(|error| refused.by(error))?;

        let snapshot = match Snapshot::load(Arc::clone(&pool), Arc::clone(&keyring)).await {
            Ok(snapshot) => Arc::new(snapshot),
            Err(failure) => {
                heartbeat::withdraw(&node, id).await;
                return Err(of_rows(failure));
            }
        };
        let writing = ways.connections(options.batches.max(1));
        let leases = Leases { node: id, clock: options.lease_clock };
        let queue = writer::Queue { max_queued: options.max_queued_writes, workers: options.batches };
        let mislaid = Arc::new(Mislaid::new(id));
        let writer =
            writer::Writer::start(writing, Arc::clone(&ids), leases, Arc::clone(&mislaid), queue, &tasks);
        let link = Arc::new(Link::new(node, own_address, tls, ears, tasks.clone()));
        let crier = Arc::new(watch::Crier::default());
        let watch = watch::start(&link, &snapshot, &crier, &tasks);
        let pulse = Arc::new(Pulse::new(id, registered_at));
        let heart = Heart {
            link: Arc::clone(&link),
            connections: Arc::clone(&pool),
            snapshot: Arc::clone(&snapshot),
            identity,
            owners: Arc::new(Owners::new(Arc::clone(&pulse))),
            told_time: Arc::new(ToldTime::default()),
            crier: Arc::clone(&crier),
            pulse,
        };
        let (lost, way) = (Arc::clone(&mislaid), Arc::clone(&pool));
        let giving_back = mislaid::give_back(lost, way, Arc::clone(&link), Arc::clone(&crier));
        let giving_back = AbortOnDropHandle::new(tasks.spawn(giving_back));
        Ok(Self {
            pulse: Arc::clone(&heart.pulse),
            owners: Arc::clone(&heart.owners),
            told_time: Arc::clone(&heart.told_time),
            beating: heart.start(&tasks).await.map_err(of_rows)?,
            giving_back,
            writer,
            watch,
            link,
            mislaid,
            crier,
            leases,
            tasks,
            connections: pool,
            snapshot,
            keyring,
            ids,
            prune_walk: prune_walk::Walk::default(),
            partitions,
            counting: tokio::sync::Semaphore::new(1),
            groups: tokio::sync::Semaphore::new(operations::GROUPED_EVENTS as usize),
            browsing: tokio::sync::Semaphore::new(connections.max(2) / 2),
            reading: Condition::new("the database cannot be read", "the database can be read again"),
            writing: writing::Writing::new(),
        })
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
    cluster_identity::note(&tx).await?;
    reseal::check_key(&tx, keyring).await?;
    let resealed = reseal::run(&tx, keyring).await?;
    load::prepare(&tx, ids, now).await?;
    let freed = if is_alone { burial::bury_all(&tx).await? } else { 0 };
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
        self.because(StoreError::from(Failure::from(error)))
    }
}

/// What of the rows keeps the store from being opened.
fn of_rows(failure: Failure) -> OpenError {
    let key_id = if let Failure::Unreadable(error) = &failure { missing_key(&**error) } else { None };
    match key_id {
        Some(id) => OpenError::MissingKey { key_id: show_key_id(id), elsewhere: "" },
        None => OpenError::Config(StoreError::from(failure)),
    }
}
