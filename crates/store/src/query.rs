//! What the API asks of the store, and the records it gets.

use ringback_domain::{
    Attempt, Delivery, DeliveryId, DeliveryState, EndpointId, EventId, EventRecord, ReplayId,
};

/// Which events are wanted. Empty: all of the project's.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    /// Only this type. Both spellings of OpenAI's cancelled eval run find either.
    pub event_type: Option<String>,
    /// Only those about this object.
    pub object_id: Option<String>,
}

/// An event with everything that was done for it.
#[derive(Debug, Clone)]
pub struct EventDetail {
    /// The event.
    pub event: EventRecord,
    /// Its deliveries, oldest first.
    pub deliveries: Vec<DeliveryDetail>,
}

/// A delivery with its attempts.
#[derive(Debug, Clone)]
pub struct DeliveryDetail {
    /// The delivery.
    pub delivery: Delivery,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// Which deliveries are wanted. Empty: all of the project's.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    /// Only those to this endpoint.
    pub endpoint_id: Option<EndpointId>,
    /// Only those of this event.
    pub event_id: Option<EventId>,
    /// Only those that this replay made.
    pub replay_id: Option<ReplayId>,
    /// Only those that stand so.
    pub state: Option<DeliveryState>,
}

/// A delivery, and what its event is.
#[derive(Debug, Clone)]
pub struct DeliveryRecord {
    /// The delivery.
    pub delivery: Delivery,
    /// The event's type.
    pub event_type: String,
    /// The `webhook-id` header, the same over every attempt.
    pub webhook_id: String,
    /// What the event is about.
    pub object_id: Option<String>,
}

/// A delivery with everything that was done for it.
#[derive(Debug, Clone)]
pub struct DeliveryFound {
    /// The delivery.
    pub record: DeliveryRecord,
    /// Its attempts, oldest first.
    pub attempts: Vec<Attempt>,
}

/// A delivery that a person asks for: an event to an endpoint, again or for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redelivery {
    /// The id it gets.
    pub id: DeliveryId,
    /// What is delivered.
    pub event_id: EventId,
    /// Where to.
    pub endpoint_id: EndpointId,
}

/// How many deliveries stand how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryCounts {
    /// Waiting, due or under way.
    pub pending: u64,
    /// Arrived.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
    /// Called off.
    pub cancelled: u64,
}

/// How much work waits in a project, and how much was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Deliveries waiting to be due or for others in their order, or held.
    pub pending: u64,
    /// Deliveries with an attempt under way, as far as their leases say.
    pub in_flight: u64,
    /// Deliveries that were given up and are still kept.
    pub dead: u64,
}
