//! Deliveries as the API shows them, and what a person does with one: send it again, or call it off.

use std::collections::{BTreeSet, HashSet};

use ringback_domain::{
    Delivery, DeliveryId, DeliveryState, EndReason, EndpointId, EventId, ProjectId, ReplayId, Timestamp,
    Trigger,
};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::{Connection, Connections};
use super::failure::Failure;
use super::order::{self, Place};
use super::statement::Statement;
use super::{attempts, locks};
use crate::error::StoreError;
use crate::page::{Order, Page, PageRequest};
use crate::query::{DeliveryFilter, DeliveryFound, DeliveryRecord, Redelivery};

/// A delivery's columns, and those of its event.
const SELECT: &str = "\
    SELECT d.id, d.endpoint_id, d.trigger, d.state, d.end_reason, d.attempt_count, d.created_at, d.due_at, d.finished_at, \
           d.lease_expires_at IS NOT NULL, d.expires_at, d.replay_id, e.id, e.type, e.webhook_id, e.object_id \
    FROM deliveries AS d";
const WITH_EVENT: &str = " JOIN events AS e ON e.project_id = d.project_id AND e.id = d.event_id";

/// Holds events, one after the other, against being pruned until the end of the transaction; says which there
/// are.
pub(super) const HOLD_EVENTS: &str = "\
    SELECT e.id FROM unnest($2::uuid[]) AS f (id) JOIN events AS e ON e.project_id = $1 AND e.id = f.id \
    FOR KEY SHARE OF e";
const FIND_ENDPOINTS: &str =
    "SELECT id FROM endpoints WHERE project_id = $1 AND id = ANY ($2) AND deleted_at IS NULL";

/// Makes deliveries of events and endpoints that are there, due at once.
pub(super) const INSERT: &str = "\
    INSERT INTO deliveries (id, project_id, event_id, endpoint_id, trigger, state, created_at, due_at, replay_id) \
    SELECT n.id, $1, n.event_id, n.endpoint_id, $2, 'pending', $3, $3, $4 \
    FROM unnest($5::uuid[], $6::uuid[], $7::uuid[]) WITH ORDINALITY AS n (id, event_id, endpoint_id, place) \
    ORDER BY n.place";

/// What is to be known of a delivery that is called off, before its order is locked.
pub(super) const FIND: &str =
    "SELECT endpoint_id, order_key, position FROM deliveries WHERE project_id = $1 AND id = $2";

/// Calls a pending delivery off.
pub(super) const CANCEL: &str = "\
    UPDATE deliveries SET state = $3, end_reason = $4, finished_at = $5, due_at = NULL, lease_expires_at = NULL, lease_node = NULL \
    WHERE project_id = $1 AND id = $2 AND finished_at IS NULL";

pub(super) async fn list(
    connection: &Connection,
    project_id: ProjectId,
    filter: DeliveryFilter,
    page: PageRequest<DeliveryId>,
) -> Result<Page<DeliveryRecord>, Failure> {
    let statement = list_query(project_id, filter, page);
    let rows = connection.query(&statement.sql, &statement.params()).await?;
    let items = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, page.limit))
}

/// One statement for each combination of filters, each by one index: that of the narrowest filter.
pub(super) fn list_query(
    project_id: ProjectId,
    filter: DeliveryFilter,
    page: PageRequest<DeliveryId>,
) -> Statement {
    let mut statement = Statement::new(format!("{SELECT}{WITH_EVENT} WHERE "));
    // Whether an index has been chosen: all that comes after picks among what that gives.
    let mut chosen = false;
    let mut narrow = |statement: &mut Statement, column: &str, value: Key| {
        let is = if std::mem::replace(&mut chosen, true) { " IS NOT DISTINCT FROM " } else { " = " };
        statement.bind(&format!("{column}{is}"), value);
        statement.push(" AND ");
    };
    if let Some(event_id) = filter.event_id {
        narrow(&mut statement, "d.event_id", key(event_id));
    }
    if let Some(replay_id) = filter.replay_id {
        narrow(&mut statement, "d.replay_id", key(replay_id));
    }
    // What is not delivered, few beside the others, has an index of its own.
    let unsettled = filter.state.is_some_and(|state| state != DeliveryState::Delivered)
        && filter.event_id.is_none()
        && filter.replay_id.is_none();
    match filter.endpoint_id {
        Some(endpoint_id) if unsettled => {
            statement.bind("d.endpoint_id IS NOT DISTINCT FROM ", key(endpoint_id));
            statement.push(" AND ");
        }
        Some(endpoint_id) => narrow(&mut statement, "d.endpoint_id", key(endpoint_id)),
        None => {}
    }
    narrow(&mut statement, "d.project_id", key(project_id));
    if let Some(state) = filter.state {
        statement.bind("d.state = ", state.as_str());
        statement.push(" AND ");
    }
    if unsettled {
        statement.push("d.state <> 'delivered' AND ");
    }
    let (beyond, direction) = match page.order {
        Order::Asc => ("d.id > ", " ORDER BY d.id ASC LIMIT "),
        Order::Desc => ("d.id < ", " ORDER BY d.id DESC LIMIT "),
    };
    match page.after {
        Some(after) => statement.bind(beyond, key(after)),
        None => statement.push("true"),
    }
    // One more than asked for tells whether there is more.
    statement.bind(direction, columns::limit(page.limit).saturating_add(1));
    statement
}

/// The statement for one delivery.
pub(super) fn one() -> String {
    format!("{SELECT}{WITH_EVENT} WHERE d.project_id = $1 AND d.id = $2")
}

pub(super) async fn detail(
    connections: &Connections,
    project_id: ProjectId,
    id: DeliveryId,
) -> Result<DeliveryFound, Failure> {
    let tx = connections.read().await?;
    let row = tx.query_opt(&one(), &[&key(project_id), &key(id)]).await?;
    let record = record(&row.ok_or_else(not_found)?)?;
    let attempts = attempts::of(&tx, &[key(id)]).await?.remove(&key(id)).unwrap_or_default();
    tx.commit().await?;
    Ok(DeliveryFound { record, attempts })
}

fn not_found() -> Failure {
    Failure::not_found("webhook delivery")
}

fn record(row: &Row) -> Result<DeliveryRecord, Failure> {
    Ok(DeliveryRecord {
        delivery: delivery(row, columns::id(row, 12)?)?,
        event_type: get(row, 13)?,
        webhook_id: get(row, 14)?,
        object_id: get(row, 15)?,
    })
}

/// A delivery of an event, from a row that begins with its columns.
pub(super) fn delivery(row: &Row, event_id: EventId) -> Result<Delivery, Failure> {
    Ok(Delivery {
        id: columns::id(row, 0)?,
        event_id,
        endpoint_id: columns::id(row, 1)?,
        trigger: columns::word(row, 2)?,
        state: columns::word(row, 3)?,
        end_reason: columns::optional_word(row, 4)?,
        attempt_count: columns::number::<i32, u32>(row, 5)?,
        created_at: columns::time(row, 6)?,
        due_at: columns::optional_time(row, 7)?,
        finished_at: columns::optional_time(row, 8)?,
        in_flight: get(row, 9)?,
        expires_at: columns::optional_time(row, 10)?,
        replay_id: columns::optional_id(row, 11)?,
    })
}

/// All are looked up before any is written.
pub(super) async fn redeliver(
    tx: &Connection,
    project_id: ProjectId,
    redeliveries: &[Redelivery],
    now: Timestamp,
) -> Result<(), Failure> {
    let made: Vec<Made> = redeliveries
        .iter()
        .map(|wanted| Made { id: wanted.id, event_id: wanted.event_id, endpoint_id: wanted.endpoint_id })
        .collect();
    let there = There::of(tx, project_id, &made).await?;
    for made in &made {
        if !there.endpoints.contains(&key(made.endpoint_id)) {
            return Err(Failure::not_found("webhook endpoint"));
        }
        if !there.events.contains(&key(made.event_id)) {
            return Err(Failure::not_found("webhook event"));
        }
    }
    insert(tx, project_id, &made, Trigger::Redelivery, None, now).await
}

/// A delivery that somebody asked for.
#[derive(Clone, Copy)]
pub(super) struct Made {
    pub(super) id: DeliveryId,
    pub(super) event_id: EventId,
    pub(super) endpoint_id: EndpointId,
}

/// The events and endpoints that are there, and stay until the end of the transaction.
pub(super) struct There {
    events: HashSet<Key>,
    endpoints: HashSet<Key>,
}

impl There {
    pub(super) async fn of(tx: &Connection, project_id: ProjectId, made: &[Made]) -> Result<Self, Failure> {
        locks::share_routes(tx, &[project_id]).await?;
        let project_id = key(project_id);
        let endpoints: Vec<Key> = distinct(made.iter().map(|made| key(made.endpoint_id)));
        let events: Vec<Key> = distinct(made.iter().map(|made| key(made.event_id)));
        Ok(Self {
            endpoints: ids(&tx.query(FIND_ENDPOINTS, &[&project_id, &endpoints]).await?)?,
            events: ids(&tx.query(HOLD_EVENTS, &[&project_id, &events]).await?)?,
        })
    }

    /// Whether both are there that a delivery refers to.
    pub(super) fn has_both(&self, made: &Made) -> bool {
        self.events.contains(&key(made.event_id)) && self.endpoints.contains(&key(made.endpoint_id))
    }
}

/// In one sequence everywhere, so that no two transactions wait for one another.
fn distinct(ids: impl Iterator<Item = Key>) -> Vec<Key> {
    ids.collect::<BTreeSet<_>>().into_iter().collect()
}

fn ids(rows: &[Row]) -> Result<HashSet<Key>, Failure> {
    rows.iter().map(|row| get(row, 0)).collect()
}

/// Due at once: it takes no part in an order, and its age does not matter to who asked for it.
pub(super) async fn insert(
    tx: &Connection,
    project_id: ProjectId,
    made: &[Made],
    trigger: Trigger,
    replay_id: Option<ReplayId>,
    now: Timestamp,
) -> Result<(), Failure> {
    let ids: Vec<Key> = made.iter().map(|made| key(made.id)).collect();
    let events: Vec<Key> = made.iter().map(|made| key(made.event_id)).collect();
    let endpoints: Vec<Key> = made.iter().map(|made| key(made.endpoint_id)).collect();
    let (project_id, replay_id, trigger) = (key(project_id), replay_id.map(key), trigger.as_str());
    tx.execute(INSERT, &[&project_id, &trigger, &now.as_unix_ms(), &replay_id, &ids, &events, &endpoints])
        .await
        .map(drop)
}

/// Who waited for it in its order goes on; says of which endpoint that is, if it may go now.
pub(super) async fn cancel(
    tx: &Connection,
    project_id: ProjectId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<Option<EndpointId>, Failure> {
    let row = tx.query_opt(FIND, &[&key(project_id), &key(id)]).await?.ok_or_else(not_found)?;
    let (endpoint_id, position) = (columns::id(&row, 0)?, get(&row, 2)?);
    let order_key: Option<String> = get(&row, 1)?;
    if let Some(order_key) = &order_key {
        locks::take_orders(tx, &[(endpoint_id, order_key)]).await?;
    }
    let (state, reason) = (DeliveryState::Cancelled.as_str(), EndReason::Requested.as_str());
    let cancelled =
        tx.execute(CANCEL, &[&key(project_id), &key(id), &state, &reason, &now.as_unix_ms()]).await?;
    if cancelled == 0 {
        return Err(StoreError::Ended { noun: "webhook delivery" }.into());
    }
    let Some(order_key) = order_key else { return Ok(None) };
    let released_at = order::release_next(tx, &Place { endpoint_id, order_key, position }, now).await?;
    Ok(released_at.is_some_and(|at| at <= now).then_some(endpoint_id))
}
