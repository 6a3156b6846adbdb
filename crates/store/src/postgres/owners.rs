//! Which node delivers to an endpoint that has a rate, a concurrency or an order: its owner, the only one
//! that claims for it.
//!
//! All that such a rule needs is in the owner's memory, as on a single node; every other endpoint is shared
//! by all. An ownership is a row in `endpoint_owners`, taken by a claim where there is none, and held until
//! its node closes or is found dead: nothing moves while its owner lives. Which of the living takes it is
//! said by a number that all of them reckon for a node and an endpoint alike (rendezvous hashing): the
//! highest takes it at once, the others only when nobody has for a while. So owners are spread over the nodes
//! that live when they are taken; a node that comes later gets those of endpoints that come later, or whose
//! owner goes.
//!
//! The memory here is a hint that saves look-ups. What holds is the row, which a claim locks.
//!
//! Not guaranteed: that a rule holds in the second in which it is made, when other nodes do not know it yet
//! and what they hold is under way; nor beyond a node that died while its attempts were running, or was
//! stopped for longer than its heartbeats may be late.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use ringback_domain::{Endpoint, EndpointId, Ordering, TypedId};

use super::columns::{self, Key};
use super::connections::Connection;
use super::failure::Failure;
use super::pulse::Pulse;

/// How long an endpoint has no owner before any node takes it.
const UNOWNED: Duration = Duration::from_secs(2);
/// How soon an endpoint that another node owns is looked at again: once in the deliverer's second.
const LOOK_AGAIN: Duration = Duration::from_millis(900);

/// Gives up this node's ownerships of endpoints that need no owner any more; says which are left.
const SWEEP: &str = "\
    WITH gone AS ( \
        DELETE FROM endpoint_owners AS o WHERE o.node_id = $1 AND NOT EXISTS ( \
            SELECT 1 FROM endpoints AS e WHERE e.id = o.endpoint_id AND e.deleted_at IS NULL \
            AND (e.max_per_sec IS NOT NULL OR e.max_concurrency IS NOT NULL OR e.ordering <> 'none')) \
        RETURNING o.endpoint_id \
    ) \
    SELECT endpoint_id FROM endpoint_owners WHERE node_id = $1 AND endpoint_id NOT IN (SELECT endpoint_id FROM gone)";

/// Gives up all ownerships of a node.
pub(super) const DISOWN: &str = "DELETE FROM endpoint_owners WHERE node_id = $1";

/// Whether one node alone delivers to an endpoint.
pub(super) fn needs_owner(endpoint: &Endpoint) -> bool {
    let rules = &endpoint.rules;
    rules.max_per_sec.is_some() || rules.max_concurrency.is_some() || rules.ordering != Ordering::None
}

/// What this node knows of owners.
pub(super) struct Owners {
    pulse: Arc<Pulse>,
    known: Mutex<HashMap<EndpointId, Known>>,
}

#[derive(Debug, Clone, Copy)]
enum Known {
    /// It is this node's, as was found then.
    Own { found_at: Instant },
    /// It was another's when it was looked at.
    Others { looked_at: Instant },
    /// It was nobody's when it was looked at, and since when.
    Nobodys { looked_at: Instant, since: Instant },
}

/// How to claim for an endpoint that needs an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Not now: it is another's, or another's to take.
    Wait,
    /// If it is this node's.
    AsOwner,
    /// If it is this node's, or nobody's: then it is this node's.
    Take,
}

/// Whose it was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Own,
    Others,
    Nobodys,
}

impl Owners {
    pub(super) fn new(pulse: Arc<Pulse>) -> Self {
        Self { pulse, known: Mutex::default() }
    }

    /// Whether an endpoint is this node's, as far as it knows.
    pub(super) fn has(&self, endpoint_id: EndpointId) -> bool {
        matches!(self.lock().get(&endpoint_id), Some(Known::Own { .. })) && self.pulse.is_felt()
    }

    /// How to claim for an endpoint now.
    pub(super) fn way(&self, endpoint_id: EndpointId) -> Way {
        if !self.pulse.is_felt() {
            return Way::Wait;
        }
        let unowned_for = match self.lock().get(&endpoint_id) {
            Some(Known::Own { .. }) => return Way::AsOwner,
            Some(Known::Others { looked_at } | Known::Nobodys { looked_at, .. })
                if looked_at.elapsed() < LOOK_AGAIN =>
            {
                return Way::Wait;
            }
            Some(Known::Nobodys { since, .. }) => since.elapsed(),
            Some(Known::Others { .. }) | None => Duration::ZERO,
        };
        let is_favourite = || self.pulse.is_favourite(|node| score(node, endpoint_id));
        if unowned_for >= UNOWNED || is_favourite() { Way::Take } else { Way::AsOwner }
    }

    /// Notes what a claim has found that was begun then.
    pub(super) fn note(&self, endpoint_id: EndpointId, found: Found, asked_at: Instant) {
        let looked_at = Instant::now();
        let mut known = self.lock();
        let now = match (found, known.get(&endpoint_id).copied()) {
            (Found::Own, _) => Known::Own { found_at: looked_at },
            // Another claim has taken it meanwhile, which this one did not see yet.
            (_, Some(Known::Own { found_at })) if found_at >= asked_at => return,
            (Found::Others, _) => Known::Others { looked_at },
            (Found::Nobodys, Some(Known::Nobodys { since, .. })) => Known::Nobodys { looked_at, since },
            (Found::Nobodys, _) => Known::Nobodys { looked_at, since: looked_at },
        };
        known.insert(endpoint_id, now);
    }

    /// Forgets everything: this node was taken for dead, or another one is.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    /// Forgets what others have: one of them is gone.
    pub(super) fn forget_others(&self) {
        self.lock().retain(|_, known| matches!(known, Known::Own { .. }));
    }

    /// Gives up all that is this node's: others are to take it.
    pub(super) async fn give_up(&self, connection: &Connection) -> Result<(), Failure> {
        if self.lock().is_empty() {
            return Ok(());
        }
        connection.execute(DISOWN, &[&self.pulse.id]).await?;
        self.forget();
        Ok(())
    }

    /// Gives up what needs no owner any more.
    pub(super) async fn sweep(&self, connection: &Connection) -> Result<(), Failure> {
        if self.lock().is_empty() {
            return Ok(());
        }
        let rows = connection.query(SWEEP, &[&self.pulse.id]).await?;
        let left = rows.iter().map(|row| columns::id(row, 0)).collect::<Result<Vec<EndpointId>, _>>()?;
        // One that is not there was given up, or is taken at this moment: the next claim takes it or finds
        // it.
        let found_at = Instant::now();
        *self.lock() = left.into_iter().map(|id| (id, Known::Own { found_at })).collect();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, Known>> {
        // Every change under the lock is complete before anything can panic.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number that a node has for an endpoint, the same on every node, whatever its version.
fn score(Key(node): Key, endpoint_id: EndpointId) -> u64 {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&node);
    context.update(&endpoint_id.to_bytes());
    let hash = context.finish();
    hash.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::uptime::Uptime;

    fn nodes(count: u8) -> Vec<Key> {
        (1..=count).map(|n| Key([n; 16])).collect()
    }

    fn owners(node: Key, nodes: &[Key]) -> Owners {
        let pulse = Pulse::new(node, Uptime::now());
        pulse.went_through(
            Uptime::now(),
            None,
            nodes.iter().copied().filter(|other| *other != node).collect(),
        );
        Owners::new(Arc::new(pulse))
    }

    #[test]
    fn every_endpoint_is_one_nodes_to_take_and_each_node_has_its_share() {
        let nodes = nodes(3);
        let all: Vec<Owners> = nodes.iter().map(|node| owners(*node, &nodes)).collect();
        let mut shares = [0; 3];
        for n in 0..300_u128 {
            let endpoint = EndpointId::from_bytes(n.to_be_bytes());
            let takers: Vec<usize> = (0..3).filter(|i| all[*i].way(endpoint) == Way::Take).collect();
            assert_eq!(takers.len(), 1, "endpoint {n}");
            shares[takers[0]] += 1;
        }
        assert!(shares.iter().all(|share| *share > 60), "{shares:?}");
    }

    #[test]
    fn who_has_looked_in_vain_waits_before_it_looks_again() {
        let nodes = nodes(2);
        let owners = owners(nodes[0], &nodes);
        let endpoint = EndpointId::from_bytes([3; 16]);
        for found in [Found::Others, Found::Nobodys] {
            owners.note(endpoint, found, Instant::now());
            assert_eq!((owners.way(endpoint), owners.has(endpoint)), (Way::Wait, false));
        }
        let before = Instant::now();
        owners.note(endpoint, Found::Own, before);
        assert_eq!((owners.way(endpoint), owners.has(endpoint)), (Way::AsOwner, true));
        owners.note(endpoint, Found::Nobodys, before);
        assert!(owners.has(endpoint), "one that was begun before it was taken");
        owners.forget_others();
        assert!(owners.has(endpoint));
        owners.note(endpoint, Found::Nobodys, Instant::now());
        assert!(!owners.has(endpoint), "it is lost");
        owners.note(endpoint, Found::Own, before);
        owners.forget();
        assert!(!owners.has(endpoint));
    }
}
