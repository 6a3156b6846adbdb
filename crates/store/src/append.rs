//! What ingest and the publish API hand to the store, and what they get back.

use std::time::Duration;

use bytes::Bytes;
use ringback_domain::{
    DeliveryId, DeliveryRules, Disposition, EndpointId, EventId, Ordering, ProjectId, ReceiptId, SecretId,
    SourceId, Timestamp,
};

use crate::work::Lease;

/// How many planned deliveries several events of one call may come to, and one transaction takes, beside the
/// last write: an event may go to ten thousand endpoints, and whoever is behind it in the queue waits for all
/// of them.
pub const MAX_BATCH_DELIVERIES: usize = 20_000;

/// What arrived, ready to be made durable: its event, the deliveries planned for it, and the receipt of the
/// call that brought it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Whose it is.
    pub project_id: ProjectId,
    /// Where it entered.
    pub source_id: SourceId,
    /// The call to an ingest URL that brought it; `None` for what was published.
    pub receipt: Option<NewReceipt>,
    /// When it was received, admitted or published.
    pub received_at: Timestamp,
    /// What happened. Stored only if its `webhook_id` is new on the source.
    pub event: NewEvent,
    /// Where it goes, as far as the caller knows.
    pub plan: Plan,
}

impl Arrival {
    /// The deliveries that the caller has planned.
    #[must_use]
    pub fn planned(&self) -> &[PlannedDelivery] {
        match &self.plan {
            Plan::Route { deliveries, .. } => deliveries,
            Plan::Test(delivery) => std::slice::from_ref(delivery),
        }
    }
}

/// The receipt of a verified call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewReceipt {
    /// The id of the call itself.
    pub id: ReceiptId,
    /// Whether that is the receipt of a call that was refused before and is admitted now; else it is a new
    /// one.
    pub admitted: bool,
    /// Which of the source's secrets verified it.
    pub secret_id: SecretId,
}

/// An event that may be new.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The id it gets if it is new.
    pub id: EventId,
    /// The `type` of the body.
    pub event_type: String,
    /// The `webhook-id` header: indexable, the key of deduplication.
    pub webhook_id: String,
    /// The body's own `id`, if indexable.
    pub upstream_event_id: Option<String>,
    /// What it is about, if indexable.
    pub object_id: Option<String>,
    /// How old an event of this type may be when it is attempted. What ages goes first.
    pub max_age: Option<Duration>,
    /// The body, byte for byte.
    pub payload: Bytes,
    /// The SHA-256 of what tells a repetition from another event under the same `webhook_id`: of the body, or
    /// of what was asked to be published.
    pub payload_sha256: [u8; 32],
}

/// Which endpoints an event goes to.
#[derive(Debug, Clone)]
pub enum Plan {
    /// To those that want it, by a configuration of a known generation.
    ///
    /// The append re-reads the project's generation in its own transaction. If it moved, the plan is
    /// discarded and the event is routed again there, so that an endpoint deleted a moment ago gets nothing
    /// and one added a moment ago misses nothing.
    Route {
        /// The generation of the configuration that the plan was made with.
        generation: u64,
        /// One for each endpoint that wants the event.
        deliveries: Vec<PlannedDelivery>,
    },
    /// To one endpoint alone, whatever it wants and also while it is paused or disabled: a test of it.
    Test(PlannedDelivery),
}

/// A delivery to be born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedDelivery {
    /// The id it gets.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// Set when the caller's own deliverer takes it over in memory right after the commit ("born leased"); it
    /// must have reserved a slot for it beforehand. `None`: it is born due, for whoever claims it.
    pub lease_expires_at: Option<Timestamp>,
    /// When it is too old to be attempted.
    pub expires_at: Option<Timestamp>,
    /// How long it waits for the one before it, if its endpoint wants an object's deliveries in order; such a
    /// delivery is born due.
    pub ordering_wait: Option<Duration>,
}

impl PlannedDelivery {
    /// A delivery of an event that came at `received_at` and may be `type_max_age` old, as the endpoint's
    /// rules have it; born due.
    #[must_use]
    pub fn new(
        id: DeliveryId,
        endpoint_id: EndpointId,
        rules: &DeliveryRules,
        received_at: Timestamp,
        type_max_age: Option<Duration>,
    ) -> Self {
        Self {
            id,
            endpoint_id,
            lease_expires_at: None,
            expires_at: rules.max_age(type_max_age).map(|age| received_at.plus(age)),
            ordering_wait: (rules.ordering == Ordering::Object).then(|| rules.ordering_wait()),
        }
    }
}

/// What became of an [`Arrival`]. Durable when given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Accepted, or a duplicate of what event.
    pub disposition: Disposition,
    /// The event: the new one, or the one this call repeats.
    pub event_id: EventId,
    /// The deliveries that were born leased to the caller.
    pub leased: Vec<(DeliveryId, EndpointId, Lease)>,
    /// The endpoints for which a delivery was born due; not those for which one waits for another in its
    /// order.
    pub due: Vec<EndpointId>,
}
