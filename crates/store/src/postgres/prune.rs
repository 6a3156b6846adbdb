//! Retention: bounded steps that remove what is old and finished.
//!
//! Events go with their partition, as a rule (see `partitions`); what is here about events is for those that cannot: in the lowest partition,
//! and in past ones that a pending delivery keeps.
//!
//! More events are looked for at once than one step removes: a million old ones that are held for a dead endpoint may lie before the
//! first that can go, and are not to be walked through by every step.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringback_domain::{EventId, ReceiptId, ReplayId, TypedId};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use super::partitions::Ranges;
use crate::error::StoreError;
use crate::store::Retention;

// `OFFSET 0`, here and below: what is looked up for each row is to stay that. Joined, it could be read from end to end.

/// Finds what may go: in ranges of old ids, with no delivery pending; project by project, the oldest first.
pub(super) const FIND_EVENTS: &str = "\
    SELECT e.project_id, e.id FROM projects AS p CROSS JOIN unnest($1::uuid[], $2::uuid[]) AS r (first, last) \
    CROSS JOIN LATERAL ( \
        SELECT e.project_id, e.id FROM events AS e WHERE e.project_id = p.id AND e.id >= r.first AND e.id < r.last \
        AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.event_id = e.id AND d.state = 'pending' OFFSET 0) \
        ORDER BY e.id LIMIT $3) AS e \
    LIMIT $3";

/// Locks those of the events that are there and still old. What somebody is just sending again, or another node removing, is passed over.
pub(super) const LOCK_EVENTS: &str = "\
    SELECT e.project_id, e.id FROM unnest($1::uuid[], $2::uuid[]) AS f (project_id, id) \
    JOIN events AS e ON e.project_id = f.project_id AND e.id = f.id \
    WHERE e.id < $3 FOR UPDATE OF e SKIP LOCKED";

/// Those of the events, now locked, that still have no delivery pending.
pub(super) const STILL_FINISHED: &str = "\
    SELECT f.project_id, f.id FROM unnest($1::uuid[], $2::uuid[]) AS f (project_id, id) \
    WHERE NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.event_id = f.id AND d.state = 'pending' OFFSET 0)";

/// Removes events' attempts.
pub(super) const DELETE_ATTEMPTS: &str = "\
    DELETE FROM attempts AS a USING deliveries AS d WHERE d.event_id = ANY ($1) AND a.delivery_id = d.id";

/// Removes events' deliveries.
pub(super) const DELETE_DELIVERIES: &str = "DELETE FROM deliveries WHERE event_id = ANY ($1)";

/// Removes events.
pub(super) const DELETE_EVENTS: &str = "\
    DELETE FROM events AS e USING unnest($1::uuid[], $2::uuid[]) AS f (project_id, id) \
    WHERE e.project_id = f.project_id AND e.id = f.id";

/// Removes the oldest receipts. Rows are named by their places, here and below: by their keys they would be looked for anew, or
/// compared with every row there is.
pub(super) const DELETE_RECEIPTS: &str = "\
    DELETE FROM receipts WHERE ctid = ANY (ARRAY( \
        SELECT r.place FROM projects AS p CROSS JOIN LATERAL \
            (SELECT r.ctid AS place FROM receipts AS r WHERE r.project_id = p.id AND r.id < $1 ORDER BY r.id LIMIT $2) AS r \
        LIMIT $2))";

/// Removes the oldest entries of the dedupe table.
pub(super) const DELETE_WEBHOOK_IDS: &str = "\
    DELETE FROM webhook_ids WHERE ctid = ANY (ARRAY( \
        SELECT ctid FROM webhook_ids WHERE first_seen_at < $1 ORDER BY first_seen_at LIMIT $2))";

/// Removes the oldest answers under an `Idempotency-Key`.
pub(super) const DELETE_IDEMPOTENCY_KEYS: &str = "\
    DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY( \
        SELECT ctid FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2))";

/// Removes the oldest replays that nothing is to be done for and that no delivery names any more.
pub(super) const DELETE_REPLAYS: &str = "\
    DELETE FROM replays WHERE id IN \
    (SELECT r.id FROM replays AS r WHERE r.id < $1 AND r.state <> 'running' AND NOT r.needs_clearing \
     AND (SELECT d.id FROM deliveries AS d WHERE d.replay_id = r.id ORDER BY d.id LIMIT 1) IS NULL LIMIT $2)";

/// How many events are looked for at once.
const FOUND_AT_ONCE: usize = 10_000;

/// Names of events: projects, and ids.
type Names = (Vec<Key>, Vec<Key>);

/// Events that were found to be old and finished: a hint for the next steps.
#[derive(Default)]
pub(super) struct Found(Mutex<VecDeque<(Key, Key)>>);

impl Found {
    /// Takes up to `limit` of them out; if none is left, of those that are found now.
    pub(super) async fn take_or_find(
        &self,
        limit: usize,
        find: impl Future<Output = Result<Names, StoreError>>,
    ) -> Result<Names, StoreError> {
        let found = self.take(limit);
        if !found.1.is_empty() {
            return Ok(found);
        }
        let (projects, ids) = find.await?;
        *self.lock() = projects.into_iter().zip(ids).collect();
        Ok(self.take(limit))
    }

    fn take(&self, limit: usize) -> Names {
        let mut found = self.lock();
        let count = limit.min(found.len());
        found.drain(..count).unzip()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Key, Key)>> {
        // What is in it is only a hint, whole or not.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Only what cannot go with its partition. An event with a pending delivery is passed over, however old it is.
pub(super) async fn find_events(connection: &Connection, ranges: &Ranges) -> Result<Names, Failure> {
    let (first, last) = ranges;
    keys(&connection.query(FIND_EVENTS, &[first, last, &columns::limit(FOUND_AT_ONCE)]).await?)
}

pub(super) async fn prune(tx: &Connection, retention: Retention, found: &Names) -> Result<usize, Failure> {
    let limit = columns::limit(retention.limit);
    let events = prune_events(tx, key(EventId::first_at(retention.events_before)), found).await?;
    let receipts = key(ReceiptId::first_at(retention.events_before));
    let replays = key(ReplayId::first_at(retention.events_before));
    let ids = retention.webhook_ids_before.as_unix_ms();
    let answers = retention.idempotency_keys_before.as_unix_ms();
    let rest = tx.execute(DELETE_RECEIPTS, &[&receipts, &limit]).await?
        + tx.execute(DELETE_WEBHOOK_IDS, &[&ids, &limit]).await?
        + tx.execute(DELETE_IDEMPOTENCY_KEYS, &[&answers, &limit]).await?
        + tx.execute(DELETE_REPLAYS, &[&replays, &limit]).await?;
    Ok(events + columns::counted(rest))
}

/// Those that may still go.
async fn prune_events(tx: &Connection, before: Key, (projects, ids): &Names) -> Result<usize, Failure> {
    if ids.is_empty() {
        return Ok(0);
    }
    let (projects, ids) = keys(&tx.query(LOCK_EVENTS, &[projects, ids, &before]).await?)?;
    // Since it was found, an event may have been sent again; from now on it cannot.
    let (projects, ids) = keys(&tx.query(STILL_FINISHED, &[&projects, &ids]).await?)?;
    tx.execute(DELETE_ATTEMPTS, &[&ids]).await?;
    tx.execute(DELETE_DELIVERIES, &[&ids]).await?;
    tx.execute(DELETE_EVENTS, &[&projects, &ids]).await.map(columns::counted)
}

fn keys(rows: &[Row]) -> Result<Names, Failure> {
    let column = |column| rows.iter().map(|row| get(row, column)).collect::<Result<Vec<Key>, _>>();
    Ok((column(0)?, column(1)?))
}
