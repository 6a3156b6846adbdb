//! The append: what is new of a batch becomes events and deliveries, each kind of row in one statement.

use std::time::Duration;

use ringback_domain::{Disposition, EndpointId, IdMaker, Timestamp, Trigger};

use super::columns::{Key, key, ms};
use super::connections::Connection;
use super::dedupe::Novelty;
use super::failure::Failure;
use super::leases::{Leases, length_ms, server_ms};
use super::order::Ends;
use super::routing::Routes;
use crate::append::{Appended, Arrival, Plan, PlannedDelivery};
use crate::rows::FIRST_LEASE_TOKEN;
use crate::work::Lease;

const INSERT_EVENTS: &str = "\
    INSERT INTO events \
    (id, project_id, source_id, type, webhook_id, upstream_event_id, object_id, created_at, payload) \
    SELECT n.id, n.project_id, n.source_id, n.type, n.webhook_id, n.upstream_event_id, n.object_id, n.created_at, n.payload \
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int8[], $9::bytea[]) \
        WITH ORDINALITY \
        AS n (id, project_id, source_id, type, webhook_id, upstream_event_id, object_id, created_at, payload, place) \
    ORDER BY n.place";

/// A lease is counted from the server's present time, or (as tests have it) from that of the call.
const INSERT_DELIVERIES: &str = concat!(
    "INSERT INTO deliveries \
    (id, project_id, event_id, endpoint_id, trigger, state, created_at, due_at, lease_token, lease_expires_at, lease_node, \
     urgent, expires_at, order_key) \
    SELECT n.id, n.project_id, n.event_id, n.endpoint_id, n.trigger, 'pending', n.created_at, n.due_at, n.lease_token, \
           n.lease_ms + CASE WHEN $13 THEN n.created_at ELSE s.now END, CASE WHEN n.lease_ms IS NOT NULL THEN $14::uuid END, n.urgent, n.expires_at, n.order_key \
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::int8[], $7::int8[], $8::int8[], $9::int8[], \
                $10::bool[], $11::int8[], $12::text[]) WITH ORDINALITY \
        AS n (id, project_id, event_id, endpoint_id, trigger, created_at, due_at, lease_token, lease_ms, urgent, \
              expires_at, order_key, place), \
        (SELECT ",
    server_ms!(),
    " AS now) AS s \
    ORDER BY n.place"
);

/// An arrival of a batch, judged and routed.
pub(super) struct Taken<'a> {
    pub(super) arrival: &'a Arrival,
    novelty: Novelty,
    /// None of a repetition.
    deliveries: Vec<PlannedDelivery>,
}

impl<'a> Taken<'a> {
    pub(super) fn new(
        arrival: &'a Arrival,
        novelty: Novelty,
        routes: &Routes,
        ids: &IdMaker,
    ) -> Result<Self, Failure> {
        let deliveries = match novelty {
            Novelty::New => routes.deliveries(ids, arrival)?,
            Novelty::Repeats(..) => Vec::new(),
        };
        Ok(Self { arrival, novelty, deliveries })
    }

    /// The orders that its deliveries are added to.
    pub(super) fn orders(&self) -> impl Iterator<Item = (EndpointId, &str)> {
        self.deliveries.iter().filter_map(|d| self.order(d).map(|(key, _)| (d.endpoint_id, key)))
    }

    /// The order's key, and how long a delivery waits in it.
    fn order(&self, delivery: &PlannedDelivery) -> Option<(&str, Duration)> {
        self.arrival.event.object_id.as_deref().zip(delivery.ordering_wait)
    }
}

/// Rows to be inserted, column by column.
#[derive(Default)]
pub(super) struct NewRows<'a> {
    events: Events<'a>,
    deliveries: Deliveries<'a>,
}

#[derive(Default)]
struct Events<'a> {
    ids: Vec<Key>,
    projects: Vec<Key>,
    sources: Vec<Key>,
    types: Vec<&'a str>,
    webhook_ids: Vec<&'a str>,
    upstream_event_ids: Vec<Option<&'a str>>,
    object_ids: Vec<Option<&'a str>>,
    created_at: Vec<i64>,
    payloads: Vec<&'a [u8]>,
}

#[derive(Default)]
struct Deliveries<'a> {
    ids: Vec<Key>,
    projects: Vec<Key>,
    events: Vec<Key>,
    endpoints: Vec<Key>,
    triggers: Vec<&'static str>,
    created_at: Vec<i64>,
    due_at: Vec<Option<i64>>,
    lease_tokens: Vec<i64>,
    lease_ms: Vec<Option<i64>>,
    urgent: Vec<bool>,
    expires_at: Vec<Option<i64>>,
    order_keys: Vec<Option<&'a str>>,
}

impl<'a> NewRows<'a> {
    /// Adds what an arrival becomes; says what becomes of it.
    pub(super) fn add(&mut self, taken: &'a Taken<'_>, ends: &mut Ends) -> Appended {
        let (event_id, disposition) = match taken.novelty {
            Novelty::New => (taken.arrival.event.id, Disposition::Accepted),
            Novelty::Repeats(event_id, disposition) => (event_id, disposition),
        };
        let mut appended = Appended { disposition, event_id, leased: Vec::new(), due: Vec::new() };
        if taken.novelty == Novelty::New {
            self.events.push(taken.arrival);
        }
        for delivery in &taken.deliveries {
            let due_at = self.deliveries.push(taken, delivery, ends);
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
        appended
    }

    pub(super) async fn insert(&self, tx: &Connection, leases: Leases) -> Result<(), Failure> {
        tokio::try_join!(biased; self.events.insert(tx), self.deliveries.insert(tx, leases)).map(drop)
    }
}

impl<'a> Events<'a> {
    fn push(&mut self, arrival: &'a Arrival) {
        let event = &arrival.event;
        self.ids.push(key(event.id));
        self.projects.push(key(arrival.project_id));
        self.sources.push(key(arrival.source_id));
        self.types.push(&event.event_type);
        self.webhook_ids.push(&event.webhook_id);
        self.upstream_event_ids.push(event.upstream_event_id.as_deref());
        self.object_ids.push(event.object_id.as_deref());
        self.created_at.push(arrival.received_at.as_unix_ms());
        self.payloads.push(&event.payload);
    }

    async fn insert(&self, tx: &Connection) -> Result<(), Failure> {
        if self.ids.is_empty() {
            return Ok(());
        }
        tx.execute(
            INSERT_EVENTS,
            &[
                &self.ids,
                &self.projects,
                &self.sources,
                &self.types,
                &self.webhook_ids,
                &self.upstream_event_ids,
                &self.object_ids,
                &self.created_at,
                &self.payloads,
            ],
        )
        .await
        .map(drop)
    }
}

impl<'a> Deliveries<'a> {
    /// Says when it is due; `None` if it waits for another one.
    fn push(
        &mut self,
        taken: &'a Taken<'_>,
        delivery: &PlannedDelivery,
        ends: &mut Ends,
    ) -> Option<Timestamp> {
        let arrival = taken.arrival;
        let order = taken.order(delivery);
        let due_at = match order {
            Some((order_key, wait)) => ends.add(delivery.endpoint_id, order_key, wait, arrival.received_at),
            None => Some(arrival.received_at),
        };
        let trigger = match arrival.plan {
            Plan::Route { .. } => Trigger::Event,
            Plan::Test(_) => Trigger::Test,
        };
        self.ids.push(key(delivery.id));
        self.projects.push(key(arrival.project_id));
        self.events.push(key(arrival.event.id));
        self.endpoints.push(key(delivery.endpoint_id));
        self.triggers.push(trigger.as_str());
        self.created_at.push(arrival.received_at.as_unix_ms());
        self.due_at.push(ms(due_at));
        self.lease_tokens
            .push(delivery.lease_expires_at.map_or(0, |_| super::claim::token(FIRST_LEASE_TOKEN)));
        self.lease_ms.push(delivery.lease_expires_at.map(|until| length_ms(arrival.received_at, until)));
        self.urgent.push(arrival.event.max_age.is_some());
        self.expires_at.push(ms(delivery.expires_at));
        self.order_keys.push(order.map(|(order_key, _)| order_key));
        due_at
    }

    async fn insert(&self, tx: &Connection, leases: Leases) -> Result<(), Failure> {
        if self.ids.is_empty() {
            return Ok(());
        }
        tx.execute(
            INSERT_DELIVERIES,
            &[
                &self.ids,
                &self.projects,
                &self.events,
                &self.endpoints,
                &self.triggers,
                &self.created_at,
                &self.due_at,
                &self.lease_tokens,
                &self.lease_ms,
                &self.urgent,
                &self.expires_at,
                &self.order_keys,
                &leases.is_given(),
                &leases.node,
            ],
        )
        .await
        .map(drop)
    }
}
