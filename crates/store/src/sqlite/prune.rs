//! Retention: bounded steps that remove what is old and finished.
//!
//! Which events that are is looked for beside the writer (see [`crate::prune_walk`]).

use ringback_domain::{EventId, ReceiptId, ReplayId, Timestamp, TypedId};
use rusqlite::{Connection, params};

use super::writer::WriteError;
use crate::prune_walk::{self, LOOKED_AT_ONCE};
use crate::store::Retention;

/// Looks at old events beyond a place, project by project, each one's oldest first; says of each whether no
/// delivery is pending. `CROSS JOIN` keeps SQLite to this order of tables, as it does below: the other one
/// reads every event there is.
pub(super) const LOOK: &str = "\
    SELECT p.id, e.id, e.position, NOT EXISTS \
        (SELECT 1 FROM deliveries AS d WHERE d.event_position = e.position AND d.state = 'pending') \
    FROM projects AS p CROSS JOIN events AS e ON e.project_id = p.id AND e.id < ?1 \
        AND e.id > CASE p.id WHEN ?2 THEN ?3 ELSE x'' END \
    WHERE p.id >= ?2 ORDER BY p.id, e.id LIMIT 0 + ?4";

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

/// The place of an event that was looked at: its project, and its id.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    project: [u8; 16],
    event: [u8; 16],
}

/// Finds events by their positions.
pub(super) type Walk = prune_walk::Walk<i64, Place>;
type Looked = prune_walk::Looked<i64, Place>;

/// Looks at the next events beyond a place. Ids are time-ordered, so age is a range of the primary key.
pub(super) fn look(db: &Connection, before: Timestamp, place: Option<Place>) -> rusqlite::Result<Looked> {
    let from = place.unwrap_or_default();
    let limit = i64::try_from(LOOKED_AT_ONCE).unwrap_or(i64::MAX);
    let mut look = db.prepare_cached(LOOK)?;
    let mut rows =
        look.query(params![EventId::first_at(before).to_bytes(), from.project, from.event, limit])?;
    let (mut found, mut last, mut count) = (Vec::new(), None, 0);
    while let Some(row) = rows.next()? {
        last = Some(Place { project: row.get(0)?, event: row.get(1)? });
        count += 1;
        if row.get(3)? {
            found.push(row.get(2)?);
        }
    }
    Ok(Looked { found, place: last.filter(|_| count == LOOKED_AT_ONCE) })
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
