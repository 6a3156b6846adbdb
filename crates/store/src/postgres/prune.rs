//! Retention: bounded steps that remove what is old and finished.
//!
//! Events go with their partition, as a rule (see `partitions`); what is here about events is for those that
//! cannot: in the lowest partition, and in past ones that a pending delivery keeps. Which of them may go is
//! looked for beforehand (see `prune_walk`).

use ringback_domain::{EventId, ReceiptId, ReplayId, TypedId};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use super::locks;
use super::prune_walk::Name;
use crate::store::Retention;

// `OFFSET 0`: what is looked up for each row is to stay that. Joined, it could be read from end to end.

/// Locks those of the events that are there and still old. What somebody is just sending again, or another
/// node removing, is passed over.
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

/// Removes the oldest receipts. Rows are named by their places, here and below: by their keys they would be
/// looked for anew, or compared with every row there is.
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

/// Nothing else goes with a receipt or an entry of the dedupe table, and each call has left one of both: so
/// many times as many of them are removed at once as of events.
const MORE_PER_LIMIT: usize = 10;

/// Names of events: projects, and ids.
type Names = (Vec<Key>, Vec<Key>);

/// Says how many rows went; `None` if another node is at it. One at a time: two would only get into each
/// other's way.
pub(super) async fn prune(
    tx: &Connection,
    retention: Retention,
    found: &[Name],
) -> Result<Option<usize>, Failure> {
    if !locks::try_prune(tx).await? {
        return Ok(None);
    }
    let limit = columns::limit(retention.limit);
    let more = columns::limit(retention.limit.saturating_mul(MORE_PER_LIMIT));
    let events = prune_events(tx, key(EventId::first_at(retention.events_before)), found).await?;
    let receipts = key(ReceiptId::first_at(retention.events_before));
    let replays = key(ReplayId::first_at(retention.events_before));
    let ids = retention.webhook_ids_before.as_unix_ms();
    let answers = retention.idempotency_keys_before.as_unix_ms();
    let rest = tx.execute(DELETE_RECEIPTS, &[&receipts, &more]).await?
        + tx.execute(DELETE_WEBHOOK_IDS, &[&ids, &more]).await?
        + tx.execute(DELETE_IDEMPOTENCY_KEYS, &[&answers, &limit]).await?
        + tx.execute(DELETE_REPLAYS, &[&replays, &limit]).await?;
    Ok(Some(events + columns::counted(rest)))
}

/// Those that may still go.
async fn prune_events(tx: &Connection, before: Key, found: &[Name]) -> Result<usize, Failure> {
    if found.is_empty() {
        return Ok(0);
    }
    let (projects, ids): Names = found.iter().copied().unzip();
    let (projects, ids) = keys(&tx.query(LOCK_EVENTS, &[&projects, &ids, &before]).await?)?;
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
