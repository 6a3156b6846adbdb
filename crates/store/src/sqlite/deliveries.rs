//! Deliveries as the API shows them, and what a person does with one: send it again, or call it off.

use ringback_domain::{
    Delivery, DeliveryId, DeliveryState, EndReason, EndpointId, ProjectId, Timestamp, Trigger, TypedId,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::order::{self, Place};
use super::writer::WriteError;
use super::{columns, events};
use crate::error::StoreError;
use crate::page::{Order, Page, PageRequest};
use crate::query::{DeliveryFilter, DeliveryFound, DeliveryRecord, Redelivery};

/// A delivery's columns, and those of its event.
const SELECT: &str = "\
    SELECT d.id, d.endpoint_id, d.trigger, d.state, d.end_reason, d.attempt_count, d.created_at, d.due_at, d.finished_at, \
           d.lease_expires_at IS NOT NULL, d.expires_at, d.replay_id, e.id, e.type, e.webhook_id, e.object_id, d.position \
    FROM deliveries AS d";
/// `CROSS JOIN` keeps SQLite to that order of tables.
const WITH_EVENT: &str = " CROSS JOIN events AS e ON e.position = d.event_position";

/// The index of what is not delivered: few, beside all the others.
const UNSETTLED: &str = "deliveries_unsettled";

/// The event and the endpoint of a redelivery, as far as there are such.
pub(super) const FIND_EVENT: &str = "SELECT position FROM events WHERE project_id = ?1 AND id = ?2";
const FIND_ENDPOINT: &str =
    "SELECT count(*) FROM endpoints WHERE id = ?2 AND project_id = ?1 AND deleted_at IS NULL";

/// Makes a delivery of an event and an endpoint that are there.
pub(super) const INSERT: &str = "\
    INSERT INTO deliveries \
    (id, project_id, event_position, endpoint_id, trigger, state, created_at, due_at, replay_id) \
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8 \
    WHERE EXISTS (SELECT 1 FROM events WHERE position = ?3) \
    AND EXISTS (SELECT 1 FROM endpoints WHERE id = ?4 AND deleted_at IS NULL)";

/// What is to be known of a delivery that is called off.
pub(super) const FIND: &str =
    "SELECT position, state, endpoint_id, order_key FROM deliveries WHERE project_id = ?1 AND id = ?2";

const NOT_FOUND: WriteError = WriteError::Answer(StoreError::NotFound { noun: "webhook delivery" });

pub(super) fn list(
    db: &Connection,
    project_id: ProjectId,
    filter: DeliveryFilter,
    page: PageRequest<DeliveryId>,
) -> rusqlite::Result<Page<DeliveryRecord>> {
    let (sql, params) = list_query(project_id, filter, page);
    let items = db
        .prepare_cached(&sql)?
        .query_map(params_from_iter(params), record)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Page::cut(items, page.limit))
}

/// One statement for each combination of filters, so that each goes by the narrowest index there is for it.
pub(super) fn list_query(
    project_id: ProjectId,
    filter: DeliveryFilter,
    page: PageRequest<DeliveryId>,
) -> (String, Vec<Value>) {
    let index = index_for(filter);
    let blob = |id: [u8; 16]| Value::Blob(id.to_vec());
    let mut params = vec![blob(project_id.to_bytes())];
    let mut conditions = String::from(" WHERE d.project_id = ?");
    let mut and = |condition: &str, value: Value| {
        conditions.push_str(" AND ");
        conditions.push_str(condition);
        params.push(value);
    };
    if let Some(event_id) = filter.event_id {
        // Few, and found by their event.
        and(
            "d.event_position = (SELECT position FROM events WHERE project_id = ?1 AND id = ?)",
            blob(event_id.to_bytes()),
        );
    }
    if let Some(endpoint_id) = filter.endpoint_id {
        and("d.endpoint_id = ?", blob(endpoint_id.to_bytes()));
    }
    if let Some(replay_id) = filter.replay_id {
        and("d.replay_id = ?", blob(replay_id.to_bytes()));
    }
    if let Some(state) = filter.state {
        and("d.state = ?", Value::Text(state.as_str().to_owned()));
    }
    if index == UNSETTLED {
        // The index is found only by what it says itself.
        conditions.push_str(" AND d.state <> 'delivered'");
    }
    let mut and = |condition: &str, value: Value| {
        conditions.push_str(condition);
        params.push(value);
    };
    if let Some(after) = page.after {
        let condition = match page.order {
            Order::Asc => " AND d.id > ?",
            Order::Desc => " AND d.id < ?",
        };
        and(condition, blob(after.to_bytes()));
    }
    let order = match page.order {
        Order::Asc => " ORDER BY d.id ASC LIMIT 0 + ?",
        Order::Desc => " ORDER BY d.id DESC LIMIT 0 + ?",
    };
    // One more than asked for tells whether there is more.
    and(order, Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX - 1) + 1));
    (format!("{SELECT} INDEXED BY {index}{WITH_EVENT}{conditions}"), params)
}

/// Without statistics SQLite would guess.
fn index_for(filter: DeliveryFilter) -> &'static str {
    if filter.event_id.is_some() {
        "deliveries_by_event"
    } else if filter.replay_id.is_some() {
        if filter.state.is_some() { "deliveries_by_replay_state" } else { "deliveries_by_replay" }
    } else if filter.state.is_some_and(|state| state != DeliveryState::Delivered) {
        UNSETTLED
    } else if filter.endpoint_id.is_some() {
        "deliveries_by_endpoint"
    } else {
        "sqlite_autoindex_deliveries_1"
    }
}

pub(super) fn detail(
    db: &Connection,
    project_id: ProjectId,
    id: DeliveryId,
) -> rusqlite::Result<Option<DeliveryFound>> {
    let sql = format!("{SELECT}{WITH_EVENT} WHERE d.project_id = ?1 AND d.id = ?2");
    let found = db
        .prepare_cached(&sql)?
        .query_row([project_id.to_bytes(), id.to_bytes()], |row| Ok((record(row)?, row.get(16)?)))
        .optional()?;
    let Some((record, position)) = found else { return Ok(None) };
    Ok(Some(DeliveryFound { record, attempts: events::attempts(db, position)? }))
}

fn record(row: &Row<'_>) -> rusqlite::Result<DeliveryRecord> {
    let delivery = Delivery {
        id: columns::id(row, 0)?,
        endpoint_id: columns::id(row, 1)?,
        trigger: columns::word(row, 2)?,
        state: columns::word(row, 3)?,
        end_reason: row.get_ref(4)?.as_str_or_null()?.map(columns::parse).transpose()?,
        attempt_count: row.get(5)?,
        created_at: columns::time(row, 6)?,
        due_at: columns::optional_time(row, 7)?,
        finished_at: columns::optional_time(row, 8)?,
        in_flight: row.get(9)?,
        expires_at: columns::optional_time(row, 10)?,
        replay_id: columns::optional_id(row, 11)?,
        event_id: columns::id(row, 12)?,
    };
    Ok(DeliveryRecord {
        delivery,
        event_type: row.get(13)?,
        webhook_id: row.get(14)?,
        object_id: row.get(15)?,
    })
}

/// All are looked up before any is written.
pub(super) fn redeliver(
    tx: &Connection,
    project_id: ProjectId,
    redeliveries: &[Redelivery],
    now: Timestamp,
) -> Result<(), WriteError> {
    let positions = redeliveries
        .iter()
        .map(|redelivery| find_both(tx, project_id, redelivery))
        .collect::<Result<Vec<i64>, WriteError>>()?;
    for (redelivery, event_position) in redeliveries.iter().zip(positions) {
        let made = Made { id: redelivery.id, event_position, endpoint_id: redelivery.endpoint_id };
        insert(tx, project_id, &made, Trigger::Redelivery, None, now)?;
    }
    Ok(())
}

fn find_both(tx: &Connection, project_id: ProjectId, redelivery: &Redelivery) -> Result<i64, WriteError> {
    let not_found = |noun| WriteError::Answer(StoreError::NotFound { noun });
    let endpoints: usize = tx
        .prepare_cached(FIND_ENDPOINT)?
        .query_row([project_id.to_bytes(), redelivery.endpoint_id.to_bytes()], |row| row.get(0))?;
    if endpoints == 0 {
        return Err(not_found("webhook endpoint"));
    }
    tx.prepare_cached(FIND_EVENT)?
        .query_row([project_id.to_bytes(), redelivery.event_id.to_bytes()], |row| row.get(0))
        .optional()?
        .ok_or(not_found("webhook event"))
}

/// A delivery that somebody asked for.
pub(super) struct Made {
    pub(super) id: DeliveryId,
    pub(super) event_position: i64,
    pub(super) endpoint_id: EndpointId,
}

/// Due at once: it takes no part in an order, and its age does not matter to who asked for it. Says whether
/// it was made: not if its event or its endpoint is gone.
pub(super) fn insert(
    tx: &Connection,
    project_id: ProjectId,
    made: &Made,
    trigger: Trigger,
    replay_id: Option<[u8; 16]>,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let inserted = tx.prepare_cached(INSERT)?.execute(params![
        made.id.to_bytes(),
        project_id.to_bytes(),
        made.event_position,
        made.endpoint_id.to_bytes(),
        trigger.as_str(),
        DeliveryState::Pending.as_str(),
        now.as_unix_ms(),
        replay_id,
    ])?;
    Ok(inserted == 1)
}

/// Who waited for it in its order goes on, also while an attempt of it is under way: whoever calls it off
/// does not want it before the next one.
pub(super) fn cancel(
    tx: &Connection,
    project_id: ProjectId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<(), WriteError> {
    let (position, state, endpoint_id, order_key) = tx
        .prepare_cached(FIND)?
        .query_row([project_id.to_bytes(), id.to_bytes()], |row| {
            let order_key: Option<String> = row.get(3)?;
            let state: DeliveryState = columns::word(row, 1)?;
            let endpoint_id: EndpointId = columns::id(row, 2)?;
            Ok((row.get::<_, i64>(0)?, state, endpoint_id, order_key))
        })
        .optional()?
        .ok_or(NOT_FOUND)?;
    if state.is_final() {
        return Err(WriteError::Answer(StoreError::Ended { noun: "webhook delivery" }));
    }
    tx.prepare_cached(
        "UPDATE deliveries SET state = ?2, end_reason = ?3, finished_at = ?4, due_at = NULL, lease_expires_at = NULL \
         WHERE position = ?1",
    )?
    .execute(params![
        position,
        DeliveryState::Cancelled.as_str(),
        EndReason::Requested.as_str(),
        now.as_unix_ms(),
    ])?;
    if let Some(order_key) = &order_key {
        order::release_next(tx, &Place { endpoint_id, order_key, position }, now)?;
    }
    Ok(())
}
