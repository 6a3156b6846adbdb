//! The order of an object's deliveries to one endpoint.
//!
//! A delivery that another one is before has no `due_at`: it waits. When the one before it ends it is due at
//! once, and when that has been attempted in vain it is due when the wait is over. So the rows themselves say
//! who may go, and a claim needs to know nothing of orders. Everybody here has the order's lock (see
//! `locks`), so that nobody is added unseen behind one that ends.

use std::collections::HashMap;
use std::time::Duration;

use ringback_domain::{EndpointId, Timestamp};

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::rows::order::released_at;

/// The last pending delivery of each order: when it was first attempted.
pub(super) const LAST: &str = "\
    SELECT o.endpoint_id, o.order_key, d.first_attempt_at \
    FROM unnest($1::uuid[], $2::text[]) AS o (endpoint_id, order_key) \
    CROSS JOIN LATERAL ( \
        SELECT first_attempt_at FROM deliveries \
        WHERE endpoint_id = o.endpoint_id AND order_key = o.order_key AND finished_at IS NULL \
        ORDER BY position DESC LIMIT 1) AS d";

/// The first pending delivery of an order beyond a position, with the time of the first attempt of the last
/// one before that, and how long it waits for it.
pub(super) const NEXT: &str = "\
    SELECT n.project_id, n.id, n.due_at, b.is_there, b.first_attempt_at, e.ordering_wait_secs \
    FROM (SELECT project_id, id, position, due_at FROM deliveries \
          WHERE endpoint_id = $1 AND order_key = $2 AND finished_at IS NULL AND position > $3 \
          ORDER BY position LIMIT 1) AS n \
    JOIN endpoints AS e ON e.id = $1 \
    LEFT JOIN LATERAL ( \
        SELECT true AS is_there, first_attempt_at FROM deliveries \
        WHERE endpoint_id = $1 AND order_key = $2 AND finished_at IS NULL AND position < n.position \
        ORDER BY position DESC LIMIT 1) AS b ON true";

/// Makes a delivery due, if nobody is at it and its own schedule has not begun.
pub(super) const RELEASE: &str = "\
    UPDATE deliveries SET due_at = $3 \
    WHERE project_id = $1 AND id = $2 AND attempt_count = 0 AND lease_expires_at IS NULL AND finished_at IS NULL";

/// A place in an order.
pub(super) struct Place {
    pub(super) endpoint_id: EndpointId,
    pub(super) order_key: String,
    pub(super) position: i64,
}

/// The ends of orders, as deliveries are added to them one after the other.
#[derive(Default)]
pub(super) struct Ends(HashMap<(Key, String), Option<Timestamp>>);

impl Ends {
    /// As they are now, of those that are not empty.
    pub(super) async fn of(tx: &Connection, orders: &[(EndpointId, &str)]) -> Result<Self, Failure> {
        let (endpoints, keys): (Vec<Key>, Vec<&str>) =
            orders.iter().map(|(endpoint_id, order_key)| (key(*endpoint_id), *order_key)).unzip();
        let mut ends = HashMap::new();
        for row in tx.query(LAST, &[&endpoints, &keys]).await? {
            ends.insert((get(&row, 0)?, get(&row, 1)?), columns::optional_time(&row, 2)?);
        }
        Ok(Self(ends))
    }

    /// When a delivery that is added now is due; `None`: when the one before it says so.
    pub(super) fn add(
        &mut self,
        endpoint_id: EndpointId,
        order_key: &str,
        wait: Duration,
        now: Timestamp,
    ) -> Option<Timestamp> {
        // The new one is pending, and has not been attempted.
        let before = self.0.insert((key(endpoint_id), order_key.to_owned()), None);
        released_at(before, wait, now)
    }
}

/// Lets the next one go after the one at this place has ended, or was attempted in vain for the first time.
/// Says when that is due.
pub(super) async fn release_next(
    tx: &Connection,
    place: &Place,
    now: Timestamp,
) -> Result<Option<Timestamp>, Failure> {
    // Each round passes over one that was pending when it was looked for and is not any more.
    loop {
        let Some(next) = Next::find(tx, place).await? else { return Ok(None) };
        let Some(at) = next.brought_forward_to(now) else { return Ok(None) };
        let released = tx.execute(RELEASE, &[&next.project_id, &next.id, &at.as_unix_ms()]).await? == 1;
        if released || next.due_at.is_some() {
            return Ok(released.then_some(at));
        }
        // Deleting an endpoint cancels deliveries without the order's lock, so the one just found may be
        // gone: look for the next.
    }
}

/// The first pending delivery beyond a place in its order.
struct Next {
    project_id: Key,
    id: Key,
    due_at: Option<Timestamp>,
    /// When the one before it was first attempted, if there is one that is pending.
    before: Option<Option<Timestamp>>,
    wait: Duration,
}

impl Next {
    async fn find(tx: &Connection, place: &Place) -> Result<Option<Self>, Failure> {
        let (endpoint_id, Place { order_key, position, .. }) = (key(place.endpoint_id), place);
        let Some(row) = tx.query_opt(NEXT, &[&endpoint_id, order_key, position]).await? else {
            return Ok(None);
        };
        let is_there: Option<bool> = get(&row, 3)?;
        Ok(Some(Self {
            project_id: get(&row, 0)?,
            id: get(&row, 1)?,
            due_at: columns::optional_time(&row, 2)?,
            before: is_there.map(|_| columns::optional_time(&row, 4)).transpose()?,
            wait: Duration::from_secs(columns::number::<i64, u64>(&row, 5)?),
        }))
    }

    /// When it may go, if that is earlier than it could before.
    fn brought_forward_to(&self, now: Timestamp) -> Option<Timestamp> {
        let at = released_at(self.before, self.wait, now)?;
        self.due_at.is_none_or(|due_at| at < due_at).then_some(at)
    }
}
