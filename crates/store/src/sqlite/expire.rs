//! What has grown too old to be attempted.

use ringback_domain::{DeliveryState, EndReason, EndpointId, Timestamp};
use rusqlite::{Connection, params};

use super::columns;
use super::order::{self, Place};
use super::writer::WriteError;

/// Ends what is too old, under no lease: an attempt that is under way may still arrive in time.
pub(super) const EXPIRE: &str = "\
    UPDATE deliveries SET state = ?2, end_reason = ?3, due_at = NULL, finished_at = ?1 \
    WHERE position IN ( \
        SELECT position FROM deliveries \
        WHERE expires_at <= ?1 AND finished_at IS NULL AND lease_expires_at IS NULL LIMIT 0 + ?4) \
    RETURNING endpoint_id, order_key, position";

/// A row that was ended, with its place in an order if it has one.
struct Expired {
    endpoint_id: EndpointId,
    order_key: Option<String>,
    position: i64,
}

/// Says how many there were. Who waited for one of them in its order goes on.
pub(super) fn expire(tx: &Connection, now: Timestamp, limit: usize) -> Result<usize, WriteError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let expired: Vec<Expired> = tx
        .prepare_cached(EXPIRE)?
        .query_map(
            params![now.as_unix_ms(), DeliveryState::Dead.as_str(), EndReason::Expired.as_str(), limit],
            |row| {
                Ok(Expired {
                    endpoint_id: columns::id(row, 0)?,
                    order_key: row.get(1)?,
                    position: row.get(2)?,
                })
            },
        )?
        .collect::<rusqlite::Result<_>>()?;
    for Expired { endpoint_id, order_key, position } in &expired {
        if let Some(order_key) = order_key {
            let place = Place { endpoint_id: *endpoint_id, order_key, position: *position };
            order::release_next(tx, &place, now)?;
        }
    }
    Ok(expired.len())
}
