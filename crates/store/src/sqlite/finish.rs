//! The end of an attempt: its record and its delivery's next state, in one transaction.

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryState, EndReason, EndpointId, Timestamp, TypedId};
use rusqlite::{Connection, OptionalExtension, params};

use super::endpoints::Changed;
use super::order::{self, Place};
use super::writer::WriteError;
use super::{columns, health};
use crate::keyring::Keyring;
use crate::work::{Finish, Finished};

/// Looks a delivery up, and judges the lease.
pub(super) const FIND: &str = "\
    SELECT position, state, lease_token = ?3 AND lease_expires_at IS NOT NULL, endpoint_id, order_key, attempt_count \
    FROM deliveries WHERE project_id = ?1 AND id = ?2";

/// A delivery as the finish finds it.
struct Found {
    position: i64,
    state: DeliveryState,
    lease_holds: bool,
    endpoint_id: EndpointId,
    order_key: Option<String>,
    attempt_count: u32,
}

/// What a finish did: for the caller, and for the snapshot of the configuration.
pub(super) struct Outcome {
    pub(super) finished: Finished,
    pub(super) changed: Option<Changed>,
}

pub(super) fn finish(tx: &Connection, keyring: &Keyring, finish: &Finish) -> Result<Outcome, WriteError> {
    let mut finished = Finished::default();
    // Else it was pruned: the attempt outlived its lease, or the delivery was cancelled under it, and what
    // had ended was old enough to go, as what the hard limit of retention has given up always is. There is
    // nothing left to record the attempt with.
    if let Some(found) = find(tx, finish)? {
        insert_attempt(tx, finish, found.position)?;
        // A stale lease means that somebody else decides what follows, except that what has arrived has
        // arrived.
        let decides = found.lease_holds || finish.next == NextStep::Delivered;
        if found.state == DeliveryState::Pending && decides {
            advance(tx, finish, found.position)?;
            finished.next_in_order_at = release_next(tx, finish, &found)?;
        }
    }
    let changed = match &finish.endpoint {
        Some(note) => health::note(tx, keyring, finish.project_id, note, finish.now)?,
        None => None,
    };
    finished.disabled = changed.as_ref().is_some_and(|changed| changed.endpoint.disabled_at.is_some());
    Ok(Outcome { finished, changed })
}

fn find(tx: &Connection, finish: &Finish) -> rusqlite::Result<Option<Found>> {
    tx.prepare_cached(FIND)?
        .query_row(
            params![finish.project_id.to_bytes(), finish.delivery_id.to_bytes(), finish.lease_token],
            |row| {
                Ok(Found {
                    position: row.get(0)?,
                    state: columns::word(row, 1)?,
                    lease_holds: row.get(2)?,
                    endpoint_id: columns::id(row, 3)?,
                    order_key: row.get(4)?,
                    attempt_count: row.get(5)?,
                })
            },
        )
        .optional()
}

/// The next one in its order may go when this one has ended, and begins to wait when this one has failed for
/// the first time.
fn release_next(tx: &Connection, finish: &Finish, found: &Found) -> rusqlite::Result<Option<Timestamp>> {
    let Some(order_key) = &found.order_key else { return Ok(None) };
    let goes_on = matches!(finish.next, NextStep::RetryAt(_));
    if goes_on && found.attempt_count > 0 {
        return Ok(None);
    }
    let place = Place { endpoint_id: found.endpoint_id, order_key, position: found.position };
    order::release_next(tx, &place, finish.now)
}

fn insert_attempt(tx: &Connection, finish: &Finish, delivery_position: i64) -> rusqlite::Result<()> {
    let report = &finish.attempt.report;
    tx.prepare_cached(
        "INSERT INTO attempts \
         (delivery_position, id, number, outcome, status_code, error, started_at, duration_ms, response_body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        delivery_position,
        finish.attempt.id.to_bytes(),
        finish.attempt.number,
        report.outcome.as_str(),
        report.status_code,
        report.error,
        report.started_at.as_unix_ms(),
        report.duration_ms,
        report.response_body.as_ref(),
    ])
    .map(drop)
}

fn advance(tx: &Connection, finish: &Finish, position: i64) -> rusqlite::Result<()> {
    let now = finish.now.as_unix_ms();
    let (state, end_reason, due_at, finished_at) = match finish.next {
        NextStep::Delivered => (DeliveryState::Delivered, None, None, Some(now)),
        NextStep::RetryAt(at) => (DeliveryState::Pending, None, Some(at.as_unix_ms()), None),
        NextStep::Dead(reason) => (DeliveryState::Dead, Some(reason), None, Some(now)),
    };
    tx.prepare_cached(
        "UPDATE deliveries SET state = ?2, end_reason = ?3, due_at = ?4, finished_at = ?5, lease_expires_at = NULL, \
         attempt_count = attempt_count + 1, first_attempt_at = coalesce(first_attempt_at, ?6) WHERE position = ?1",
    )?
    .execute(params![
        position,
        state.as_str(),
        end_reason.map(EndReason::as_str),
        due_at,
        finished_at,
        finish.attempt.report.started_at.as_unix_ms(),
    ])
    .map(drop)
}
