//! Events as the API shows them.

use bytes::Bytes;
use ringback_domain::{EventId, EventRecord, EventState, ProjectId};
use ringback_webhook::event_type;
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::{Connection, Connections};
use super::failure::Failure;
use super::statement::Statement;
use super::{attempts, deliveries};
use crate::page::{Order, Page, PageRequest};
use crate::query::{DeliveryDetail, EventDetail, EventFilter};

/// An event's columns; the last one ranks its deliveries' states, null when there are none. An endpoint that
/// has got the event has got it, whatever became of other deliveries to it; another URL of a replay is no
/// endpoint.
const COLUMNS: &str = "e.id, e.project_id, e.source_id, e.type, e.webhook_id, e.upstream_event_id, e.object_id, \
    length(e.payload), e.created_at, \
    (SELECT min(rank) FROM \
        (SELECT CASE WHEN bool_or(d.state = 'pending') THEN 1 WHEN bool_or(d.state = 'delivered') THEN 3 \
                     WHEN bool_or(d.state = 'dead') THEN 2 ELSE 4 END AS rank \
         FROM deliveries AS d WHERE d.event_id = e.id \
         AND (d.replay_id IS NULL OR NOT EXISTS \
             (SELECT 1 FROM endpoints AS target WHERE target.id = d.endpoint_id AND target.replay_id IS NOT NULL)) \
         GROUP BY d.endpoint_id) AS ranks)";

/// An event's deliveries, oldest first.
pub(super) const DELIVERIES: &str = "\
    SELECT id, endpoint_id, trigger, state, end_reason, attempt_count, created_at, due_at, finished_at, \
           lease_expires_at IS NOT NULL, expires_at, replay_id \
    FROM deliveries WHERE event_id = $1 ORDER BY position";

/// The body of an event.
pub(super) const PAYLOAD: &str = "SELECT payload FROM events WHERE project_id = $1 AND id = $2";

/// Whether a type was received, in either of its spellings.
pub(super) const HAS_SEEN_TYPE: &str =
    "SELECT EXISTS (SELECT 1 FROM events WHERE project_id = $1 AND type IN ($2, $3))";

pub(super) async fn list(
    connection: &Connection,
    project_id: ProjectId,
    filter: &EventFilter,
    page: PageRequest<EventId>,
) -> Result<Page<EventRecord>, Failure> {
    let statement = list_query(project_id, filter, page);
    let rows = connection.query(&statement.sql, &statement.params()).await?;
    let items = rows.iter().map(event).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, page.limit))
}

/// One statement for each combination of filters, each by one index. A type with two spellings is two ranges
/// of the index, each in order.
pub(super) fn list_query(
    project_id: ProjectId,
    filter: &EventFilter,
    page: PageRequest<EventId>,
) -> Statement {
    let wanted = filter.event_type.as_deref();
    let other = wanted.and_then(event_type::other_spelling);
    let mut statement = Statement::default();
    let Some(other) = other else {
        select(&mut statement, project_id, filter, wanted, page);
        return statement;
    };
    statement.push("(");
    select(&mut statement, project_id, filter, wanted, page);
    statement.push(") UNION ALL (");
    select(&mut statement, project_id, filter, Some(other), page);
    statement.push(match page.order {
        Order::Asc => ") ORDER BY 1 ASC",
        Order::Desc => ") ORDER BY 1 DESC",
    });
    statement.bind(" LIMIT ", one_more(page));
    statement
}

/// Tells whether there is more than asked for.
fn one_more(page: PageRequest<EventId>) -> i64 {
    columns::limit(page.limit).saturating_add(1)
}

/// The events of one spelling of a type, or of all types.
fn select(
    statement: &mut Statement,
    project_id: ProjectId,
    filter: &EventFilter,
    event_type: Option<&str>,
    page: PageRequest<EventId>,
) {
    statement.push(&format!("SELECT {COLUMNS} FROM events AS e"));
    statement.bind(" WHERE e.project_id = ", key(project_id));
    if let Some(object_id) = &filter.object_id {
        statement.bind(" AND e.object_id = ", object_id.clone());
    }
    if let Some(event_type) = event_type {
        // Of one object there are fewer than of one type.
        let is = if filter.object_id.is_some() { " IS NOT DISTINCT FROM " } else { " = " };
        statement.bind(&format!(" AND e.type{is}"), event_type.to_owned());
    }
    if let Some(after) = page.after {
        let beyond = match page.order {
            Order::Asc => " AND e.id > ",
            Order::Desc => " AND e.id < ",
        };
        statement.bind(beyond, key(after));
    }
    let direction = match page.order {
        Order::Asc => " ORDER BY e.id ASC LIMIT ",
        Order::Desc => " ORDER BY e.id DESC LIMIT ",
    };
    statement.bind(direction, one_more(page));
}

/// The statement for one event.
pub(super) fn one() -> String {
    format!("SELECT {COLUMNS} FROM events AS e WHERE e.project_id = $1 AND e.id = $2")
}

pub(super) async fn detail(
    connections: &Connections,
    project_id: ProjectId,
    id: EventId,
) -> Result<EventDetail, Failure> {
    let tx = connections.read().await?;
    let row = tx.query_opt(&one(), &[&key(project_id), &key(id)]).await?;
    let event = event(&row.ok_or(Failure::not_found("webhook event"))?)?;
    let rows = tx.query(DELIVERIES, &[&key(id)]).await?;
    let ids = rows.iter().map(|row| get(row, 0)).collect::<Result<Vec<Key>, _>>()?;
    let mut attempts = attempts::of(&tx, &ids).await?;
    tx.commit().await?;
    let detail = |(row, id): (&Row, &Key)| {
        let delivery = deliveries::delivery(row, event.id)?;
        Ok(DeliveryDetail { delivery, attempts: attempts.remove(id).unwrap_or_default() })
    };
    let deliveries = rows.iter().zip(&ids).map(detail).collect::<Result<_, Failure>>()?;
    Ok(EventDetail { event, deliveries })
}

pub(super) async fn payload(
    connection: &Connection,
    project_id: ProjectId,
    id: EventId,
) -> Result<Bytes, Failure> {
    let row = connection.query_opt(PAYLOAD, &[&key(project_id), &key(id)]).await?;
    columns::bytes(&row.ok_or(Failure::not_found("webhook event"))?, 0)
}

pub(super) async fn has_seen_type(
    connection: &Connection,
    project_id: ProjectId,
    event_type: &str,
) -> Result<bool, Failure> {
    let other = event_type::other_spelling(event_type).unwrap_or(event_type);
    let row = connection.query_one(HAS_SEEN_TYPE, &[&key(project_id), &event_type, &other]).await?;
    get(&row, 0)
}

fn event(row: &Row) -> Result<EventRecord, Failure> {
    let state = match get::<Option<i32>>(row, 9)? {
        None => EventState::Unrouted,
        Some(1) => EventState::Pending,
        Some(2) => EventState::Dead,
        Some(3) => EventState::Delivered,
        Some(_) => EventState::Cancelled,
    };
    Ok(EventRecord {
        id: columns::id(row, 0)?,
        project_id: columns::id(row, 1)?,
        source_id: columns::id(row, 2)?,
        event_type: get(row, 3)?,
        webhook_id: get(row, 4)?,
        upstream_event_id: get(row, 5)?,
        object_id: get(row, 6)?,
        payload_bytes: columns::number::<i32, _>(row, 7)?,
        created_at: columns::time(row, 8)?,
        state,
    })
}
