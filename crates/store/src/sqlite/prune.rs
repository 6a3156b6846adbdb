//! Retention: bounded steps that remove what is old and finished.
//!
//! Which events that are is looked for beside the writer, and more at once than one step removes: a million old ones that are held
//! for a dead endpoint may lie before the first that can go, and looking through them must hold up nobody.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringback_domain::{EventId, ReceiptId, ReplayId, Timestamp, TypedId};
use rusqlite::{Connection, params};

use super::writer::WriteError;
use crate::error::StoreError;
use crate::store::Retention;

/// Finds what may go: old, with no delivery pending. `CROSS JOIN` keeps SQLite to this order of tables, as it does below: the
/// other one reads every event there is.
pub(super) const FIND_EVENTS: &str = "\
    SELECT e.position FROM projects AS p CROSS JOIN events AS e ON e.project_id = p.id AND e.id < ?1 \
    WHERE NOT EXISTS \
    (SELECT 1 FROM deliveries AS d WHERE d.event_position = e.position AND d.state = 'pending') LIMIT 0 + ?2";

/// Removes an event's attempts.
pub(super) const DELETE_ATTEMPTS: &str = "\
    DELETE FROM attempts WHERE delivery_position IN (SELECT position FROM deliveries WHERE event_position = ?1)";

/// Removes an event's deliveries.
pub(super) const DELETE_DELIVERIES: &str = "DELETE FROM deliveries WHERE event_position = ?1";

/// Removes the oldest receipts.
pub(super) const DELETE_RECEIPTS: &str = "\
    DELETE FROM receipts WHERE (project_id, id) IN \
    (SELECT r.project_id, r.id FROM projects AS p CROSS JOIN receipts AS r ON r.project_id = p.id AND r.id < ?1 \
     LIMIT 0 + ?2)";

/// Removes the oldest entries of the dedupe table.
pub(super) const DELETE_WEBHOOK_IDS: &str = "\
    DELETE FROM webhook_ids WHERE (source_id, webhook_id) IN \
    (SELECT source_id, webhook_id FROM webhook_ids WHERE first_seen_at < ?1 LIMIT 0 + ?2)";

/// Removes the oldest answers under an `Idempotency-Key`.
pub(super) const DELETE_IDEMPOTENCY_KEYS: &str = "\
    DELETE FROM idempotency_keys WHERE (project_id, route, key) IN \
    (SELECT project_id, route, key FROM idempotency_keys WHERE created_at < ?1 LIMIT 0 + ?2)";

/// Removes the oldest replays that nothing is to be done for and that no delivery names any more.
pub(super) const DELETE_REPLAYS: &str = "\
    DELETE FROM replays WHERE id IN \
    (SELECT r.id FROM replays AS r WHERE r.id < ?1 AND r.state <> 'running' AND r.needs_clearing = 0 \
     AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.replay_id = r.id) LIMIT 0 + ?2)";

/// Whether an event may go at this moment.
pub(super) const MAY_GO: &str = "\
    SELECT EXISTS (SELECT 1 FROM events AS e WHERE e.position = ?1 AND e.id < ?2 AND NOT EXISTS \
    (SELECT 1 FROM deliveries AS d WHERE d.event_position = e.position AND d.state = 'pending'))";

/// How many events are looked for at once.
const FOUND_AT_ONCE: usize = 10_000;

/// Rows that were found to be old, by their positions: a hint for the next steps.
#[derive(Default)]
pub(super) struct Found(Mutex<VecDeque<i64>>);

impl Found {
    /// Takes up to `limit` of them out; if none is left, of those that are found now.
    pub(super) async fn take_or_find(
        &self,
        limit: usize,
        find: impl Future<Output = Result<Vec<i64>, StoreError>>,
    ) -> Result<Vec<i64>, StoreError> {
        let found = self.take(limit);
        if !found.is_empty() {
            return Ok(found);
        }
        let found = find.await?;
        *self.lock() = found.into();
        Ok(self.take(limit))
    }

    fn take(&self, limit: usize) -> Vec<i64> {
        let mut found = self.lock();
        let count = limit.min(found.len());
        found.drain(..count).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<i64>> {
        // What is in it is only a hint, whole or not.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The oldest events of each project first; ids are time-ordered, so age is a range of the primary key. One with a pending
/// delivery is passed over, however old it is.
pub(super) fn find_events(db: &Connection, before: Timestamp) -> rusqlite::Result<Vec<i64>> {
    let limit = i64::try_from(FOUND_AT_ONCE).unwrap_or(i64::MAX);
    db.prepare_cached(FIND_EVENTS)?
        .query_map(params![EventId::first_at(before).to_bytes(), limit], |row| row.get(0))?
        .collect()
}

pub(super) fn prune(tx: &Connection, retention: Retention, found: &[i64]) -> Result<usize, WriteError> {
    let limit = i64::try_from(retention.limit).unwrap_or(i64::MAX);
    let events = prune_events(tx, retention.events_before, found)?;
    let receipts = prune_receipts(tx, retention.events_before, limit)?;
    let webhook_ids = tx
        .prepare_cached(DELETE_WEBHOOK_IDS)?
        .execute(params![retention.webhook_ids_before.as_unix_ms(), limit])?;
    let idempotency_keys = tx
        .prepare_cached(DELETE_IDEMPOTENCY_KEYS)?
        .execute(params![retention.idempotency_keys_before.as_unix_ms(), limit])?;
    let replays = tx
        .prepare_cached(DELETE_REPLAYS)?
        .execute(params![ReplayId::first_at(retention.events_before).to_bytes(), limit])?;
    Ok(events + receipts + webhook_ids + idempotency_keys + replays)
}

/// Those that may still go.
fn prune_events(tx: &Connection, before: Timestamp, found: &[i64]) -> rusqlite::Result<usize> {
    let before = EventId::first_at(before).to_bytes();
    let mut may_go = tx.prepare_cached(MAY_GO)?;
    let mut attempts = tx.prepare_cached(DELETE_ATTEMPTS)?;
    let mut deliveries = tx.prepare_cached(DELETE_DELIVERIES)?;
    let mut events = tx.prepare_cached("DELETE FROM events WHERE position = ?1")?;
    let mut count = 0;
    for position in found {
        if may_go.query_row(params![position, before], |row| row.get(0))? {
            attempts.execute([position])?;
            deliveries.execute([position])?;
            count += events.execute([position])?;
        }
    }
    Ok(count)
}

fn prune_receipts(tx: &Connection, before: Timestamp, limit: i64) -> rusqlite::Result<usize> {
    tx.prepare_cached(DELETE_RECEIPTS)?.execute(params![ReceiptId::first_at(before).to_bytes(), limit])
}
