//! What is too old: to be attempted, or, by the operator's hard limit of retention, to be kept.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ringback_domain::{DeliveryState, EndReason, EndpointId, EventId, Timestamp, TypedId};
use rusqlite::{Connection, Row, params};

use super::order::{self, Place};
use super::writer::WriteError;
use super::{SqliteStore, columns};
use crate::error::StoreError;

/// Ends what is too old to be attempted, under no lease: an attempt that is under way may still arrive in
/// time.
pub(super) const EXPIRE: &str = "\
    UPDATE deliveries SET state = ?2, end_reason = ?3, due_at = NULL, finished_at = ?1 \
    WHERE position IN ( \
        SELECT position FROM deliveries \
        WHERE expires_at <= ?1 AND finished_at IS NULL AND lease_expires_at IS NULL LIMIT 0 + ?4) \
    RETURNING endpoint_id, order_key, position";

/// Finds what is too old to be kept: each project's oldest events first. Nothing says by an index of its own
/// which deliveries are pending: of events that are so old, those that are finished have been pruned.
pub(super) const FIND_PAST_LIMIT: &str = "\
    SELECT d.position FROM projects AS p CROSS JOIN events AS e ON e.project_id = p.id AND e.id < ?1 \
    CROSS JOIN deliveries AS d ON d.event_position = e.position \
    WHERE d.finished_at IS NULL AND d.lease_expires_at IS NULL LIMIT 0 + ?2";

/// Ends one of them, if it still is so. The age of its event is looked at again: a position that was pruned
/// since is handed out anew.
pub(super) const GIVE_UP: &str = "\
    UPDATE deliveries SET state = ?2, end_reason = ?3, due_at = NULL, finished_at = ?1 \
    WHERE position = ?4 AND finished_at IS NULL AND lease_expires_at IS NULL \
    AND (SELECT e.id FROM events AS e WHERE e.position = deliveries.event_position) < ?5 \
    RETURNING endpoint_id, order_key, position";

/// How many deliveries past the hard limit are looked for at once: 800 kB of positions. Events whose
/// deliveries were given up lie before the others until they are pruned, and are passed over each time.
const FOUND_AT_ONCE: i64 = 100_000;

/// Deliveries that were found past the hard limit, by their positions: a hint for the next steps.
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

/// A row that was ended, with its place in an order if it has one.
struct Ended {
    endpoint_id: EndpointId,
    order_key: Option<String>,
    position: i64,
}

impl Ended {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { endpoint_id: columns::id(row, 0)?, order_key: row.get(1)?, position: row.get(2)? })
    }
}

/// Says how many there were. Who waited for one of them in its order goes on.
pub(super) fn expire(tx: &Connection, now: Timestamp, limit: usize) -> Result<usize, WriteError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let end = (DeliveryState::Dead.as_str(), EndReason::Expired.as_str());
    let mut expire = tx.prepare_cached(EXPIRE)?;
    let expired = expire.query_map(params![now.as_unix_ms(), end.0, end.1, limit], Ended::read)?;
    let expired = expired.collect::<rusqlite::Result<Vec<_>>>()?;
    release(tx, &expired, now)?;
    Ok(expired.len())
}

impl SqliteStore {
    /// One step of giving up what is past the hard limit: looked for beside the writer, and more at once than
    /// one step ends.
    pub(super) async fn give_up_step(
        &self,
        now: Timestamp,
        events_before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        let find = self.readers.read(move |db| find_past_limit(db, events_before));
        let found = self.past_limit.take_or_find(limit, find).await?;
        self.writer.write(move |tx| give_up(tx, now, events_before, &found)).await
    }
}

fn find_past_limit(db: &Connection, events_before: Timestamp) -> rusqlite::Result<Vec<i64>> {
    let before = EventId::first_at(events_before).to_bytes();
    db.prepare_cached(FIND_PAST_LIMIT)?.query_map(params![before, FOUND_AT_ONCE], |row| row.get(0))?.collect()
}

/// Says how many of those that were found have been ended. Who waited for one of them in its order goes on.
fn give_up(
    tx: &Connection,
    now: Timestamp,
    events_before: Timestamp,
    found: &[i64],
) -> Result<usize, WriteError> {
    let before = EventId::first_at(events_before).to_bytes();
    let end = (DeliveryState::Dead.as_str(), EndReason::Retention.as_str());
    let mut give_up = tx.prepare_cached(GIVE_UP)?;
    let mut ended = Vec::new();
    for position in found {
        let given_up =
            give_up.query_map(params![now.as_unix_ms(), end.0, end.1, position, before], Ended::read)?;
        for row in given_up {
            ended.push(row?);
        }
    }
    release(tx, &ended, now)?;
    Ok(ended.len())
}

/// When all of them have ended: whoever is let go is none of them.
fn release(tx: &Connection, ended: &[Ended], now: Timestamp) -> rusqlite::Result<()> {
    for Ended { endpoint_id, order_key, position } in ended {
        if let Some(order_key) = order_key {
            let place = Place { endpoint_id: *endpoint_id, order_key, position: *position };
            order::release_next(tx, &place, now)?;
        }
    }
    Ok(())
}
