//! Mislaid leases: by the rows this node has them, and nobody here knows of them.
//!
//! A claim, or an append with deliveries that are born leased, has learned within its transaction which rows
//! it takes. When the answer to its commit is lost, or whoever asked for it has gone away meanwhile, they are
//! noted here; so is what could not be given back. They are given back as soon as the database can be
//! reached, rather than when their leases run out. Whether the commit took place nobody knows, and a server
//! that stood still may yet do it: so what is not found is looked for again, for a while.
//!
//! Only the very lease that was mislaid is given back: when its transaction was undone after all, a later
//! claim may have the same token, but not the same end.
//!
//! Not guaranteed: that all of them are found. What is too much to be noted, or is committed later than that,
//! waits for the end of its lease.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_domain::{DeliveryId, EndpointId, ProjectId};
use tokio::sync::Notify;

use super::claim::token;
use super::columns::{self, Key, get, key};
use super::connections::Connections;
use super::failure::Failure;
use super::link::Link;
use super::watch::Crier;
use crate::append::{Appended, Arrival};
use crate::work::Unattempted;

/// How long after the trouble they are looked for first, and how often again.
const LOOK: Duration = Duration::from_secs(1);
/// How often they are looked for while the database answers: beyond the time that the server gives a
/// transaction.
const LOOKS: u8 = 12;
/// How many are noted at most.
const MAX_NOTED: usize = 10_000;

/// Frees rows whose lease is the one named. The rows are found by their keys, not among all that are leased.
pub(super) const GIVE_BACK: &str = "\
    UPDATE deliveries AS d SET lease_expires_at = NULL, lease_node = NULL \
    FROM unnest($1::uuid[], $2::uuid[], $3::int8[], $4::int8[]) AS u (project_id, id, lease_token, lease_expires_at) \
    WHERE d.project_id = u.project_id AND d.id = u.id AND d.lease_node = $5 AND d.lease_token = u.lease_token \
    AND (u.lease_expires_at IS NULL OR d.lease_expires_at IS NOT DISTINCT FROM u.lease_expires_at) \
    RETURNING d.id, d.endpoint_id";

/// A lease, as the transaction knows it that took it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) project_id: ProjectId,
    pub(super) delivery_id: DeliveryId,
    pub(super) lease_token: u64,
    /// By the server's clock. `None` where the token alone says which lease it is: the row was made under it,
    /// or it was known to hold.
    pub(super) expires_at: Option<i64>,
}

impl Held {
    /// What was born leased of an arrival.
    pub(super) fn born<'a>(
        arrival: &Arrival,
        appended: &'a Appended,
    ) -> impl Iterator<Item = Self> + use<'a> {
        let project_id = arrival.project_id;
        appended.leased.iter().map(move |(delivery_id, _, lease)| Self {
            project_id,
            delivery_id: *delivery_id,
            lease_token: lease.token,
            expires_at: None,
        })
    }

    /// What was claimed, and could not be given back.
    pub(super) fn claimed(given_back: &Unattempted) -> Self {
        let Unattempted { project_id, delivery_id, lease_token } = *given_back;
        Self { project_id, delivery_id, lease_token, expires_at: None }
    }
}

/// What one node has mislaid.
pub(super) struct Mislaid {
    /// Each with how often it has been looked for.
    noted: Mutex<Vec<(Held, u8)>>,
    bell: Notify,
    /// Whose leases they are.
    node: Key,
}

impl Mislaid {
    /// Nothing, so far.
    pub(super) fn new(node: Key) -> Self {
        Self { noted: Mutex::default(), bell: Notify::new(), node }
    }

    /// Notes leases that nobody knows of.
    pub(super) fn note(&self, held: impl IntoIterator<Item = Held>) {
        let mut noted = self.lock();
        let room = MAX_NOTED.saturating_sub(noted.len());
        noted.extend(held.into_iter().take(room).map(|held| (held, 0)));
        if !noted.is_empty() {
            self.bell.notify_one();
        }
    }

    /// Gives back what is found; says whose deliveries that are.
    async fn give_back(&self, connections: &Connections) -> Result<HashSet<EndpointId>, Failure> {
        let held: Vec<Held> = self.lock().iter().map(|(held, _)| *held).collect();
        let projects: Vec<Key> = held.iter().map(|held| key(held.project_id)).collect();
        let ids: Vec<Key> = held.iter().map(|held| key(held.delivery_id)).collect();
        let tokens: Vec<i64> = held.iter().map(|held| token(held.lease_token)).collect();
        let ends: Vec<Option<i64>> = held.iter().map(|held| held.expires_at).collect();
        let connection = connections.get().await?;
        let rows = connection.query(GIVE_BACK, &[&projects, &ids, &tokens, &ends, &self.node]).await?;
        let mut found: HashMap<Key, EndpointId> = HashMap::with_capacity(rows.len());
        for row in &rows {
            found.insert(get(row, 0)?, columns::id(row, 1)?);
        }
        self.look_again(held.len(), |held| !found.contains_key(&key(held.delivery_id)));
        if !found.is_empty() {
            tracing::info!(
                store.reclaimed = found.len(),
                "deliveries that were leased to this node without its knowledge are due again"
            );
        }
        Ok(found.into_values().collect())
    }

    /// Of the first ones, those are left which have not been found and not been looked for often enough.
    fn look_again(&self, looked_for: usize, is_missing: impl Fn(&Held) -> bool) {
        let mut noted = self.lock();
        let later = noted.split_off(looked_for);
        noted.retain_mut(|(held, looks)| {
            *looks += 1;
            *looks < LOOKS && is_missing(held)
        });
        noted.extend(later);
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Held, u8)>> {
        // Every change under the lock is complete before anything can panic.
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives back for as long as the store is there. What is due again this node's deliverer and the others are
/// told of.
pub(super) async fn give_back(
    mislaid: Arc<Mislaid>,
    connections: Arc<Connections>,
    link: Arc<Link>,
    crier: Arc<Crier>,
) {
    loop {
        while !mislaid.is_empty() {
            tokio::time::sleep(LOOK).await;
            // While the database is away nothing is forgotten.
            if let Ok(due) = mislaid.give_back(&connections).await {
                link.ears.due.add(due.iter().copied());
                crier.tell(due);
            }
        }
        mislaid.bell.notified().await;
    }
}
