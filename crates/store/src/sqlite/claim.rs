//! Due work: finding it, leasing it, giving it back.

use ringback_domain::{DeliveryId, EndpointId, ProjectId, Timestamp, Trigger, TypedId};
use rusqlite::{Connection, params};

use super::columns;
use super::writer::WriteError;
use crate::work::{Claimed, DueEndpoint, Lease, Unattempted};

/// Finds the endpoints with claimable work by a loose index scan: one seek for each endpoint, then one for
/// its earliest row.
pub(super) const DUE_ENDPOINTS: &str = "\
    WITH RECURSIVE waiting (endpoint_id) AS ( \
        SELECT min(endpoint_id) FROM deliveries WHERE due_at IS NOT NULL AND lease_expires_at IS NULL \
        UNION ALL \
        SELECT (SELECT min(endpoint_id) FROM deliveries \
                WHERE due_at IS NOT NULL AND lease_expires_at IS NULL AND endpoint_id > waiting.endpoint_id) \
        FROM waiting WHERE waiting.endpoint_id IS NOT NULL \
    ) \
    SELECT endpoint_id, \
           (SELECT min(due_at) FROM ( \
                SELECT min(due_at) AS due_at FROM deliveries AS d WHERE d.endpoint_id = waiting.endpoint_id \
                AND d.urgent = 1 AND d.due_at IS NOT NULL AND d.lease_expires_at IS NULL \
                UNION ALL \
                SELECT min(due_at) FROM deliveries AS d WHERE d.endpoint_id = waiting.endpoint_id \
                AND d.urgent = 0 AND d.due_at IS NOT NULL AND d.lease_expires_at IS NULL)) \
    FROM waiting WHERE endpoint_id IS NOT NULL";

/// Leases the earliest due rows of one endpoint, the urgent ones first. No `SKIP LOCKED`: SQLite has one
/// writer at a time. Two seeks rather than one: rows that are due later must not be walked through to reach
/// the next lane.
pub(super) const CLAIM: &str = "\
    UPDATE deliveries SET lease_token = lease_token + 1, lease_expires_at = ?3 \
    WHERE position IN ( \
        SELECT position FROM ( \
            SELECT position FROM deliveries \
            WHERE endpoint_id = ?1 AND urgent = 1 AND lease_expires_at IS NULL AND due_at <= ?2 \
            AND (expires_at IS NULL OR expires_at > ?2) ORDER BY due_at LIMIT 0 + ?4) \
        UNION ALL \
        SELECT position FROM ( \
            SELECT position FROM deliveries \
            WHERE endpoint_id = ?1 AND urgent = 0 AND lease_expires_at IS NULL AND due_at <= ?2 \
            AND (expires_at IS NULL OR expires_at > ?2) ORDER BY due_at LIMIT 0 + ?4) \
        LIMIT 0 + ?4) \
    RETURNING project_id, id, trigger, event_position, attempt_count, first_attempt_at, lease_token, due_at, urgent, \
              expires_at";

/// Frees a row whose lease is still the one named.
pub(super) const RELEASE: &str =
    "UPDATE deliveries SET lease_expires_at = NULL WHERE project_id = ?1 AND id = ?2 AND lease_token = ?3";

/// Frees rows whose lease has run out.
pub(super) const RECLAIM: &str = "UPDATE deliveries SET lease_expires_at = NULL WHERE lease_expires_at IS NOT NULL AND lease_expires_at <= ?1";

/// A claimed row, before its event is read.
pub(super) struct ClaimedRow {
    project_id: ProjectId,
    delivery_id: DeliveryId,
    endpoint_id: EndpointId,
    trigger: Trigger,
    event_position: i64,
    attempt_count: u32,
    first_attempt_at: Option<Timestamp>,
    lease: Lease,
    due_at: Timestamp,
    urgent: bool,
    expires_at: Option<Timestamp>,
}

pub(super) fn due_endpoints(db: &Connection) -> rusqlite::Result<Vec<DueEndpoint>> {
    db.prepare_cached(DUE_ENDPOINTS)?
        .query_map([], |row| {
            Ok(DueEndpoint { endpoint_id: columns::id(row, 0)?, due_at: columns::time(row, 1)? })
        })?
        .collect()
}

pub(super) fn claim(
    tx: &Connection,
    endpoint_id: EndpointId,
    now: Timestamp,
    lease_expires_at: Timestamp,
    limit: usize,
) -> Result<Vec<ClaimedRow>, WriteError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows: Vec<ClaimedRow> = tx
        .prepare_cached(CLAIM)?
        .query_map(
            params![endpoint_id.to_bytes(), now.as_unix_ms(), lease_expires_at.as_unix_ms(), limit],
            |row| {
                Ok(ClaimedRow {
                    project_id: columns::id(row, 0)?,
                    delivery_id: columns::id(row, 1)?,
                    endpoint_id,
                    trigger: columns::word(row, 2)?,
                    event_position: row.get(3)?,
                    attempt_count: row.get(4)?,
                    first_attempt_at: columns::optional_time(row, 5)?,
                    lease: Lease { token: row.get(6)?, expires_at: lease_expires_at },
                    due_at: columns::time(row, 7)?,
                    urgent: row.get(8)?,
                    expires_at: columns::optional_time(row, 9)?,
                })
            },
        )?
        .collect::<rusqlite::Result<_>>()?;
    // RETURNING promises no order.
    rows.sort_by_key(|row| (!row.urgent, row.due_at, row.delivery_id));
    Ok(rows)
}

pub(super) fn with_payloads(db: &Connection, rows: Vec<ClaimedRow>) -> rusqlite::Result<Vec<Claimed>> {
    let mut statement =
        db.prepare_cached("SELECT id, webhook_id, payload FROM events WHERE position = ?1")?;
    rows.into_iter()
        .map(|row| {
            statement.query_row([row.event_position], |event| {
                Ok(Claimed {
                    project_id: row.project_id,
                    delivery_id: row.delivery_id,
                    endpoint_id: row.endpoint_id,
                    trigger: row.trigger,
                    event_id: columns::id(event, 0)?,
                    webhook_id: event.get(1)?,
                    payload: event.get::<_, Vec<u8>>(2)?.into(),
                    attempt_count: row.attempt_count,
                    first_attempt_at: row.first_attempt_at,
                    due_at: row.due_at,
                    urgent: row.urgent,
                    expires_at: row.expires_at,
                    lease: row.lease,
                })
            })
        })
        .collect()
}

pub(super) fn release(tx: &Connection, deliveries: &[Unattempted]) -> Result<(), WriteError> {
    let mut statement = tx.prepare_cached(RELEASE)?;
    for Unattempted { project_id, delivery_id, lease_token } in deliveries {
        statement.execute(params![project_id.to_bytes(), delivery_id.to_bytes(), lease_token])?;
    }
    Ok(())
}

pub(super) fn reclaim(tx: &Connection, now: Timestamp) -> Result<usize, WriteError> {
    Ok(tx.prepare_cached(RECLAIM)?.execute([now.as_unix_ms()])?)
}
