//! The order of an object's deliveries to one endpoint.
//!
//! A delivery that another one is before has no `due_at`: it waits. When the one before it ends it is due at
//! once, and when that has been attempted in vain it is due when the wait is over. So the rows themselves say
//! who may go, and a claim needs to know nothing of orders.

use std::time::Duration;

use ringback_domain::{EndpointId, Timestamp, TypedId};
use rusqlite::{Connection, OptionalExtension, params};

use super::columns;
use crate::rows::order::released_at;

/// The last pending delivery of an order: when it was first attempted.
pub(super) const LAST: &str = "\
    SELECT first_attempt_at FROM deliveries \
    WHERE endpoint_id = ?1 AND order_key = ?2 AND finished_at IS NULL ORDER BY position DESC LIMIT 1";

/// The first pending delivery of an order beyond a position.
pub(super) const NEXT: &str = "\
    SELECT position, due_at FROM deliveries \
    WHERE endpoint_id = ?1 AND order_key = ?2 AND finished_at IS NULL AND position > ?3 ORDER BY position LIMIT 1";

/// The last pending delivery of an order before a position: when it was first attempted.
pub(super) const BEFORE: &str = "\
    SELECT first_attempt_at FROM deliveries \
    WHERE endpoint_id = ?1 AND order_key = ?2 AND finished_at IS NULL AND position < ?3 \
    ORDER BY position DESC LIMIT 1";

/// Makes a delivery due, if nobody is at it and its own schedule has not begun.
pub(super) const RELEASE: &str = "\
    UPDATE deliveries SET due_at = ?2 WHERE position = ?1 AND attempt_count = 0 AND lease_expires_at IS NULL";

/// How long deliveries of an endpoint wait for one another.
pub(super) const WAIT: &str = "SELECT ordering_wait_secs FROM endpoints WHERE id = ?1";

/// A place in an order.
pub(super) struct Place<'a> {
    pub(super) endpoint_id: EndpointId,
    pub(super) order_key: &'a str,
    pub(super) position: i64,
}

/// When a delivery that is made now at the end of an order is due; `None`: when the one before it says so.
pub(super) fn due_at(
    tx: &Connection,
    endpoint_id: EndpointId,
    order_key: &str,
    wait: Duration,
    now: Timestamp,
) -> rusqlite::Result<Option<Timestamp>> {
    let last = tx
        .prepare_cached(LAST)?
        .query_row(params![endpoint_id.to_bytes(), order_key], |row| columns::optional_time(row, 0))
        .optional()?;
    Ok(released_at(last, wait, now))
}

/// Lets the next one go after the one at this place has ended, or was attempted in vain for the first time.
/// Says when that is due.
pub(super) fn release_next(
    tx: &Connection,
    place: &Place<'_>,
    now: Timestamp,
) -> rusqlite::Result<Option<Timestamp>> {
    let order = (place.endpoint_id.to_bytes(), place.order_key);
    let next: Option<(i64, Option<i64>)> = tx
        .prepare_cached(NEXT)?
        .query_row(params![order.0, order.1, place.position], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((next, due_at)) = next else { return Ok(None) };
    let before = tx
        .prepare_cached(BEFORE)?
        .query_row(params![order.0, order.1, next], |row| columns::optional_time(row, 0))
        .optional()?;
    let wait_secs: u32 = tx.prepare_cached(WAIT)?.query_row([order.0], |row| row.get(0))?;
    let wait = Duration::from_secs(wait_secs.into());
    match released_at(before, wait, now) {
        Some(at) if due_at.is_none_or(|due_at| at.as_unix_ms() < due_at) => {
            let released = tx.prepare_cached(RELEASE)?.execute(params![next, at.as_unix_ms()])?;
            Ok((released == 1).then_some(at))
        }
        _ => Ok(None),
    }
}
