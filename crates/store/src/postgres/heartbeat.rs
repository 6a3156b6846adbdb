//! Heartbeats: each node says every second that it lives, by the database's clock, and looks who does not.
//!
//! They go over the node's own connection, and wait for nothing else that the node does; the task that sends
//! them mends that connection too. A node whose heartbeat is 5 s old is dead, and whoever sees it first frees
//! what it held. A node that finds itself gone, because it was stopped for so long, registers again and goes
//! on. A node that has not been able to read the configuration for as long does not say that it lives: it
//! does not know what was revoked, and whatever it owns is better off elsewhere. One whose clock is so far
//! off that it is of no use (see `skew`) goes on, to learn when it is right again, and gives up what it owns.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringback_domain::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::burial::{self, Buried};
use super::columns::{self, Key, get};
use super::connections::Connections;
use super::failure::Failure;
use super::leases::server_ms;
use super::link::{LIMIT, Link};
use super::node::Node;
use super::owners::Owners;
use super::pulse::{DEAD_AFTER, Pulse};
use super::skew::Skew;
use super::snapshot::Snapshot;
use super::uptime::Uptime;
use super::watch::Crier;
use crate::condition::Condition;
use crate::error::StoreError;

/// How often.
const BEAT: Duration = Duration::from_secs(1);
/// How soon again when it did not go through.
const AGAIN: Duration = Duration::from_millis(250);
/// How many heartbeats there are from one look at ownerships that nobody needs to the next.
const SWEEP_EVERY: u32 = 60;

const REGISTER: &str = "\
    WITH risen AS (DELETE FROM dead_nodes WHERE id = $1 RETURNING started_at) \
    INSERT INTO nodes (id, version, schema_version, host, process_id, clock_ahead_ms, started_at) \
    VALUES ($1, $2, $3, $4, $5, 0, coalesce((SELECT started_at FROM risen), clock_timestamp())) \
    ON CONFLICT (id) DO UPDATE SET heartbeat_at = clock_timestamp()";

/// Says that this node lives, by a row without an id if it is registered; and of each other node whether it
/// is dead.
const BEAT_SQL: &str = concat!(
    "WITH beat AS ( \
        UPDATE nodes SET heartbeat_at = clock_timestamp(), clock_ahead_ms = coalesce($2 - ",
    server_ms!(),
    ", clock_ahead_ms) WHERE id = $1 AND heartbeat_at > 'epoch' RETURNING clock_ahead_ms, heartbeat_at \
    ) \
    SELECT NULL::uuid, false, (extract(epoch FROM heartbeat_at) * 1000)::int8, clock_ahead_ms FROM beat UNION ALL \
    SELECT id, heartbeat_at < clock_timestamp() - make_interval(secs => $3), \
           (extract(epoch FROM heartbeat_at) * 1000)::int8, NULL FROM nodes WHERE id <> $1"
);

/// Gives up what a node has, also its name among the dead, if it was taken for dead. Nothing of what is still
/// under way is recorded any more.
pub(super) const LEAVE: &str = "\
    WITH buried AS (DELETE FROM dead_nodes WHERE id = $1), \
    replaying AS (UPDATE replays SET runner = NULL WHERE runner = $1), \
    leased AS (UPDATE deliveries SET lease_expires_at = NULL, lease_node = NULL \
               WHERE lease_node = $1 AND lease_expires_at IS NOT NULL) \
    DELETE FROM nodes WHERE id = $1";

/// Who a node is.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) id: Key,
    /// Of the program.
    pub(super) version: &'static str,
    /// The newest migration that it knows.
    pub(super) schema_version: i32,
    /// The name of the machine.
    pub(super) host: String,
}

/// The node's clock, as those who passed a time in last knew it.
#[derive(Default)]
pub(super) struct ToldTime(Mutex<Option<(Timestamp, Instant)>>);

impl ToldTime {
    /// It is so late now.
    pub(super) fn note(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
    }

    fn now(&self) -> Option<Timestamp> {
        let told = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.map(|(then, at)| then.plus(at.elapsed()))
    }
}

/// Registers a node; says when that was sent.
pub(super) async fn register(node: &Node, identity: &Identity) -> Result<Uptime, tokio_postgres::Error> {
    let sent_at = Uptime::now();
    let Identity { id, version, schema_version, host } = identity;
    let process_id = i64::from(std::process::id());
    node.client.execute(REGISTER, &[id, version, schema_version, host, &process_id]).await?;
    Ok(sent_at)
}

/// Unregisters a node whose start has failed, or was given up; if that fails too, the others find it dead.
pub(super) async fn withdraw(node: &Node, connections: &Connections, id: Key) {
    // After whatever the start may have said over the same connection last.
    if let Ok(Ok(_)) = timeout(LIMIT, node.client.execute(LEAVE, &[&id])).await {
        return;
    }
    // That connection is lost, or waits for somebody.
    leave_by_another(connections, id).await;
}

/// Unregisters a node over a connection of the pool; says whether that went through.
async fn leave_by_another(connections: &Connections, id: Key) -> bool {
    let another = async { connections.get().await?.execute(LEAVE, &[&id]).await };
    matches!(timeout(LIMIT, another).await, Ok(Ok(_)))
}

/// Unregisters a node.
pub(super) async fn leave(link: &Link, connections: &Connections, id: Key) -> Result<(), Failure> {
    let left = link.run(async |node| {
        node.client.execute(LEAVE, &[&id]).await?;
        // What it owned, and whatever it was told of, is the others'.
        node.tell_due(&[]).await
    });
    match left.await {
        // That connection is lost; another one may do.
        Err(failure) if !leave_by_another(connections, id).await => Err(failure),
        _ => Ok(()),
    }
}

/// What beats.
pub(super) struct Heart {
    pub(super) link: Arc<Link>,
    pub(super) connections: Arc<Connections>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) identity: Identity,
    pub(super) pulse: Arc<Pulse>,
    pub(super) owners: Arc<Owners>,
    pub(super) told_time: Arc<ToldTime>,
    pub(super) skew: Arc<Skew>,
    pub(super) crier: Arc<Crier>,
}

impl Heart {
    /// Beats from now on; when this returns, the first has gone through, and who else lives is known.
    pub(super) async fn start(self, tasks: &TaskTracker) -> Result<AbortOnDropHandle<()>, Failure> {
        self.beat().await?;
        Ok(AbortOnDropHandle::new(tasks.spawn(Arc::new(self).run(tasks.clone()))))
    }

    async fn run(self: Arc<Self>, tasks: TaskTracker) {
        let condition =
            Condition::new("this node cannot say that it lives", "this node says again that it lives");
        let mut side = Side { tasks, work: None };
        for count in 1_u32.. {
            let began = Instant::now();
            let outcome = self.beat().await.map_err(StoreError::from);
            let pause = match condition.noted(outcome) {
                Ok(beat) => {
                    if let Some(ahead_ms) = beat.clock_ahead_ms {
                        self.skew.note(ahead_ms);
                    }
                    let sweep = count.is_multiple_of(SWEEP_EVERY);
                    if sweep || !beat.dead.is_empty() || !self.skew.is_bearable() {
                        side.begin(Arc::clone(&self).mind(beat.dead, sweep));
                    }
                    BEAT
                }
                Err(_) => AGAIN,
            };
            tokio::time::sleep(pause.saturating_sub(began.elapsed())).await;
        }
    }

    async fn beat(&self) -> Result<Beat, Failure> {
        self.link.mend().await?;
        self.snapshot.check_fresh()?;
        let (id, dead_after) = (self.identity.id, DEAD_AFTER.as_secs_f64());
        let sent_at = Uptime::now();
        let now = self.told_time.now().map(Timestamp::as_unix_ms);
        let rows = self.link.run(async |node| node.beat(BEAT_SQL, &[&id, &now, &dead_after]).await).await?;
        let (mut beat, mut others, mut old, mut noted_ms) = (Beat::default(), Vec::new(), Vec::new(), None);
        for row in &rows {
            match (get::<Option<Key>>(row, 0)?, get::<bool>(row, 1)?) {
                (None, _) => {
                    noted_ms = Some(get(row, 2)?);
                    beat.clock_ahead_ms = Some(get(row, 3)?);
                }
                (Some(other), is_old) => {
                    others.push((other, get(row, 2)?));
                    old.extend(is_old.then_some(other));
                }
            }
        }
        let stand_still = self.pulse.saw(&others, sent_at);
        beat.dead = old.into_iter().filter(|node| stand_still.contains(node)).collect();
        let alive: Vec<Key> =
            others.into_iter().map(|(node, _)| node).filter(|node| !beat.dead.contains(node)).collect();
        if beat.clock_ahead_ms.is_none() {
            self.come_back().await?;
        }
        self.crier.know_others(!alive.is_empty());
        self.pulse.went_through(sent_at, noted_ms, alive);
        if !self.pulse.may_judge() {
            beat.dead.clear();
        }
        Ok(beat)
    }

    /// Others took this node for dead: it has nothing any more.
    async fn come_back(&self) -> Result<(), Failure> {
        self.owners.forget();
        // Before it is felt again: what was claimed before this is nothing to be sent.
        self.pulse.came_back();
        self.link.run(async |node| register(node, &self.identity).await).await?;
        tracing::warn!(
            node.id = %columns::hex(self.identity.id),
            "other nodes took this one for dead, because it did not run or could not reach the database for more than 5 s; \
             it goes on, and what it held may be delivered twice"
        );
        Ok(())
    }

    /// What takes longer than a heartbeat may.
    async fn mind(self: Arc<Self>, dead: Vec<Key>, sweep: bool) {
        for node in dead {
            // Whoever failed tries again with the next heartbeat that sees it.
            if let Ok(Some(buried)) = burial::bury(&self.connections, node, DEAD_AFTER.as_secs_f64()).await {
                self.tell_of(node, &buried);
            }
        }
        let is_useless = !self.skew.is_bearable();
        if (sweep || is_useless)
            && let Ok(connection) = self.connections.get().await
        {
            // What stays a minute longer harms nobody; what others are to have is tried again with the next
            // heartbeat.
            let _ = if is_useless {
                self.owners.give_up(&connection).await
            } else {
                self.owners.sweep(&connection).await
            };
        }
    }

    fn tell_of(&self, node: Key, buried: &Buried) {
        self.owners.forget_others();
        self.link.ears.due.add_all();
        self.crier.tell_all();
        tracing::warn!(
            node.id = %columns::hex(node),
            store.reclaimed = buried.due.len(),
            store.rest = !buried.whole,
            "a node is dead; the deliveries that it held are due again"
        );
    }
}

/// What a heartbeat brought.
#[derive(Default)]
struct Beat {
    /// `None` if this node was not registered.
    clock_ahead_ms: Option<i64>,
    dead: Vec<Key>,
}

/// One piece of work beside the heartbeats at a time.
struct Side {
    tasks: TaskTracker,
    work: Option<JoinHandle<()>>,
}

impl Side {
    fn begin(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        if self.work.as_ref().is_none_or(JoinHandle::is_finished) {
            self.work = Some(self.tasks.spawn(work));
        }
    }
}
