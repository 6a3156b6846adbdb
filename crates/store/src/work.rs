//! What the deliverer takes from the store and gives back.

use std::time::Duration;

use bytes::Bytes;
use ringback_domain::retry::NextStep;
use ringback_domain::{Attempt, DeliveryId, EndpointId, EventId, Timestamp, Trigger};

/// An endpoint that has work waiting, not counting what is under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueEndpoint {
    /// Which.
    pub endpoint_id: EndpointId,
    /// When its earliest delivery is due; may lie in the future.
    pub due_at: Timestamp,
}

/// The right to attempt a delivery, for a while. It saves duplicate work and promises nothing: whoever held it before may
/// still be sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Raised by each claim; a finish names the one it was made under.
    pub token: u64,
    /// When others may claim the delivery.
    pub expires_at: Timestamp,
}

/// How much longer than an endpoint's time-out a lease lasts: room for queueing before the attempt and for recording after.
pub const LEASE_SLACK: Duration = Duration::from_secs(30);

/// A delivery claimed for one attempt.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Which.
    pub delivery_id: DeliveryId,
    /// Where it goes.
    pub endpoint_id: EndpointId,
    /// Why it exists.
    pub trigger: Trigger,
    /// What it carries.
    pub event_id: EventId,
    /// The `webhook-id` header, the same over every attempt.
    pub webhook_id: String,
    /// The body to send, byte for byte.
    pub payload: Bytes,
    /// Attempts already made.
    pub attempt_count: u32,
    /// When the first of them began.
    pub first_attempt_at: Option<Timestamp>,
    /// The lease it was claimed under.
    pub lease: Lease,
}

/// The end of one attempt: recorded together with the delivery's next state, in one transaction.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The token of the lease that the attempt was made under.
    pub lease_token: u64,
    /// The attempt.
    pub attempt: Attempt,
    /// What follows, if the lease still holds. A stale finish only records its attempt, unless it brings success: that ends
    /// a pending delivery whoever reports it.
    pub next: NextStep,
    /// When the attempt ended.
    pub now: Timestamp,
}
