//! Due work: finding it, leasing it, giving it back.

use ringback_domain::{EndpointId, Timestamp};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::work::{Claimed, DueEndpoint, Lease, Unattempted};

/// Finds the endpoints with claimable work by a loose index scan: one seek for each endpoint, then one for its earliest row in
/// either lane.
pub(super) const DUE_ENDPOINTS: &str = "\
    WITH RECURSIVE waiting (endpoint_id) AS ( \
        (SELECT endpoint_id FROM deliveries WHERE due_at IS NOT NULL AND lease_expires_at IS NULL \
         ORDER BY endpoint_id LIMIT 1) \
        UNION ALL \
        SELECT (SELECT d.endpoint_id FROM deliveries AS d \
                WHERE d.due_at IS NOT NULL AND d.lease_expires_at IS NULL AND d.endpoint_id > waiting.endpoint_id \
                ORDER BY d.endpoint_id LIMIT 1) \
        FROM waiting WHERE waiting.endpoint_id IS NOT NULL \
    ) \
    SELECT endpoint_id, \
           least((SELECT d.due_at FROM deliveries AS d WHERE d.endpoint_id = waiting.endpoint_id AND d.urgent \
                  AND d.due_at IS NOT NULL AND d.lease_expires_at IS NULL ORDER BY d.due_at LIMIT 1), \
                 (SELECT d.due_at FROM deliveries AS d WHERE d.endpoint_id = waiting.endpoint_id AND NOT d.urgent \
                  AND d.due_at IS NOT NULL AND d.lease_expires_at IS NULL ORDER BY d.due_at LIMIT 1)) \
    FROM waiting WHERE endpoint_id IS NOT NULL";

/// Leases the earliest due rows of one endpoint, the urgent ones first, and reads what they carry. Rows that somebody else is at are
/// passed over. Two seeks rather than one: rows that are due later must not be walked through to reach the next lane.
pub(super) const CLAIM: &str = "\
    WITH urgent AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE endpoint_id = $1 AND urgent AND lease_expires_at IS NULL AND due_at <= $2 \
        AND (expires_at IS NULL OR expires_at > $2) ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED \
    ), other AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE endpoint_id = $1 AND NOT urgent AND lease_expires_at IS NULL AND due_at <= $2 \
        AND (expires_at IS NULL OR expires_at > $2) \
        ORDER BY due_at LIMIT greatest(0, $4 - (SELECT count(*) FROM urgent)) FOR UPDATE SKIP LOCKED \
    ), claimed AS ( \
        UPDATE deliveries AS d SET lease_token = d.lease_token + 1, lease_expires_at = $3 \
        FROM (SELECT * FROM urgent UNION ALL SELECT * FROM other) AS picked \
        WHERE d.project_id = picked.project_id AND d.id = picked.id \
        RETURNING d.project_id, d.id, d.trigger, d.event_id, d.attempt_count, d.first_attempt_at, d.lease_token, d.due_at, \
                  d.urgent, d.expires_at \
    ) \
    SELECT c.project_id, c.id, c.trigger, c.event_id, c.attempt_count, c.first_attempt_at, c.lease_token, c.expires_at, \
           e.webhook_id, e.payload, c.due_at, c.urgent \
    FROM claimed AS c JOIN events AS e ON e.project_id = c.project_id AND e.id = c.event_id \
    ORDER BY c.urgent DESC, c.due_at, c.id";

/// Frees rows whose lease is still the one named.
pub(super) const RELEASE: &str = "\
    UPDATE deliveries AS d SET lease_expires_at = NULL \
    FROM unnest($1::uuid[], $2::uuid[], $3::int8[]) AS u (project_id, id, lease_token) \
    WHERE d.project_id = u.project_id AND d.id = u.id AND d.lease_token = u.lease_token";

/// Frees rows whose lease has run out. They are named by their places, not looked for anew: how many there are is nothing that a plan
/// could know.
pub(super) const RECLAIM: &str = "\
    WITH late AS MATERIALIZED ( \
        SELECT ctid FROM deliveries WHERE lease_expires_at <= $1 FOR UPDATE SKIP LOCKED \
    ) \
    UPDATE deliveries SET lease_expires_at = NULL WHERE ctid = ANY (ARRAY(SELECT ctid FROM late))";

pub(super) async fn due_endpoints(connection: &Connection) -> Result<Vec<DueEndpoint>, Failure> {
    let rows = connection.query(DUE_ENDPOINTS, &[]).await?;
    rows.iter()
        .map(|row| Ok(DueEndpoint { endpoint_id: columns::id(row, 0)?, due_at: columns::time(row, 1)? }))
        .collect()
}

pub(super) async fn claim(
    connection: &Connection,
    endpoint_id: EndpointId,
    now: Timestamp,
    lease_expires_at: Timestamp,
    limit: usize,
) -> Result<Vec<Claimed>, Failure> {
    let (now, until) = (now.as_unix_ms(), lease_expires_at.as_unix_ms());
    let rows = connection.query(CLAIM, &[&key(endpoint_id), &now, &until, &columns::limit(limit)]).await?;
    rows.iter().map(|row| read(row, endpoint_id, lease_expires_at)).collect()
}

fn read(row: &Row, endpoint_id: EndpointId, expires_at: Timestamp) -> Result<Claimed, Failure> {
    Ok(Claimed {
        project_id: columns::id(row, 0)?,
        delivery_id: columns::id(row, 1)?,
        endpoint_id,
        trigger: columns::word(row, 2)?,
        event_id: columns::id(row, 3)?,
        webhook_id: get(row, 8)?,
        payload: columns::bytes(row, 9)?,
        attempt_count: columns::number::<i32, u32>(row, 4)?,
        first_attempt_at: columns::optional_time(row, 5)?,
        due_at: columns::time(row, 10)?,
        urgent: get(row, 11)?,
        expires_at: columns::optional_time(row, 7)?,
        lease: Lease { token: columns::number::<i64, u64>(row, 6)?, expires_at },
    })
}

pub(super) async fn release(connection: &Connection, deliveries: &[Unattempted]) -> Result<(), Failure> {
    let projects: Vec<Key> = deliveries.iter().map(|delivery| key(delivery.project_id)).collect();
    let ids: Vec<Key> = deliveries.iter().map(|delivery| key(delivery.delivery_id)).collect();
    let tokens: Vec<i64> = deliveries.iter().map(|delivery| token(delivery.lease_token)).collect();
    connection.execute(RELEASE, &[&projects, &ids, &tokens]).await.map(drop)
}

/// The column's value of a token; one that was never given is no one's.
pub(super) fn token(lease_token: u64) -> i64 {
    i64::try_from(lease_token).unwrap_or(-1)
}

pub(super) async fn reclaim(connection: &Connection, now: Timestamp) -> Result<usize, Failure> {
    connection.execute(RECLAIM, &[&now.as_unix_ms()]).await.map(columns::counted)
}
