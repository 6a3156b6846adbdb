//! Dispatch: an event becomes deliveries, all in one transaction.

use std::sync::Arc;

use bytes::Bytes;
use ringback_domain::{
    DeliveryId, Endpoint, IdMaker, ProjectId, ReceiptId, SecretId, SourceId, Timestamp, Trigger,
};
use ringback_store::{
    Appended, Arrival, Claimed, NewEvent, Plan, PlannedDelivery, ProjectConfig, Store, StoreError,
};
use tokio::time::Instant;

use crate::deliverer::{Deliverer, Node, lease_length};
use crate::slots::Slot;

/// A verified call.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    /// Whose it is.
    pub project_id: ProjectId,
    /// Where it entered.
    pub source_id: SourceId,
    /// Which of the source's secrets verified it.
    pub secret_id: SecretId,
    /// When it was received, or admitted.
    pub received_at: Timestamp,
    /// The receipt of this call, if it was refused before and is admitted now.
    pub admits: Option<ReceiptId>,
    /// The `type` of the body.
    pub event_type: String,
    /// The `webhook-id` header, indexable.
    pub webhook_id: String,
    /// The body's own `id`, if indexable.
    pub upstream_event_id: Option<String>,
    /// What it is about, if indexable.
    pub object_id: Option<String>,
    /// The body, byte for byte.
    pub payload: Bytes,
    /// Its SHA-256.
    pub payload_sha256: [u8; 32],
}

/// Turns events into deliveries. Clones are handles to the same one.
#[derive(Clone)]
pub struct Dispatcher {
    store: Arc<dyn Store>,
    ids: Arc<IdMaker>,
    deliverer: Deliverer,
}

/// A slot reserved for a delivery that is to be born leased.
struct Reserved {
    delivery_id: DeliveryId,
    slot: Slot,
    lease_ends: Instant,
}

impl Dispatcher {
    /// A dispatcher that hands born-leased deliveries to this deliverer.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ids: Arc<IdMaker>, deliverer: Deliverer) -> Self {
        Self { store, ids, deliverer }
    }

    /// Makes an event and its deliveries durable and sets them going. `Ok` is given after the commit; a repeated `webhook_id`
    /// makes no second event and is no error.
    ///
    /// Once begun it runs to its end even when the caller goes away, so that no delivery is left leased to nobody.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] at once when too much waits to be written; nothing was kept then.
    pub async fn dispatch(&self, event: IncomingEvent) -> Result<Appended, StoreError> {
        let this = self.clone();
        let task = self.deliverer.node().tasks.spawn(async move { this.run(event).await });
        task.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn run(&self, event: IncomingEvent) -> Result<Appended, StoreError> {
        let config = self.store.config();
        let project = config.project(event.project_id).ok_or(StoreError::NotFound { noun: "project" })?;
        let (plan, reserved) = self.plan(project, &event);
        let (webhook_id, payload) = (event.webhook_id.clone(), event.payload.clone());
        let appended = self.store.append(self.arrival(event, plan)).await?;
        self.hand_over(&appended, reserved, &webhook_id, &payload);
        Ok(appended)
    }

    fn plan(&self, project: &ProjectConfig, event: &IncomingEvent) -> (Plan, Vec<Reserved>) {
        let mut reserved = Vec::new();
        let deliveries = project
            .route(&event.event_type)
            .map(|endpoint| self.plan_one(endpoint, event.received_at, &mut reserved))
            .collect();
        (Plan { generation: project.generation, deliveries }, reserved)
    }

    fn plan_one(&self, endpoint: &Endpoint, now: Timestamp, reserved: &mut Vec<Reserved>) -> PlannedDelivery {
        let id = self.ids.next(now);
        let length = lease_length(endpoint);
        let lease_expires_at = self.node().reserve(endpoint).map(|slot| {
            reserved.push(Reserved { delivery_id: id, slot, lease_ends: Instant::now() + length });
            now.plus(length)
        });
        PlannedDelivery { id, endpoint_id: endpoint.id, lease_expires_at }
    }

    fn arrival(&self, event: IncomingEvent, plan: Plan) -> Arrival {
        let now = event.received_at;
        Arrival {
            receipt_id: event.admits.unwrap_or_else(|| self.ids.next(now)),
            admitted: event.admits.is_some(),
            project_id: event.project_id,
            source_id: event.source_id,
            secret_id: event.secret_id,
            received_at: now,
            event: NewEvent {
                id: self.ids.next(now),
                event_type: event.event_type,
                webhook_id: event.webhook_id,
                upstream_event_id: event.upstream_event_id,
                object_id: event.object_id,
                payload: event.payload,
                payload_sha256: event.payload_sha256,
            },
            plan,
        }
    }

    /// Slots of deliveries that were not born leased after all (a duplicate, a moved configuration) are given back by drop.
    fn hand_over(&self, appended: &Appended, reserved: Vec<Reserved>, webhook_id: &str, payload: &Bytes) {
        for Reserved { delivery_id, slot, lease_ends } in reserved {
            let Some((_, endpoint_id, lease)) = appended.leased.iter().find(|(id, ..)| *id == delivery_id)
            else {
                continue;
            };
            let claimed = Claimed {
                delivery_id,
                endpoint_id: *endpoint_id,
                trigger: Trigger::Event,
                event_id: appended.event_id,
                webhook_id: webhook_id.to_owned(),
                payload: payload.clone(),
                attempt_count: 0,
                first_attempt_at: None,
                lease: *lease,
            };
            self.node().take_over(claimed, slot, lease_ends);
        }
        let now = self.node().clock.now();
        for endpoint_id in &appended.due {
            self.node().note_due(*endpoint_id, now);
        }
    }

    fn node(&self) -> &Arc<Node> {
        self.deliverer.node()
    }
}
