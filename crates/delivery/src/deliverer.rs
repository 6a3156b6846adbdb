//! The deliverer: finds endpoints with due work, claims what there are slots for, sends each claim on its
//! way.
//!
//! Each round asks the store what is due, does a bounded amount and goes back to waiting; being restarted
//! between any two steps is the normal case, not a special one. The lease under which a row is claimed only
//! saves duplicate work, because delivery is at-least-once: whoever held the row before may still be sending.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringback_domain::retry::Jitter;
use ringback_domain::{Clock, Endpoint, EndpointId, IdMaker, Ordering, ProjectId, Timestamp};
use ringback_egress::Client;
use ringback_store::work::LEASE_SLACK;
use ringback_store::{Claimed, Store, StoreError};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agenda::Agenda;
use crate::breaker::BreakerView;
use crate::courier::{self, Job, Place};
use crate::failures::Failures;
use crate::gates::{Gates, Passage};
use crate::sender::Sender;
use crate::settings::DeliverySettings;
use crate::slots::{Slot, Slots, Taker};
use crate::test_places::{TestPlace, TestPlaces};
use crate::unrecorded::Unrecorded;
use crate::{listener, pruner, reclaimer, replayer};

/// How many rows one claim takes at most.
const CLAIM_BATCH: usize = 64;
/// How many deliveries of a deleted endpoint one step cancels.
const ORPHAN_BATCH: usize = 1000;
/// A scan looks at every endpoint that has something waiting, and of many thousands that takes long. From its
/// beginning to the next this many times as long passes, so that most of the time is left for what it found.
const SCAN_SHARE: u32 = 5;
/// But no longer than this: what has lost its node is found by a scan.
const MAX_BETWEEN_SCANS: Duration = Duration::from_secs(5);

/// Draws the jitter of one delay.
pub type JitterSource = Arc<dyn Fn() -> Jitter + Send + Sync>;

/// What the composition root gives a deliverer.
pub struct DelivererParts {
    /// Where deliveries are.
    pub store: Arc<dyn Store>,
    /// The only way out.
    pub client: Client,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Makes the attempts' ids.
    pub ids: Arc<IdMaker>,
    /// Draws the jitter of delays.
    pub jitter: JitterSource,
    /// Limits and intervals.
    pub settings: DeliverySettings,
}

/// What every task of a node's delivery shares.
pub(crate) struct Node {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sender: Sender,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdMaker>,
    pub(crate) jitter: JitterSource,
    pub(crate) settings: DeliverySettings,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    slots: Slots,
    pub(crate) unrecorded: Unrecorded,
    gates: Gates,
    pub(crate) failures: Failures,
    pub(crate) replay_bell: Notify,
    tests: TestPlaces,
    plans: Arc<Plans>,
}

/// What is to be looked at when, and the bell that says it changed.
#[derive(Default)]
struct Plans {
    agenda: Mutex<Agenda>,
    bell: Notify,
    /// The endpoints that are being looked at, and whether they are to be looked at again afterwards: two
    /// looks side by side would each take the other's slots for want of work.
    looks: Mutex<HashMap<EndpointId, bool>>,
}

impl Plans {
    fn agenda(&self) -> std::sync::MutexGuard<'_, Agenda> {
        self.agenda.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this look is the only one at an endpoint; if not, the other one is followed by a further one.
    fn begin_look(&self, endpoint_id: EndpointId) -> bool {
        match self.looks().entry(endpoint_id) {
            Entry::Occupied(mut again) => {
                again.insert(true);
                false
            }
            Entry::Vacant(look) => {
                look.insert(false);
                true
            }
        }
    }

    /// Ends a look; says whether another one was asked for meanwhile.
    fn end_look(&self, endpoint_id: EndpointId) -> bool {
        self.looks().remove(&endpoint_id).unwrap_or(false)
    }

    fn looks(&self) -> std::sync::MutexGuard<'_, HashMap<EndpointId, bool>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, endpoint_id: EndpointId, at: Timestamp) {
        if self.agenda().note(endpoint_id, at) {
            self.bell.notify_one();
        }
    }
}

/// A node's delivery, running. Clones are handles to the same one.
#[derive(Clone)]
pub struct Deliverer {
    node: Arc<Node>,
}

impl Deliverer {
    /// Starts delivering. Must be called within a tokio runtime.
    #[must_use]
    pub fn start(parts: DelivererParts) -> Self {
        let DelivererParts { store, client, clock, ids, jitter, settings } = parts;
        let plans = Arc::new(Plans::default());
        let on_free = {
            let (plans, clock) = (Arc::clone(&plans), Arc::clone(&clock));
            move |endpoint_id, delay| plans.note(endpoint_id, clock.now().plus(delay))
        };
        let node = Arc::new(Node {
            sender: Sender::new(client, &settings.user_agent),
            slots: Slots::new(settings.max_in_flight, on_free),
            unrecorded: Unrecorded::new(settings.max_in_flight),
            gates: Gates::new(settings.release_per_sec),
            failures: Failures::default(),
            replay_bell: Notify::new(),
            tests: TestPlaces::default(),
            store,
            clock,
            ids,
            jitter,
            settings,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            plans,
        });
        node.tasks.spawn(run(Arc::clone(&node)));
        node.tasks.spawn(listener::run(Arc::clone(&node)));
        node.tasks.spawn(reclaimer::run(Arc::clone(&node)));
        node.tasks.spawn(replayer::run(Arc::clone(&node)));
        node.tasks.spawn(pruner::run(Arc::clone(&node)));
        Self { node }
    }

    /// Stops claiming and waits for the attempts under way, at most `grace`. What is still running then is
    /// recorded by nobody: its rows stay leased, and are attempted again after the next start. Returns
    /// whether all ended in time.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.node.stop.cancel();
        self.node.tasks.close();
        tokio::time::timeout(grace, self.node.tasks.wait()).await.is_ok()
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }
}

impl Node {
    /// Notes that an endpoint has work due at `at`.
    pub(crate) fn note_due(&self, endpoint_id: EndpointId, at: Timestamp) {
        self.plans.note(endpoint_id, at);
    }

    /// A slot for a delivery that is about to be born leased to this node, if one is free and nothing older
    /// waits for it.
    pub(crate) fn reserve(&self, endpoint: &Endpoint) -> Option<Slot> {
        let unordered = endpoint.rules.ordering == Ordering::None;
        if !endpoint.may_attempt() || !unordered || self.stop.is_cancelled() {
            return None;
        }
        // Another node's to deliver; or nobody knows whether this one's leases hold.
        if !self.store.may_claim(endpoint) || self.store.is_fenced() {
            return None;
        }
        let at_once = self.settings.max_in_flight_per_endpoint;
        let at_once = self.gates.pass_new(endpoint, at_once, self.clock.now())?;
        let slot = self.slots.take_one(Taker::new(endpoint, at_once));
        if slot.is_none() {
            self.gates.give_back(endpoint, 1, false, self.clock.now());
        }
        slot
    }

    /// Asks the rows what is due, and looks at it.
    pub(crate) async fn look_everywhere(&self) {
        scan(self).await;
        self.plans.bell.notify_one();
    }

    /// What an attempt said about its endpoint.
    pub(crate) fn note_ending(&self, endpoint: &Endpoint, works: bool) {
        if endpoint.replay_id.is_some() {
            return;
        }
        let now = self.clock.now();
        if works {
            if self.gates.succeeded(endpoint) {
                self.note_due(endpoint.id, now);
            }
        } else if self.gates.failed(endpoint, now, (self.jitter)()) {
            tracing::warn!(
                project.id = %endpoint.project_id,
                endpoint.id = %endpoint.id,
                "endpoint.breaker_opened: attempts fail one after the other; it is probed from time to time"
            );
        }
    }

    /// A claimed delivery was not attempted after all: it told nothing, and used up nothing.
    pub(crate) fn note_unattempted(&self, endpoint: &Endpoint) {
        self.gates.give_back(endpoint, 1, true, self.clock.now());
    }

    /// An endpoint's breaker on this node.
    pub(crate) fn breaker(&self, endpoint_id: EndpointId) -> BreakerView {
        self.gates.breaker(endpoint_id)
    }

    /// Forgets what endpoints that are no more were doing.
    pub(crate) fn forget_gates(&self) {
        let config = self.store.config();
        self.gates.retain(|id| config.endpoint(id).is_some());
        self.failures.retain(|id| config.endpoint(id).is_some());
    }

    /// The right to test an endpoint now; `None` if too many tests are being made, or the node stops.
    pub(crate) fn test_place(&self, project_id: ProjectId) -> Option<TestPlace> {
        if self.stop.is_cancelled() { None } else { self.tests.take(project_id) }
    }

    /// Sends a claimed delivery on its way.
    pub(crate) fn take_over(self: &Arc<Self>, claimed: Claimed, place: Place, lease_ends: Instant) {
        let job = Job { claimed, place, lease_ends };
        self.tasks.spawn(courier::carry(Arc::clone(self), job));
    }

    /// Waits for `duration`, or until the node stops: then `false`.
    pub(crate) async fn pause(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = self.clock.sleep_until(self.clock.now().plus(duration)) => true,
        }
    }
}

/// How long a lease for this endpoint lasts.
pub(crate) fn lease_length(endpoint: &Endpoint) -> Duration {
    Duration::from_secs(endpoint.timeout_secs.into()) + LEASE_SLACK
}

async fn run(node: Arc<Node>) {
    let (mut next_scan, mut between_scans) = (node.clock.now(), node.settings.scan_interval);
    while !node.stop.is_cancelled() {
        // Register for the bell before looking, so that nothing noted meanwhile is missed.
        let rung = node.plans.bell.notified();
        let now = node.clock.now();
        // A clock that was set back must not postpone the scan.
        if now >= next_scan || next_scan.since(now) > between_scans {
            between_scans = between_scans_of(scan(&node).await, node.settings.scan_interval);
            next_scan = now.plus(between_scans);
        }
        let due = node.plans.agenda().take_due(now);
        for endpoint_id in due {
            // Each on its own, so that their claims meet in one commit and none waits for another's.
            node.tasks.spawn(work_on(Arc::clone(&node), endpoint_id));
        }
        let wake_at = node.plans.agenda().next_at().map_or(next_scan, |at| at.min(next_scan));
        tokio::select! {
            () = node.stop.cancelled() => {}
            () = rung => {}
            () = node.clock.sleep_until(wake_at) => {}
        }
    }
}

/// From the beginning of a scan that took so long to that of the next.
fn between_scans_of(took: Duration, interval: Duration) -> Duration {
    interval.max((took * SCAN_SHARE).min(MAX_BETWEEN_SCANS))
}

/// Asks the rows what is due: what another node appended, what was reclaimed, what this process has never
/// known. Says how long it took to learn that; nothing if it could not be learned, and is to be asked soon.
async fn scan(node: &Node) -> Duration {
    let begun = Instant::now();
    match node.store.due_endpoints().await {
        Ok(endpoints) => {
            let mut agenda = node.plans.agenda();
            for endpoint in endpoints {
                agenda.note(endpoint.endpoint_id, endpoint.due_at);
            }
            begun.elapsed()
        }
        Err(error) => {
            log_store_error(&error, "cannot look for due deliveries");
            Duration::ZERO
        }
    }
}

/// Looks at one endpoint, unless somebody does already.
async fn work_on(node: Arc<Node>, endpoint_id: EndpointId) {
    if !node.plans.begin_look(endpoint_id) {
        return;
    }
    look_at(&node, endpoint_id).await;
    if node.plans.end_look(endpoint_id) {
        node.note_due(endpoint_id, node.clock.now());
    }
}

/// Claims what is due at one endpoint, as far as there are slots.
async fn look_at(node: &Arc<Node>, endpoint_id: EndpointId) {
    if node.stop.is_cancelled() {
        // Sent on its way before the stop and run only after it: nothing new begins.
        return;
    }
    let Some(endpoint) = node.store.config().endpoint(endpoint_id).cloned() else {
        cancel_orphans(node, endpoint_id).await;
        return;
    };
    if !endpoint.may_attempt() || node.store.is_fenced() {
        // A lease that may not hold is not worth its claim; the scan comes back to it.
        return;
    }
    let now = node.clock.now();
    let slots = reserve_for_claim(node, &endpoint, now);
    if !slots.is_empty() {
        claim(node, &endpoint, slots, now).await;
    }
}

/// As many slots as gates and fairness let through. Who is held back has asked to be told.
fn reserve_for_claim(node: &Node, endpoint: &Endpoint, now: Timestamp) -> Vec<Slot> {
    let at_once = node.settings.max_in_flight_per_endpoint;
    let wanted = CLAIM_BATCH.min(at_once);
    let passage = node.gates.pass(endpoint, wanted, at_once, now, lease_length(endpoint));
    let Passage { count, at_once, again_at } = passage;
    if let Some(again_at) = again_at {
        node.note_due(endpoint.id, again_at);
    }
    if count == 0 {
        return Vec::new();
    }
    let slots = node.slots.take_up_to(Taker::new(endpoint, at_once), count);
    if slots.len() < count {
        node.gates.give_back(endpoint, count - slots.len(), slots.is_empty(), now);
    }
    slots
}

async fn claim(node: &Arc<Node>, endpoint: &Endpoint, mut slots: Vec<Slot>, now: Timestamp) {
    let length = lease_length(endpoint);
    let lease_ends = Instant::now() + length;
    match node.store.claim(endpoint.id, now, now.plus(length), slots.len()).await {
        Ok(claimed) => {
            let all_taken = claimed.len() == slots.len();
            let unused = slots.split_off(claimed.len());
            if !unused.is_empty() {
                node.gates.give_back(endpoint, unused.len(), claimed.is_empty(), now);
            }
            if let Some(last) = claimed.last().filter(|last| !last.urgent) {
                node.gates.claimed_what_came_at(endpoint, last.due_at);
            }
            for (claimed, slot) in claimed.into_iter().zip(slots) {
                node.take_over(claimed, Place::Slot(slot), lease_ends);
            }
            if all_taken {
                // There may be more: look again, which waits for a slot if none is left.
                node.note_due(endpoint.id, now);
            } else {
                node.gates.drained(endpoint);
                node.slots.has_enough(endpoint.id);
                // Only now: given back before, they would tell the endpoint to look again at once, and so on
                // for ever.
                drop(unused);
            }
        }
        Err(error) => {
            node.gates.give_back(endpoint, slots.len(), true, now);
            log_store_error(&error, "cannot claim due deliveries");
        }
    }
}

async fn cancel_orphans(node: &Node, endpoint_id: EndpointId) {
    let now = node.clock.now();
    match node.store.cancel_orphans(endpoint_id, now, ORPHAN_BATCH).await {
        Ok(ORPHAN_BATCH) => node.note_due(endpoint_id, now),
        Ok(_) => {}
        Err(error) => log_store_error(&error, "cannot cancel a deleted endpoint's deliveries"),
    }
}

/// The scan comes back to whatever failed, so a failure is told and not acted upon. That the whole store is
/// in trouble it has told itself, once.
pub(crate) fn log_store_error(error: &StoreError, what: &'static str) {
    let is_told = matches!(
        error,
        StoreError::Closed | StoreError::Overloaded | StoreError::Unavailable(_) | StoreError::InDoubt(_)
    );
    if !is_told {
        tracing::warn!(error = error as &dyn std::error::Error, "{what}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_scan_leaves_most_of_the_time_and_no_scan_is_far_away() {
        for (took_ms, between_ms) in [(0, 1000), (200, 1000), (300, 1500), (1000, 5000), (8000, 5000)] {
            let between = between_scans_of(Duration::from_millis(took_ms), Duration::from_secs(1));
            assert_eq!(between, Duration::from_millis(between_ms), "{took_ms} ms");
        }
    }
}
