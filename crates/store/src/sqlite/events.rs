//! Events as the API shows them.

use bytes::Bytes;
use ringback_domain::{
    Attempt, AttemptReport, Delivery, EventId, EventRecord, EventState, ProjectId, TypedId,
};
use ringback_webhook::event_type;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::columns;
use crate::page::{Order, Page, PageRequest};
use crate::query::{DeliveryDetail, EventDetail, EventFilter};

/// An event's columns; the last one ranks its deliveries' states, null when there are none. An endpoint that
/// has got the event has got it, whatever became of other deliveries to it; another URL of a replay is no
/// endpoint.
const COLUMNS: &str = "e.id, e.project_id, e.source_id, e.type, e.webhook_id, e.upstream_event_id, e.object_id, \
    length(e.payload), e.created_at, \
    (SELECT min(rank) FROM \
        (SELECT CASE WHEN max(d.state = 'pending') THEN 1 WHEN max(d.state = 'delivered') THEN 3 \
                     WHEN max(d.state = 'dead') THEN 2 ELSE 4 END AS rank \
         FROM deliveries AS d WHERE d.event_position = e.position \
         AND (d.replay_id IS NULL OR NOT EXISTS \
             (SELECT 1 FROM endpoints AS target WHERE target.id = d.endpoint_id AND target.replay_id IS NOT NULL)) \
         GROUP BY d.endpoint_id))";

/// An event's deliveries, oldest first.
pub(super) const DELIVERIES: &str = "\
    SELECT id, endpoint_id, trigger, state, end_reason, attempt_count, created_at, due_at, finished_at, \
           lease_expires_at IS NOT NULL, expires_at, replay_id, position \
    FROM deliveries WHERE event_position = ?1 ORDER BY position";

/// A delivery's attempts, oldest first.
pub(super) const ATTEMPTS: &str = "\
    SELECT id, number, outcome, status_code, error, started_at, duration_ms, response_body \
    FROM attempts WHERE delivery_position = ?1 ORDER BY id";

/// Whether a type was received, in either of its spellings.
pub(super) const HAS_SEEN_TYPE: &str =
    "SELECT EXISTS (SELECT 1 FROM events WHERE project_id = ?1 AND type IN (?2, ?3))";

pub(super) fn list(
    db: &Connection,
    project_id: ProjectId,
    filter: &EventFilter,
    page: PageRequest<EventId>,
) -> rusqlite::Result<Page<EventRecord>> {
    let (sql, params) = list_query(project_id, filter, page);
    let items = db
        .prepare_cached(&sql)?
        .query_map(params_from_iter(params), event)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Page::cut(items, page.limit))
}

/// One statement for each combination of filters, so that each has the plan of its own index.
///
/// A type with two spellings is two ranges of the index, which SQLite merges in order; asked for with one
/// `IN`, it would rather walk the whole project.
pub(super) fn list_query(
    project_id: ProjectId,
    filter: &EventFilter,
    page: PageRequest<EventId>,
) -> (String, Vec<Value>) {
    let wanted = filter.event_type.as_deref();
    let other = wanted.and_then(event_type::other_spelling);
    let mut params = Vec::new();
    let mut sql = select(project_id, filter, wanted, page, &mut params);
    if other.is_some() {
        sql.push_str(" UNION ALL ");
        sql.push_str(&select(project_id, filter, other, page, &mut params));
    }
    sql.push_str(match page.order {
        Order::Asc => " ORDER BY 1 ASC LIMIT 0 + ?",
        Order::Desc => " ORDER BY 1 DESC LIMIT 0 + ?",
    });
    // One more than asked for tells whether there is more.
    params.push(Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX - 1) + 1));
    (sql, params)
}

/// The events of one spelling of a type, or of all types.
fn select(
    project_id: ProjectId,
    filter: &EventFilter,
    event_type: Option<&str>,
    page: PageRequest<EventId>,
    params: &mut Vec<Value>,
) -> String {
    let mut sql = format!("SELECT {COLUMNS} FROM events AS e WHERE e.project_id = ?");
    params.push(blob(project_id));
    if let Some(object_id) = &filter.object_id {
        sql.push_str(" AND e.object_id = ?");
        params.push(Value::Text(object_id.clone()));
    }
    if let Some(event_type) = event_type {
        sql.push_str(" AND e.type = ?");
        params.push(Value::Text(event_type.to_owned()));
    }
    if let Some(after) = page.after {
        sql.push_str(match page.order {
            Order::Asc => " AND e.id > ?",
            Order::Desc => " AND e.id < ?",
        });
        params.push(blob(after));
    }
    sql
}

fn blob(id: impl TypedId) -> Value {
    Value::Blob(id.to_bytes().to_vec())
}

pub(super) fn detail(
    db: &Connection,
    project_id: ProjectId,
    id: EventId,
) -> rusqlite::Result<Option<EventDetail>> {
    let sql = format!("SELECT {COLUMNS}, e.position FROM events AS e WHERE e.project_id = ?1 AND e.id = ?2");
    let found = db
        .prepare_cached(&sql)?
        .query_row([project_id.to_bytes(), id.to_bytes()], |row| Ok((event(row)?, row.get::<_, i64>(10)?)))
        .optional()?;
    let Some((event, position)) = found else { return Ok(None) };
    let deliveries = deliveries(db, position, event.id)?;
    Ok(Some(EventDetail { event, deliveries }))
}

pub(super) fn payload(
    db: &Connection,
    project_id: ProjectId,
    id: EventId,
) -> rusqlite::Result<Option<Bytes>> {
    db.prepare_cached("SELECT payload FROM events WHERE project_id = ?1 AND id = ?2")?
        .query_row([project_id.to_bytes(), id.to_bytes()], |row| row.get::<_, Vec<u8>>(0).map(Bytes::from))
        .optional()
}

pub(super) fn has_seen_type(
    db: &Connection,
    project_id: ProjectId,
    event_type: &str,
) -> rusqlite::Result<bool> {
    let other = event_type::other_spelling(event_type).unwrap_or(event_type);
    db.prepare_cached(HAS_SEEN_TYPE)?.query_row((project_id.to_bytes(), event_type, other), |row| row.get(0))
}

fn event(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    let state = match row.get::<_, Option<u8>>(9)? {
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
        event_type: row.get(3)?,
        webhook_id: row.get(4)?,
        upstream_event_id: row.get(5)?,
        object_id: row.get(6)?,
        payload_bytes: row.get(7)?,
        created_at: columns::time(row, 8)?,
        state,
    })
}

fn deliveries(
    db: &Connection,
    event_position: i64,
    event_id: EventId,
) -> rusqlite::Result<Vec<DeliveryDetail>> {
    db.prepare_cached(DELIVERIES)?
        .query_map([event_position], |row| {
            let end_reason = row.get_ref(4)?.as_str_or_null()?.map(columns::parse).transpose()?;
            let delivery = Delivery {
                id: columns::id(row, 0)?,
                event_id,
                endpoint_id: columns::id(row, 1)?,
                trigger: columns::word(row, 2)?,
                state: columns::word(row, 3)?,
                end_reason,
                attempt_count: row.get(5)?,
                created_at: columns::time(row, 6)?,
                due_at: columns::optional_time(row, 7)?,
                finished_at: columns::optional_time(row, 8)?,
                in_flight: row.get(9)?,
                expires_at: columns::optional_time(row, 10)?,
                replay_id: columns::optional_id(row, 11)?,
            };
            Ok(DeliveryDetail { delivery, attempts: attempts(db, row.get(12)?)? })
        })?
        .collect()
}

pub(super) fn attempts(db: &Connection, delivery_position: i64) -> rusqlite::Result<Vec<Attempt>> {
    db.prepare_cached(ATTEMPTS)?
        .query_map([delivery_position], |row| {
            let report = AttemptReport {
                outcome: columns::word(row, 2)?,
                status_code: row.get(3)?,
                error: row.get(4)?,
                started_at: columns::time(row, 5)?,
                duration_ms: row.get(6)?,
                response_body: row.get::<_, Vec<u8>>(7)?.into(),
            };
            Ok(Attempt { id: columns::id(row, 0)?, number: row.get(1)?, report })
        })?
        .collect()
}
