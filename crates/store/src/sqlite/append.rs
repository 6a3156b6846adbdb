//! The append: receipt, dedupe key, event and deliveries, in the batch's one transaction.

use std::collections::HashMap;

use ringback_domain::{DeliveryState, Disposition, EventId, IdMaker, Timestamp, Trigger, TypedId};
use rusqlite::{Connection, OptionalExtension, params};

use super::writer::WriteError;
use super::{columns, endpoints, order, receipts};
use crate::append::{Appended, Arrival, Plan, PlannedDelivery};
use crate::error::StoreError;
use crate::rows::FIRST_LEASE_TOKEN;
use crate::work::Lease;

/// The event that a repeated id stands for.
pub(super) const FIRST_SEEN: &str =
    "SELECT event_id, payload_sha256 = ?3 FROM webhook_ids WHERE source_id = ?1 AND webhook_id = ?2";

pub(super) fn append(tx: &Connection, ids: &IdMaker, arrival: &Arrival) -> Result<Appended, WriteError> {
    if insert_webhook_id(tx, arrival)? {
        let planned = planned_deliveries(tx, ids, arrival)?;
        let event_position = insert_event(tx, arrival)?;
        let mut appended = Appended {
            disposition: Disposition::Accepted,
            event_id: arrival.event.id,
            leased: Vec::new(),
            due: Vec::new(),
        };
        let trigger = match arrival.plan {
            Plan::Route { .. } => Trigger::Event,
            Plan::Test(_) => Trigger::Test,
        };
        for delivery in &planned {
            let due_at = insert_delivery(tx, arrival, event_position, delivery, trigger)?;
            match (delivery.lease_expires_at, due_at) {
                (Some(expires_at), _) => {
                    let lease = Lease { token: FIRST_LEASE_TOKEN, expires_at };
                    appended.leased.push((delivery.id, delivery.endpoint_id, lease));
                }
                (None, Some(_)) => appended.due.push(delivery.endpoint_id),
                // Whoever it waits for says when it is due.
                (None, None) => {}
            }
        }
        write_receipt(tx, arrival, &appended)?;
        Ok(appended)
    } else {
        let (event_id, disposition) = first_seen(tx, arrival)?;
        let appended = Appended { disposition, event_id, leased: Vec::new(), due: Vec::new() };
        write_receipt(tx, arrival, &appended)?;
        Ok(appended)
    }
}

/// What was published has none.
fn write_receipt(tx: &Connection, arrival: &Arrival, appended: &Appended) -> rusqlite::Result<()> {
    match arrival.receipt {
        Some(receipt) => receipts::write(tx, arrival, receipt, appended),
        None => Ok(()),
    }
}

/// Appends all or, if the `webhook_id` of one stands for another event, none: whether it does is looked up
/// before anything is written.
pub(super) fn append_all(
    tx: &Connection,
    ids: &IdMaker,
    arrivals: &[Arrival],
) -> Result<Vec<Appended>, WriteError> {
    let mut among_them = HashMap::with_capacity(arrivals.len());
    for (index, arrival) in arrivals.iter().enumerate() {
        let event = &arrival.event;
        let key = (arrival.source_id, event.webhook_id.as_str());
        let first = among_them.entry(key).or_insert(event.payload_sha256);
        let same_event = *first == event.payload_sha256
            && !matches!(known(tx, arrival)?, Some((_, Disposition::PayloadDiffers)));
        if !same_event {
            return Err(WriteError::Answer(StoreError::WebhookIdTaken { index }));
        }
    }
    arrivals.iter().map(|arrival| append(tx, ids, arrival)).collect()
}

/// Says whether the id is new on this source.
fn insert_webhook_id(tx: &Connection, arrival: &Arrival) -> rusqlite::Result<bool> {
    let event = &arrival.event;
    let inserted = tx
        .prepare_cached(
            "INSERT INTO webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (source_id, webhook_id) DO NOTHING",
        )?
        .execute(params![
            arrival.source_id.to_bytes(),
            event.webhook_id,
            arrival.project_id.to_bytes(),
            event.id.to_bytes(),
            event.payload_sha256,
            arrival.received_at.as_unix_ms(),
        ])?;
    Ok(inserted == 1)
}

fn first_seen(tx: &Connection, arrival: &Arrival) -> rusqlite::Result<(EventId, Disposition)> {
    known(tx, arrival)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
}

/// The event that the id stands for, if it is not new, and whether it is this one.
fn known(tx: &Connection, arrival: &Arrival) -> rusqlite::Result<Option<(EventId, Disposition)>> {
    tx.prepare_cached(FIRST_SEEN)?
        .query_row(
            params![arrival.source_id.to_bytes(), arrival.event.webhook_id, arrival.event.payload_sha256],
            |row| {
                let same_payload: bool = row.get(1)?;
                let disposition =
                    if same_payload { Disposition::Duplicate } else { Disposition::PayloadDiffers };
                Ok((columns::id(row, 0)?, disposition))
            },
        )
        .optional()
}

/// The caller's plan, if the configuration is still the one it was made with; else the event is routed anew,
/// and all its deliveries are born due.
fn planned_deliveries(
    tx: &Connection,
    ids: &IdMaker,
    arrival: &Arrival,
) -> rusqlite::Result<Vec<PlannedDelivery>> {
    match &arrival.plan {
        // That the endpoint is gone is for the deliverer to find, as with any other delivery.
        Plan::Test(delivery) => return Ok(vec![*delivery]),
        Plan::Route { generation, deliveries }
            if endpoints::generation(tx, arrival.project_id)? == *generation =>
        {
            return Ok(deliveries.clone());
        }
        Plan::Route { .. } => {}
    }
    let wanting = endpoints::wanting(tx, arrival.project_id, &arrival.event.event_type)?;
    let born_due = |endpoint: endpoints::Wanting| {
        let id = ids.next(arrival.received_at);
        PlannedDelivery::new(id, endpoint.id, &endpoint.rules, arrival.received_at, arrival.event.max_age)
    };
    Ok(wanting.into_iter().map(born_due).collect())
}

fn insert_event(tx: &Connection, arrival: &Arrival) -> rusqlite::Result<i64> {
    let event = &arrival.event;
    tx.prepare_cached(
        "INSERT INTO events \
         (id, project_id, source_id, type, webhook_id, upstream_event_id, object_id, created_at, payload) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .insert(params![
        event.id.to_bytes(),
        arrival.project_id.to_bytes(),
        arrival.source_id.to_bytes(),
        event.event_type,
        event.webhook_id,
        event.upstream_event_id,
        event.object_id,
        arrival.received_at.as_unix_ms(),
        event.payload.as_ref(),
    ])
}

/// Says when it is due; `None` if it waits for another one.
fn insert_delivery(
    tx: &Connection,
    arrival: &Arrival,
    event_position: i64,
    delivery: &PlannedDelivery,
    trigger: Trigger,
) -> rusqlite::Result<Option<Timestamp>> {
    let lease_token = delivery.lease_expires_at.map_or(0, |_| FIRST_LEASE_TOKEN);
    let order = delivery.ordering_wait.zip(arrival.event.object_id.as_deref());
    let due_at = match order {
        Some((wait, key)) => order::due_at(tx, delivery.endpoint_id, key, wait, arrival.received_at)?,
        None => Some(arrival.received_at),
    };
    tx.prepare_cached(
        "INSERT INTO deliveries \
         (id, project_id, event_position, endpoint_id, trigger, state, created_at, due_at, lease_token, lease_expires_at, \
          urgent, expires_at, order_key) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        delivery.id.to_bytes(),
        arrival.project_id.to_bytes(),
        event_position,
        delivery.endpoint_id.to_bytes(),
        trigger.as_str(),
        DeliveryState::Pending.as_str(),
        arrival.received_at.as_unix_ms(),
        due_at.map(Timestamp::as_unix_ms),
        lease_token,
        delivery.lease_expires_at.map(Timestamp::as_unix_ms),
        arrival.event.max_age.is_some(),
        delivery.expires_at.map(Timestamp::as_unix_ms),
        order.map(|(_, key)| key),
    ])?;
    Ok(due_at)
}
