//! What is too old: to be attempted, or, by the operator's hard limit of retention, to be kept.

use ringback_domain::{DeliveryState, EndReason, EndpointId, EventId, Timestamp, TypedId};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use super::leases::{Leases, server_ms};
use super::order::{self, Place};
use super::{locks, partitions};

/// Finds what is too old to be attempted, under no lease: an attempt that is under way may still arrive in
/// time.
pub(super) const FIND: &str = concat!(
    "\
    SELECT project_id, id, endpoint_id, order_key, position FROM deliveries \
    WHERE expires_at <= (SELECT CASE WHEN $3 THEN $1 ELSE least($1, ",
    server_ms!(),
    ") END) AND finished_at IS NULL AND lease_expires_at IS NULL ORDER BY expires_at LIMIT $2"
);

/// Finds what is too old to be kept, the oldest events first. An attempt that is under way is still recorded.
pub(super) const FIND_PAST_LIMIT: &str = "\
    SELECT project_id, id, endpoint_id, order_key, position FROM deliveries \
    WHERE event_id < $1 AND state = 'pending' AND lease_expires_at IS NULL ORDER BY event_id LIMIT $2";

/// Ends what was found, as far as it still is so and nobody else is at it.
pub(super) const END: &str = "\
    WITH locked AS MATERIALIZED ( \
        SELECT d.project_id, d.id FROM unnest($4::uuid[], $5::uuid[]) AS f (project_id, id) \
        JOIN deliveries AS d ON d.project_id = f.project_id AND d.id = f.id \
        WHERE d.finished_at IS NULL AND d.lease_expires_at IS NULL FOR UPDATE OF d SKIP LOCKED \
    ) \
    UPDATE deliveries AS d SET state = $2, end_reason = $3, due_at = NULL, finished_at = $1 \
    FROM locked WHERE d.project_id = locked.project_id AND d.id = locked.id \
    RETURNING d.endpoint_id, d.order_key, d.position";

/// What has been ended.
#[derive(Default)]
pub(super) struct Expired {
    pub(super) count: usize,
    /// The endpoint of each delivery that waited for one of them in its order and may go now.
    pub(super) released: Vec<EndpointId>,
}

/// Ends what is too old to be attempted.
pub(super) async fn expire(
    tx: &Connection,
    leases: Leases,
    now: Timestamp,
    limit: usize,
) -> Result<Expired, Failure> {
    let found = tx.query(FIND, &[&now.as_unix_ms(), &columns::limit(limit), &leases.is_given()]).await?;
    end(tx, &found, EndReason::Expired, now).await
}

/// Ends what is too old to be kept.
pub(super) async fn give_up(
    tx: &Connection,
    now: Timestamp,
    events_before: Timestamp,
    limit: usize,
) -> Result<Expired, Failure> {
    // What is young by the database's clock stays, whatever that of this node says.
    let ahead = now.since(partitions::clock(tx).await?);
    let before = key(EventId::first_at(events_before.minus(ahead)));
    let found = tx.query(FIND_PAST_LIMIT, &[&before, &columns::limit(limit)]).await?;
    end(tx, &found, EndReason::Retention, now).await
}

/// Who waited for one of them in its order goes on.
async fn end(tx: &Connection, found: &[Row], reason: EndReason, now: Timestamp) -> Result<Expired, Failure> {
    if found.is_empty() {
        return Ok(Expired::default());
    }
    let ordered = found.iter().filter_map(|row| of_order(row).transpose());
    let ordered = ordered.collect::<Result<Vec<_>, _>>()?;
    if !ordered.is_empty() {
        locks::take_orders(tx, &ordered).await?;
    }
    let column = |column| found.iter().map(|row| get(row, column)).collect::<Result<Vec<Key>, _>>();
    let (state, reason) = (DeliveryState::Dead.as_str(), reason.as_str());
    let ended = tx.query(END, &[&now.as_unix_ms(), &state, &reason, &column(0)?, &column(1)?]).await?;
    let mut released = Vec::new();
    for row in &ended {
        if let Some(order_key) = get::<Option<String>>(row, 1)? {
            let place = Place { endpoint_id: columns::id(row, 0)?, order_key, position: get(row, 2)? };
            if order::release_next(tx, &place, now).await?.is_some_and(|at| at <= now) {
                released.push(place.endpoint_id);
            }
        }
    }
    Ok(Expired { count: ended.len(), released })
}

fn of_order(row: &Row) -> Result<Option<(EndpointId, &str)>, Failure> {
    let order_key: Option<&str> = get(row, 3)?;
    order_key.map(|order_key| Ok((columns::id(row, 2)?, order_key))).transpose()
}
