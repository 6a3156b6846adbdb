//! What may go to an endpoint now: its breaker, its rate, and the release of what it held.
//!
//! The deliverer asks before it claims, the dispatcher before it hands something over in memory. All of this
//! is this node's memory: a restart forgets it, and what is due is due. What holds something back says when
//! to ask again.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_domain::retry::Jitter;
use ringback_domain::{Endpoint, EndpointId, Timestamp};

use crate::breaker::{Breaker, BreakerView, Permit};
use crate::pace::{Let, Pace};

/// The gates of all endpoints that have something to remember.
pub(crate) struct Gates {
    release_per_sec: u32,
    gates: Mutex<HashMap<EndpointId, Gate>>,
}

/// What is remembered of one endpoint.
struct Gate {
    breaker: Breaker,
    pace: Pace,
    /// What the breaker is about: another URL, or an endpoint that was enabled again, begins anew.
    url: String,
    resumed_at: Option<Timestamp>,
    /// The resumption after which all that had been held is released.
    released: Option<Timestamp>,
    /// Whether something that is due waits for its rate: nothing new goes before it.
    waits: bool,
}

/// What may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Passage {
    /// So many, now.
    pub(crate) count: usize,
    /// So many under way at once, these included.
    pub(crate) at_once: usize,
    /// When to ask again for more than that; `None`: when one of those under way has ended.
    pub(crate) again_at: Option<Timestamp>,
}

impl Gate {
    fn new(endpoint: &Endpoint) -> Self {
        Self {
            breaker: Breaker::default(),
            pace: Pace::default(),
            url: endpoint.url.clone(),
            resumed_at: endpoint.resumed_at,
            released: None,
            waits: false,
        }
    }

    fn keep_up_with(&mut self, endpoint: &Endpoint) {
        if !self.is_about(endpoint) {
            self.breaker = Breaker::default();
            self.url.clone_from(&endpoint.url);
            self.resumed_at = endpoint.resumed_at;
        }
    }

    fn is_about(&self, endpoint: &Endpoint) -> bool {
        self.url == endpoint.url && self.resumed_at == endpoint.resumed_at
    }

    fn is_releasing(&self, endpoint: &Endpoint) -> bool {
        endpoint.resumed_at.is_some() && self.released != endpoint.resumed_at
    }
}

/// How many may be under way at once, of `most` on this node.
fn at_once(endpoint: &Endpoint, most: usize) -> usize {
    endpoint.rules.max_concurrency.map_or(most, |own| most.min(own.into()))
}

/// Whether there is nothing to remember of an endpoint whose breaker has nothing to remember.
fn is_plain(endpoint: &Endpoint) -> bool {
    endpoint.rules.max_per_sec.is_none() && endpoint.resumed_at.is_none()
}

impl Gates {
    /// Gates that release what was held at most so fast.
    pub(crate) fn new(release_per_sec: u32) -> Self {
        Self { release_per_sec, gates: Mutex::default() }
    }

    /// How much of what is due may be claimed now, up to `wanted`, and to `most` under way at once. If it is
    /// a probe, its outcome is expected within `probe_within`.
    pub(crate) fn pass(
        &self,
        endpoint: &Endpoint,
        wanted: usize,
        most: usize,
        now: Timestamp,
        probe_within: Duration,
    ) -> Passage {
        let at_once = at_once(endpoint, most);
        if endpoint.replay_id.is_some() {
            // One attempt for each delivery, at the replay's rate: there is nothing to hold back.
            return Passage { count: wanted.min(at_once), at_once, again_at: None };
        }
        let mut gates = self.lock();
        let gate = gates.entry(endpoint.id).or_insert_with(|| Gate::new(endpoint));
        gate.keep_up_with(endpoint);
        let at_once = match gate.breaker.permit(now, probe_within) {
            Permit::Any => at_once,
            Permit::AtMost(limit) => at_once.min(limit),
            Permit::NotBefore(time) => return Passage { count: 0, at_once: 0, again_at: Some(time) },
        };
        let wanted = wanted.min(at_once);
        let Some(per_sec) = self.per_sec(gate, endpoint) else {
            return Passage { count: wanted, at_once, again_at: None };
        };
        let Let { count, again_at } = gate.pace.take(per_sec, wanted, now);
        gate.waits = count < wanted;
        if count == 0 {
            gate.breaker.probe_unused(now);
        }
        Passage { count, at_once, again_at: (count < wanted).then_some(again_at) }
    }

    /// Whether something new may go at once, with nothing claimed before it; and how many under way at once
    /// then.
    pub(crate) fn pass_new(&self, endpoint: &Endpoint, most: usize, now: Timestamp) -> Option<usize> {
        let mut gates = self.lock();
        if let Some(gate) = gates.get_mut(&endpoint.id) {
            gate.keep_up_with(endpoint);
            if !gate.breaker.is_closed() || gate.waits || gate.is_releasing(endpoint) {
                return None;
            }
            if let Some(per_sec) = endpoint.rules.max_per_sec
                && gate.pace.take(per_sec, 1, now).count == 0
            {
                return None;
            }
        } else if !is_plain(endpoint) {
            // The deliverer looks first.
            return None;
        }
        Some(at_once(endpoint, most))
    }

    /// `unused` of those that were let through found no slot; `all` says whether that is all of them.
    pub(crate) fn give_back(&self, endpoint: &Endpoint, unused: usize, all: bool, now: Timestamp) {
        let mut gates = self.lock();
        let Some(gate) = gates.get_mut(&endpoint.id) else { return };
        if all {
            gate.breaker.probe_unused(now);
        }
        if let Some(per_sec) = self.per_sec(gate, endpoint) {
            gate.pace.give_back(per_sec, unused);
        }
    }

    /// What was claimed came due after the endpoint was resumed: what had been held has gone before it.
    pub(crate) fn claimed_what_came_at(&self, endpoint: &Endpoint, due_at: Timestamp) {
        if endpoint.resumed_at.is_some_and(|resumed_at| due_at > resumed_at)
            && let Some(gate) = self.lock().get_mut(&endpoint.id)
        {
            gate.released = endpoint.resumed_at;
        }
    }

    /// There was less to claim than had been let through: nothing that was held is left, and nothing waits.
    pub(crate) fn drained(&self, endpoint: &Endpoint) {
        let mut gates = self.lock();
        let Some(gate) = gates.get_mut(&endpoint.id) else { return };
        gate.released = endpoint.resumed_at;
        gate.waits = false;
        if gate.breaker.is_unmarked() && is_plain(endpoint) {
            gates.remove(&endpoint.id);
        }
    }

    /// An attempt succeeded. Says whether more may go now than before.
    pub(crate) fn succeeded(&self, endpoint: &Endpoint) -> bool {
        let mut gates = self.lock();
        let Some(gate) = gates.get_mut(&endpoint.id) else { return false };
        // One that was begun at a former URL, or before a resumption, says nothing of how things are now.
        gate.is_about(endpoint) && gate.breaker.succeeded()
    }

    /// An attempt failed, in a way that says something about the endpoint. Says whether that opened the
    /// breaker.
    pub(crate) fn failed(&self, endpoint: &Endpoint, now: Timestamp, jitter: Jitter) -> bool {
        let mut gates = self.lock();
        let gate = gates.entry(endpoint.id).or_insert_with(|| Gate::new(endpoint));
        gate.is_about(endpoint) && gate.breaker.failed(now, jitter)
    }

    /// An endpoint's breaker.
    pub(crate) fn breaker(&self, endpoint_id: EndpointId) -> BreakerView {
        let gates = self.lock();
        gates.get(&endpoint_id).map_or_else(|| Breaker::default().view(), |gate| gate.breaker.view())
    }

    /// Forgets the endpoints that are no more.
    pub(crate) fn retain(&self, is_there: impl Fn(EndpointId) -> bool) {
        self.lock().retain(|id, _| is_there(*id));
    }

    fn per_sec(&self, gate: &Gate, endpoint: &Endpoint) -> Option<u32> {
        let release = gate.is_releasing(endpoint).then_some(self.release_per_sec);
        match (endpoint.rules.max_per_sec, release) {
            (Some(own), Some(release)) => Some(own.min(release)),
            (own, release) => own.or(release),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, Gate>> {
        // Every change under the lock is whole before anything can panic.
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
