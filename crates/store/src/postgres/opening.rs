//! A start: from a connection of its own to a node that others see.
//!
//! Until it registers, nobody knows of the node, and whoever gives the start up leaves nothing behind. From
//! there on it is withdrawn if it fails, or if a stop comes between: nobody need take for dead what never
//! lived.
//!
//! Not guaranteed: that it is withdrawn when the database does not answer any more. Then the others find it
//! dead.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use ringback_domain::{IdMaker, ReceiptId, Timestamp, TypedId};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::columns::Key;
use super::connections::Connections;
use super::ears::Ears;
use super::failure::Failure;
use super::health_notes::HealthNotes;
use super::heartbeat::{self, Heart, Identity, ToldTime, register};
use super::leases::Leases;
use super::link::Link;
use super::mislaid::Mislaid;
use super::node::Node;
use super::options::{LeaseClock, PostgresOptions};
use super::owners::Owners;
use super::partitions::Partitions;
use super::pulse::Pulse;
use super::skew::Skew;
use super::snapshot::Snapshot;
use super::ways::Ways;
use super::{
    Migrate, PostgresAddress, PostgresStore, Refused, burial, cluster_identity, load, migrate, mislaid,
    operations, prune_walk, reseal, settings, snapshot, watch, writer, writing,
};
use crate::condition::Condition;
use crate::error::{OpenError, StoreError};
use crate::keyring::Keyring;

/// How many connections there are.
#[derive(Clone, Copy)]
struct Sizes {
    /// For all that is not written in batches.
    pool: usize,
    /// For batches.
    batches: usize,
}

/// What a start has when everything is ready for the node to be seen.
struct Entrance {
    node: Arc<Node>,
    identity: Identity,
    own_address: PostgresAddress,
    own_tls: MakeRustlsConnect,
    ears: Arc<Ears>,
    tasks: TaskTracker,
    ways: Ways,
    sizes: Sizes,
    pool: Arc<Connections>,
    keyring: Arc<Keyring>,
    ids: Arc<IdMaker>,
    partitions: Partitions,
    lease_clock: LeaseClock,
    event_retention: Duration,
    max_queued_writes: usize,
    refused: Refused,
}

/// Opens, unless `stop` comes before.
pub(super) async fn open(
    options: PostgresOptions,
    stop: impl Future<Output = ()>,
) -> Result<Option<PostgresStore>, OpenError> {
    let mut stop = pin!(stop);
    let entrance = tokio::select! {
        entrance = Entrance::prepare(options) => entrance?,
        () = &mut stop => return Ok(None),
    };
    let (node, pool, id) = (Arc::clone(&entrance.node), Arc::clone(&entrance.pool), entrance.identity.id);
    let opened = tokio::select! {
        opened = entrance.enter() => opened.map(Some),
        () = stop => Ok(None),
    };
    if !matches!(opened, Ok(Some(_))) {
        heartbeat::withdraw(&node, &pool, id).await;
    }
    opened
}

impl Entrance {
    /// Connects, and prepares schema and rows, which other starts wait for.
    async fn prepare(options: PostgresOptions) -> Result<Self, OpenError> {
        let (ears, tasks) = (Arc::new(Ears::default()), TaskTracker::new());
        let ways = Ways::new(&options, &tasks)?;
        // What fails before the pool is used fails where sessions are.
        let refused = Refused::of(&ways.session_address);
        let (own_address, own_tls) = (ways.session_address.clone(), ways.session_tls.clone());
        let PostgresOptions { address, keyring, ids, now, schema, version, .. } = options;
        let sizes = Sizes { pool: options.connections.max(2), batches: options.batches.max(1) };
        let connecting = Node::connect(&own_address, own_tls.clone(), Arc::clone(&ears), &tasks);
        let mut node = connecting.await.map_err(|error| refused.because(error))?;
        ways.check(&node.client).await?;
        settings::check(&node.client, &own_address, ways.needed(sizes.pool + sizes.batches)).await?;

        let keyring = Arc::new(keyring);
        let pool = Arc::new(ways.connections(sizes.pool));
        let id = Key(ids.next::<ReceiptId>(now).to_bytes());
        node.enter_schema().await.map_err(|error| refused.by(error))?;
        migrate::run(&mut node.client, &refused, &schema, Migrate::Expand).await?;
        let partitions = Partitions::of(options.event_retention);
        let prepared = partitions.prepare(&pool).await;
        prepared.map_err(|failure| Refused::of(&address).because(StoreError::from(failure)))?;
        let schema_version = i32::try_from(schema.version()).unwrap_or(i32::MAX);
        let is_alone = node.is_alone(options.lease_clock).await.map_err(|error| refused.by(error))?;
        let prepared = prepare_rows(&pool, &keyring, &ids, now, is_alone).await;
        prepared.map_err(|failure| Refused::of(&address).by_rows(failure))?;
        Ok(Self {
            node: Arc::new(node),
            identity: Identity { id, version, schema_version, host: host() },
            own_address,
            own_tls,
            ears,
            tasks,
            ways,
            sizes,
            pool,
            keyring,
            ids,
            partitions,
            lease_clock: options.lease_clock,
            event_retention: options.event_retention,
            max_queued_writes: options.max_queued_writes,
            refused,
        })
    }

    /// Is seen from here on.
    async fn enter(self) -> Result<PostgresStore, OpenError> {
        let Self { node, identity, tasks, pool, keyring, ids, refused, sizes, .. } = self;
        let id = identity.id;
        // Counts from here on for whoever changes the schema next.
        let registered_at = register(&node, &identity).await.map_err(|error| refused.by(error))?;
        node.appear().await.map_err(|error| refused.by(error))?;
        node.leave_schema().await.map_err(|error| refused.by(error))?;

        let snapshot = Snapshot::load(Arc::clone(&pool), Arc::clone(&keyring)).await;
        let snapshot = snapshot.map_err(|failure| refused.by_rows(failure))?;
        let snapshot = Arc::new(snapshot);
        let writing = self.ways.connections(sizes.batches);
        let leases = Leases { node: id, clock: self.lease_clock };
        let queue = writer::Queue { max_queued: self.max_queued_writes, workers: sizes.batches };
        let mislaid = Arc::new(Mislaid::new(id));
        let writer =
            writer::Writer::start(writing, Arc::clone(&ids), leases, Arc::clone(&mislaid), queue, &tasks);
        let link = Arc::new(Link::new(node, self.own_address, self.own_tls, self.ears, tasks.clone()));
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
            skew: Arc::new(Skew::new(self.lease_clock, self.event_retention)),
            crier: Arc::clone(&crier),
            pulse,
        };
        let (lost, way) = (Arc::clone(&mislaid), Arc::clone(&pool));
        let giving_back = mislaid::give_back(lost, way, Arc::clone(&link), Arc::clone(&crier));
        let giving_back = AbortOnDropHandle::new(tasks.spawn(giving_back));
        let (health_notes, pile) = HealthNotes::new();
        let noting = pile.write_down(Arc::clone(&snapshot), Arc::clone(&keyring));
        Ok(PostgresStore {
            health_notes,
            noting: AbortOnDropHandle::new(tasks.spawn(noting)),
            pulse: Arc::clone(&heart.pulse),
            owners: Arc::clone(&heart.owners),
            told_time: Arc::clone(&heart.told_time),
            skew: Arc::clone(&heart.skew),
            beating: heart.start(&tasks).await.map_err(|failure| refused.by_rows(failure))?,
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
            partitions: self.partitions,
            counting: tokio::sync::Semaphore::new(1),
            groups: tokio::sync::Semaphore::new(operations::GROUPED_EVENTS as usize),
            browsing: tokio::sync::Semaphore::new(sizes.pool / 2),
            reading: Condition::new("the database cannot be read", "the database can be read again"),
            writing: writing::Writing::new(),
        })
    }
}

/// The name of this machine, as far as it is text.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// What happens to the rows at the start.
async fn prepare_rows(
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
