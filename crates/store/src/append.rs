//! What ingest hands to the store, and what it gets back.

use bytes::Bytes;
use ringback_domain::{
    DeliveryId, Disposition, EndpointId, EventId, ProjectId, ReceiptId, SecretId, SourceId, Timestamp,
};

use crate::work::Lease;

/// A verified call, ready to be made durable: its receipt, its event and the deliveries planned for it.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The id of the call itself.
    pub receipt_id: ReceiptId,
    /// Whether that is the receipt of a call that was refused before and is admitted now; else it is a new one.
    pub admitted: bool,
    /// Whose it is.
    pub project_id: ProjectId,
    /// Where it entered.
    pub source_id: SourceId,
    /// Which of the source's secrets verified it.
    pub secret_id: SecretId,
    /// When it was received, or admitted.
    pub received_at: Timestamp,
    /// What happened. Stored only if its `webhook_id` is new on the source.
    pub event: NewEvent,
    /// Where it goes, as far as the caller knows.
    pub plan: Plan,
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
    /// The body, byte for byte.
    pub payload: Bytes,
    /// The SHA-256 of the body, to tell a duplicate with other bytes.
    pub payload_sha256: [u8; 32],
}

/// Which endpoints an event goes to, by a configuration of a known generation.
///
/// The append re-reads the project's generation in its own transaction. If it moved, the plan is discarded and the event is
/// routed again there, so that an endpoint deleted a moment ago gets nothing and one added a moment ago misses nothing.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The generation of the configuration that the plan was made with.
    pub generation: u64,
    /// One for each endpoint that wants the event.
    pub deliveries: Vec<PlannedDelivery>,
}

/// A delivery to be born.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedDelivery {
    /// The id it gets.
    pub id: DeliveryId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// Set when the caller's own deliverer takes it over in memory right after the commit ("born leased"); it must have
    /// reserved a slot for it beforehand. `None`: it is born due, for whoever claims it.
    pub lease_expires_at: Option<Timestamp>,
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
    /// The endpoints for which a delivery was born due.
    pub due: Vec<EndpointId>,
}
