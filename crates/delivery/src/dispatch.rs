//! Dispatch: an event becomes deliveries, all in one transaction.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringback_domain::{
    AttemptReport, DeliveryId, Endpoint, EndpointId, IdMaker, ProjectId, ReceiptId, SecretId, SourceId,
    Timestamp, Trigger,
};
use ringback_store::{
    Appended, Arrival, Claimed, MAX_BATCH_DELIVERIES, NewEvent, NewReceipt, Plan, PlannedDelivery,
    ProjectConfig, Store, StoreError,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::breaker::BreakerView;
use crate::courier::Place;
use crate::deliverer::{Deliverer, Node, lease_length};

/// The way on which an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// By a call to an ingest URL, which this secret of the source verified.
    Call(SecretId),
    /// By such a call that was refused before, as its receipt says, and is admitted now.
    Admitted(ReceiptId, SecretId),
    /// By the API, whose caller showed a key.
    Published,
}

/// An event that came in and is not stored yet.
#[derive(Debug, Clone)]
pub struct IncomingEvent {
    /// Whose it is.
    pub project_id: ProjectId,
    /// Where it entered.
    pub source_id: SourceId,
    /// How.
    pub entry: Entry,
    /// When it was received, admitted or published.
    pub received_at: Timestamp,
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
    /// What tells a repetition from another event under the same `webhook_id`: the body's SHA-256, or that of
    /// what was asked to be published.
    pub payload_sha256: [u8; 32],
}

/// Why a test brought no report.
#[derive(Debug, thiserror::Error)]
pub enum TestError {
    /// As many tests as are allowed are being made.
    #[error("too many tests of endpoints are being made at once")]
    Busy,
    /// The test's event was not stored, or the attempt was not recorded; the endpoint may be gone.
    #[error("the test was not recorded")]
    Store(#[from] StoreError),
}

/// Turns events into deliveries. Clones are handles to the same one.
#[derive(Clone)]
pub struct Dispatcher {
    store: Arc<dyn Store>,
    ids: Arc<IdMaker>,
    deliverer: Deliverer,
}

/// One transaction holds up every other write while it lasts.
fn check_deliveries(arrivals: &[Arrival]) -> Result<(), StoreError> {
    let planned: usize = arrivals.iter().map(|arrival| arrival.planned().len()).sum();
    if arrivals.len() > 1 && planned > MAX_BATCH_DELIVERIES {
        let noun = "deliveries of one batch (its events times the endpoints that want them: make it smaller)";
        return Err(StoreError::TooMany { noun, max: MAX_BATCH_DELIVERIES });
    }
    Ok(())
}

/// A place reserved for a delivery that is to be born leased.
struct Reserved {
    delivery_id: DeliveryId,
    expires_at: Option<Timestamp>,
    place: Place,
    lease_ends: Instant,
}

/// What the deliverer takes over in memory once the append is durable.
struct Handover {
    project_id: ProjectId,
    webhook_id: String,
    payload: Bytes,
    trigger: Trigger,
    reserved: Vec<Reserved>,
}

impl Dispatcher {
    /// A dispatcher that hands born-leased deliveries to this deliverer.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, ids: Arc<IdMaker>, deliverer: Deliverer) -> Self {
        Self { store, ids, deliverer }
    }

    /// Makes an event and its deliveries durable and sets them going. `Ok` is given after the commit; a
    /// repeated `webhook_id` makes no second event and is no error.
    ///
    /// Once begun it runs to its end even when the caller goes away, so that no delivery is left leased to
    /// nobody.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`] at once when too much waits to be written; nothing was kept then.
    pub async fn dispatch(&self, event: IncomingEvent) -> Result<Appended, StoreError> {
        let this = self.clone();
        self.to_the_end(async move {
            let (arrival, handover) = this.prepare(event)?;
            let appended = this.store.append(arrival).await?;
            this.hand_over(&appended, handover);
            Ok(appended)
        })
        .await
    }

    /// Makes several events and their deliveries durable in one transaction, all or none, and sets them
    /// going. Else as [`dispatch`](Self::dispatch).
    ///
    /// # Errors
    /// As [`dispatch`](Self::dispatch), and [`StoreError::WebhookIdTaken`].
    pub async fn dispatch_all(&self, events: Vec<IncomingEvent>) -> Result<Vec<Appended>, StoreError> {
        let this = self.clone();
        self.to_the_end(async move {
            let prepared = events.into_iter().map(|event| this.prepare(event));
            let (arrivals, handovers): (Vec<_>, Vec<_>) =
                prepared.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
            check_deliveries(&arrivals)?;
            let appended = this.store.append_all(arrivals).await?;
            for (appended, handover) in appended.iter().zip(handovers) {
                this.hand_over(appended, handover);
            }
            Ok(appended)
        })
        .await
    }

    /// Makes an event durable for one endpoint alone, whatever that wants and even if it is paused or
    /// disabled, attempts it once on the ordinary way, and waits for the end of that.
    ///
    /// # Errors
    /// See [`TestError`]. Not that the endpoint did not answer: that is a report.
    pub async fn test(
        &self,
        endpoint: &Endpoint,
        event: IncomingEvent,
    ) -> Result<(Appended, AttemptReport), TestError> {
        let permit = self.node().test_place(endpoint.project_id).ok_or(TestError::Busy)?;
        let length = lease_length(endpoint);
        let planned = PlannedDelivery {
            id: self.ids.next(event.received_at),
            endpoint_id: endpoint.id,
            lease_expires_at: Some(event.received_at.plus(length)),
            // Made now, for whoever waits for it.
            expires_at: None,
            ordering_wait: None,
        };
        let (ended, report) = oneshot::channel();
        let place = Place::Test(permit, ended);
        let handover = Handover {
            project_id: event.project_id,
            webhook_id: event.webhook_id.clone(),
            payload: event.payload.clone(),
            trigger: Trigger::Test,
            reserved: vec![Reserved {
                delivery_id: planned.id,
                expires_at: None,
                place,
                lease_ends: Instant::now() + length,
            }],
        };
        let this = self.clone();
        let arrival = self.arrival(event, None, Plan::Test(planned));
        let appended = self
            .to_the_end(async move {
                let appended = this.store.append(arrival).await?;
                this.hand_over(&appended, handover);
                Ok(appended)
            })
            .await?;
        // Dropped unsent when there was nothing to attempt, or no way to record it.
        let report = report.await.map_err(|_| StoreError::NotFound { noun: "webhook endpoint" })?;
        Ok((appended, report))
    }

    /// Makes the deliverer look at an endpoint at once: something was made due for it.
    pub fn note_due(&self, endpoint_id: EndpointId) {
        self.node().note_due(endpoint_id, self.node().clock.now());
    }

    /// Makes the replayer look at once: a replay was made, or called off.
    pub fn note_replay(&self) {
        self.node().replay_bell.notify_one();
    }

    /// An endpoint's breaker, as this node has it.
    #[must_use]
    pub fn breaker(&self, endpoint_id: EndpointId) -> BreakerView {
        self.node().breaker(endpoint_id)
    }

    /// Runs on although the caller may go away.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.deliverer.node().tasks.spawn(work).await.unwrap_or(Err(StoreError::Closed))
    }

    fn prepare(&self, event: IncomingEvent) -> Result<(Arrival, Handover), StoreError> {
        let config = self.store.config();
        let project = config.project(event.project_id).ok_or(StoreError::NotFound { noun: "project" })?;
        let max_age = project.max_age(&event.event_type);
        let (plan, reserved) = self.plan(project, &event, max_age);
        let handover = Handover {
            project_id: event.project_id,
            webhook_id: event.webhook_id.clone(),
            payload: event.payload.clone(),
            trigger: Trigger::Event,
            reserved,
        };
        Ok((self.arrival(event, max_age, plan), handover))
    }

    fn plan(
        &self,
        project: &ProjectConfig,
        event: &IncomingEvent,
        max_age: Option<Duration>,
    ) -> (Plan, Vec<Reserved>) {
        let mut reserved = Vec::new();
        let deliveries = project
            .route(&event.event_type)
            .map(|endpoint| {
                let id = self.ids.next(event.received_at);
                let planned =
                    PlannedDelivery::new(id, endpoint.id, &endpoint.rules, event.received_at, max_age);
                self.lease_if_free(endpoint, planned, event.received_at, &mut reserved)
            })
            .collect();
        (Plan::Route { generation: project.generation, deliveries }, reserved)
    }

    /// Born leased to this node, if it has a free slot for it.
    fn lease_if_free(
        &self,
        endpoint: &Endpoint,
        planned: PlannedDelivery,
        now: Timestamp,
        reserved: &mut Vec<Reserved>,
    ) -> PlannedDelivery {
        let Some(slot) = self.node().reserve(endpoint) else { return planned };
        let length = lease_length(endpoint);
        reserved.push(Reserved {
            delivery_id: planned.id,
            expires_at: planned.expires_at,
            place: Place::Slot(slot),
            lease_ends: Instant::now() + length,
        });
        PlannedDelivery { lease_expires_at: Some(now.plus(length)), ..planned }
    }

    fn arrival(&self, event: IncomingEvent, max_age: Option<Duration>, plan: Plan) -> Arrival {
        let now = event.received_at;
        Arrival {
            project_id: event.project_id,
            source_id: event.source_id,
            receipt: match event.entry {
                Entry::Call(secret_id) => {
                    Some(NewReceipt { id: self.ids.next(now), admitted: false, secret_id })
                }
                Entry::Admitted(id, secret_id) => Some(NewReceipt { id, admitted: true, secret_id }),
                Entry::Published => None,
            },
            received_at: now,
            event: NewEvent {
                id: self.ids.next(now),
                event_type: event.event_type,
                webhook_id: event.webhook_id,
                upstream_event_id: event.upstream_event_id,
                object_id: event.object_id,
                max_age,
                payload: event.payload,
                payload_sha256: event.payload_sha256,
            },
            plan,
        }
    }

    /// Slots of deliveries that were not born leased after all (a duplicate, a moved configuration) are given
    /// back by drop.
    fn hand_over(&self, appended: &Appended, handover: Handover) {
        let now = self.node().clock.now();
        let Handover { project_id, webhook_id, payload, trigger, reserved } = handover;
        for Reserved { delivery_id, expires_at, place, lease_ends } in reserved {
            let Some((_, endpoint_id, lease)) = appended.leased.iter().find(|(id, ..)| *id == delivery_id)
            else {
                continue;
            };
            let claimed = Claimed {
                project_id,
                delivery_id,
                endpoint_id: *endpoint_id,
                trigger,
                event_id: appended.event_id,
                webhook_id: webhook_id.clone(),
                payload: payload.clone(),
                attempt_count: 0,
                first_attempt_at: None,
                due_at: now,
                urgent: false,
                expires_at,
                lease: *lease,
            };
            self.node().take_over(claimed, place, lease_ends);
        }
        for endpoint_id in &appended.due {
            self.node().note_due(*endpoint_id, now);
        }
    }

    fn node(&self) -> &Arc<Node> {
        self.deliverer.node()
    }
}
