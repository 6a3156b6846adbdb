//! Due work: finding it, leasing it, giving it back.

use std::collections::HashMap;

use bytes::Bytes;
use ringback_domain::{DeliveryId, EndpointId, EventId, ProjectId, Timestamp, Trigger};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::{Connection, Params};
use super::failure::Failure;
use super::leases::{Leases, length_ms, server_ms};
use super::mislaid::Held;
use super::owners::Found;
use crate::work::{Claimed, DueEndpoint, Lease, Unattempted};

/// Finds the endpoints with claimable work by a loose index scan: one seek for each endpoint, then one for
/// its earliest row in either lane.
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

/// Leases what was picked, and gives it.
macro_rules! leased {
    () => {
        concat!(
            "claimed AS ( \
                UPDATE deliveries AS d SET lease_token = d.lease_token + 1, lease_node = $6, \
                       lease_expires_at = $3 + (SELECT coalesce($5, ",
            server_ms!(),
            ")) \
                FROM (SELECT * FROM urgent UNION ALL SELECT * FROM other) AS picked \
                WHERE d.project_id = picked.project_id AND d.id = picked.id \
                RETURNING d.project_id, d.id, d.trigger, d.event_id, d.attempt_count, d.first_attempt_at, d.lease_token, \
                          d.due_at, d.urgent, d.expires_at, d.lease_expires_at \
            ) \
            SELECT c.project_id, c.id, c.trigger, c.event_id, c.attempt_count, c.first_attempt_at, c.lease_token, \
                   c.expires_at, c.due_at, c.urgent, c.lease_expires_at"
        )
    };
}

/// Leases the earliest due rows of an endpoint that all nodes share, the urgent ones first. Rows that
/// somebody else is at are passed over. Two seeks rather than one: rows that are due later must not be walked
/// through to reach the next lane.
pub(super) const CLAIM: &str = concat!(
    "WITH urgent AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE endpoint_id = $1 AND urgent AND lease_expires_at IS NULL AND due_at <= $2 \
        AND (expires_at IS NULL OR expires_at > $2) ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED \
    ), other AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE endpoint_id = $1 AND NOT urgent AND lease_expires_at IS NULL AND due_at <= $2 \
        AND (expires_at IS NULL OR expires_at > $2) \
        ORDER BY due_at LIMIT greatest(0, $4 - (SELECT count(*) FROM urgent)) FOR UPDATE SKIP LOCKED \
    ), ",
    leased!(),
    " \
    FROM claimed AS c ORDER BY c.urgent DESC, c.due_at, c.id"
);

/// The same for an endpoint that needs an owner: only if this node is that, or may become it and there is
/// none. Says at least whose it is: this node's, another's, or (null) nobody's. The row of the ownership is
/// held, so that it is not taken away in the middle.
pub(super) const CLAIM_OWNED: &str = concat!(
    "WITH held AS MATERIALIZED ( \
        SELECT true AS is_own FROM endpoint_owners WHERE endpoint_id = $1 AND node_id = $6 FOR SHARE \
    ), others AS MATERIALIZED ( \
        SELECT false AS is_own FROM endpoint_owners WHERE endpoint_id = $1 AND node_id <> $6 \
    ), taken AS ( \
        INSERT INTO endpoint_owners (endpoint_id, node_id) \
        SELECT $1, $6 WHERE $7 AND NOT EXISTS (SELECT 1 FROM held) AND NOT EXISTS (SELECT 1 FROM others) \
        AND EXISTS (SELECT 1 FROM nodes WHERE id = $6) \
        ON CONFLICT (endpoint_id) DO NOTHING RETURNING true AS is_own \
    ), owner AS MATERIALIZED ( \
        SELECT coalesce((SELECT is_own FROM held), (SELECT is_own FROM others), (SELECT is_own FROM taken)) AS is_own \
    ), urgent AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE (SELECT is_own FROM owner) \
        AND endpoint_id = $1 AND urgent AND lease_expires_at IS NULL AND due_at <= $2 \
        AND (expires_at IS NULL OR expires_at > $2) ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED \
    ), other AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries \
        WHERE (SELECT is_own FROM owner) \
        AND endpoint_id = $1 AND NOT urgent AND lease_expires_at IS NULL AND due_at <= $2 \
        AND (expires_at IS NULL OR expires_at > $2) \
        ORDER BY due_at LIMIT greatest(0, $4 - (SELECT count(*) FROM urgent)) FOR UPDATE SKIP LOCKED \
    ), ",
    leased!(),
    ", owner.is_own \
    FROM owner LEFT JOIN claimed AS c ON true ORDER BY c.urgent DESC, c.due_at, c.id"
);

/// What claimed deliveries carry. Read beside the transaction that claims: large payloads are not to keep
/// others waiting for its commit.
pub(super) const CONTENTS: &str = "\
    SELECT u.place, e.webhook_id, e.payload FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS u (project_id, id, place) \
    JOIN events AS e ON e.project_id = u.project_id AND e.id = u.id ORDER BY u.place";

/// Frees rows whose lease is still the one named.
pub(super) const RELEASE: &str = "\
    UPDATE deliveries AS d SET lease_expires_at = NULL, lease_node = NULL \
    FROM unnest($1::uuid[], $2::uuid[], $3::int8[]) AS u (project_id, id, lease_token) \
    WHERE d.project_id = u.project_id AND d.id = u.id AND d.lease_token = u.lease_token RETURNING d.endpoint_id";

/// Frees rows whose lease has run out. They are named by their places, not looked for anew: how many there
/// are is nothing that a plan could know.
pub(super) const RECLAIM: &str = concat!(
    "WITH late AS MATERIALIZED ( \
        SELECT ctid FROM deliveries WHERE lease_expires_at IS NOT NULL \
        AND (lease_expires_at <= (SELECT coalesce($1, ",
    server_ms!(),
    ")) OR lease_node NOT IN (SELECT id FROM nodes)) FOR UPDATE SKIP LOCKED \
    ) \
    UPDATE deliveries SET lease_expires_at = NULL, lease_node = NULL WHERE ctid = ANY (ARRAY(SELECT ctid FROM late)) \
    RETURNING endpoint_id"
);

pub(super) async fn due_endpoints(connection: &Connection) -> Result<Vec<DueEndpoint>, Failure> {
    let rows = connection.query(DUE_ENDPOINTS, &[]).await?;
    rows.iter()
        .map(|row| Ok(DueEndpoint { endpoint_id: columns::id(row, 0)?, due_at: columns::time(row, 1)? }))
        .collect()
}

/// What is asked for by a claim.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) endpoint_id: EndpointId,
    pub(super) now: Timestamp,
    pub(super) lease_expires_at: Timestamp,
    pub(super) limit: usize,
}

/// A claimed row, before its event is read.
#[derive(Debug)]
pub(super) struct ClaimedRow {
    project_id: ProjectId,
    delivery_id: DeliveryId,
    endpoint_id: EndpointId,
    trigger: Trigger,
    event_id: EventId,
    attempt_count: u32,
    first_attempt_at: Option<Timestamp>,
    due_at: Timestamp,
    urgent: bool,
    expires_at: Option<Timestamp>,
    lease: Lease,
    /// The lease's end by the server's clock.
    leased_until_ms: i64,
}

pub(super) async fn claim(
    connection: &Connection,
    leases: Leases,
    wanted: Wanted,
) -> Result<Vec<ClaimedRow>, Failure> {
    let (length, present) = (length_ms(wanted.now, wanted.lease_expires_at), leases.present(wanted.now));
    let (id, now, limit) = (key(wanted.endpoint_id), wanted.now.as_unix_ms(), columns::limit(wanted.limit));
    let rows = connection.query(CLAIM, &[&id, &now, &length, &limit, &present, &leases.node]).await?;
    rows.iter().map(|row| read(row, wanted)).collect()
}

/// Says also whose the endpoint is.
pub(super) async fn claim_owned(
    connection: &Connection,
    leases: Leases,
    wanted: Wanted,
    may_take: bool,
) -> Result<(Vec<ClaimedRow>, Found), Failure> {
    let (length, present) = (length_ms(wanted.now, wanted.lease_expires_at), leases.present(wanted.now));
    let (id, now, limit) = (key(wanted.endpoint_id), wanted.now.as_unix_ms(), columns::limit(wanted.limit));
    let params: Params<'_> = &[&id, &now, &length, &limit, &present, &leases.node, &may_take];
    let rows = connection.query(CLAIM_OWNED, params).await?;
    let (mut found, mut claimed) = (Found::Nobodys, Vec::new());
    for row in &rows {
        found = match get(row, 11)? {
            Some(true) => Found::Own,
            Some(false) => Found::Others,
            None => Found::Nobodys,
        };
        if get::<Option<Key>>(row, 0)?.is_some() {
            claimed.push(read(row, wanted)?);
        }
    }
    Ok((claimed, found))
}

fn read(row: &Row, wanted: Wanted) -> Result<ClaimedRow, Failure> {
    let Wanted { endpoint_id, lease_expires_at: expires_at, .. } = wanted;
    Ok(ClaimedRow {
        project_id: columns::id(row, 0)?,
        delivery_id: columns::id(row, 1)?,
        endpoint_id,
        trigger: columns::word(row, 2)?,
        event_id: columns::id(row, 3)?,
        attempt_count: columns::number::<i32, u32>(row, 4)?,
        first_attempt_at: columns::optional_time(row, 5)?,
        due_at: columns::time(row, 8)?,
        urgent: get(row, 9)?,
        expires_at: columns::optional_time(row, 7)?,
        lease: Lease { token: columns::number::<i64, u64>(row, 6)?, expires_at },
        leased_until_ms: get(row, 10)?,
    })
}

/// The claimed deliveries with what they carry.
pub(super) async fn with_contents(
    connection: &Connection,
    rows: Vec<ClaimedRow>,
) -> Result<Vec<Claimed>, Failure> {
    let projects: Vec<Key> = rows.iter().map(|row| key(row.project_id)).collect();
    let events: Vec<Key> = rows.iter().map(|row| key(row.event_id)).collect();
    let mut contents = HashMap::with_capacity(rows.len());
    for row in connection.query(CONTENTS, &[&projects, &events]).await? {
        // Places are counted from 1.
        let place = columns::number::<i64, usize>(&row, 0)? - 1;
        contents.insert(place, (get(&row, 1)?, columns::bytes(&row, 2)?));
    }
    let filled = rows.into_iter().enumerate().filter_map(|(place, row)| {
        let (webhook_id, payload) = contents.remove(&place)?;
        Some(row.with(webhook_id, payload))
    });
    Ok(filled.collect())
}

impl ClaimedRow {
    /// The lease that it was claimed under.
    pub(super) fn held(&self) -> Held {
        Held {
            project_id: self.project_id,
            delivery_id: self.delivery_id,
            lease_token: self.lease.token,
            expires_at: Some(self.leased_until_ms),
        }
    }

    fn with(self, webhook_id: String, payload: Bytes) -> Claimed {
        Claimed {
            project_id: self.project_id,
            delivery_id: self.delivery_id,
            endpoint_id: self.endpoint_id,
            trigger: self.trigger,
            event_id: self.event_id,
            webhook_id,
            payload,
            attempt_count: self.attempt_count,
            first_attempt_at: self.first_attempt_at,
            due_at: self.due_at,
            urgent: self.urgent,
            expires_at: self.expires_at,
            lease: self.lease,
        }
    }
}

/// Says whose deliveries were freed.
pub(super) async fn release(
    connection: &Connection,
    deliveries: &[Unattempted],
) -> Result<Vec<EndpointId>, Failure> {
    let projects: Vec<Key> = deliveries.iter().map(|delivery| key(delivery.project_id)).collect();
    let ids: Vec<Key> = deliveries.iter().map(|delivery| key(delivery.delivery_id)).collect();
    let tokens: Vec<i64> = deliveries.iter().map(|delivery| token(delivery.lease_token)).collect();
    endpoints(&connection.query(RELEASE, &[&projects, &ids, &tokens]).await?)
}

/// The token as the column's type; -1, which is never issued, if it does not fit.
pub(super) fn token(lease_token: u64) -> i64 {
    i64::try_from(lease_token).unwrap_or(-1)
}

/// Says whose deliveries were freed, one for each of them.
pub(super) async fn reclaim(
    connection: &Connection,
    leases: Leases,
    now: Timestamp,
) -> Result<Vec<EndpointId>, Failure> {
    endpoints(&connection.query(RECLAIM, &[&leases.present(now)]).await?)
}

fn endpoints(rows: &[Row]) -> Result<Vec<EndpointId>, Failure> {
    rows.iter().map(|row| columns::id(row, 0)).collect()
}
