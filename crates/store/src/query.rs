//! What the API asks of the store, and the records it gets.

use ringback_domain::{Attempt, Delivery, EventRecord};

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

/// How much work waits in a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Deliveries waiting to be due, or held.
    pub pending: u64,
    /// Deliveries with an attempt under way, as far as their leases say.
    pub in_flight: u64,
}
