//! What the deliverer takes from the store and gives back.

use std::time::Duration;

use bytes::Bytes;
use ringback_domain::endpoint_health::HealthChange;
use ringback_domain::retry::NextStep;
use ringback_domain::{Attempt, DeliveryId, EndpointId, EventId, ProjectId, Timestamp, Trigger};

/// An endpoint that has work waiting, not counting what is under a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueEndpoint {
    /// Which.
    pub endpoint_id: EndpointId,
    /// When its earliest delivery is due; may lie in the future.
    pub due_at: Timestamp,
}

/// The right to attempt a delivery, for a while. It saves duplicate work and promises nothing: whoever held
/// it before may still be sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Raised by each claim; a finish names the one it was made under.
    pub token: u64,
    /// When others may claim the delivery.
    pub expires_at: Timestamp,
}

/// How much longer than an endpoint's time-out a lease lasts: room for queueing before the attempt and for
/// recording after.
pub const LEASE_SLACK: Duration = Duration::from_secs(30);

/// A delivery claimed for one attempt.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Whose it is.
    pub project_id: ProjectId,
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
    /// Since when it was due.
    pub due_at: Timestamp,
    /// Whether it goes before what is not.
    pub urgent: bool,
    /// When it is too old to be attempted.
    pub expires_at: Option<Timestamp>,
    /// The lease it was claimed under.
    pub lease: Lease,
}

/// A claimed delivery that is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unattempted {
    /// Whose it is.
    pub project_id: ProjectId,
    /// Which.
    pub delivery_id: DeliveryId,
    /// The token of the lease it was claimed under.
    pub lease_token: u64,
}

/// What an attempt says about its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointNote {
    /// Which.
    pub endpoint_id: EndpointId,
    /// The URL that was called. What it answered says nothing of another URL that the endpoint has been given
    /// since.
    pub url: String,
    /// Since when it was failing, as far as was known when the attempt began. If something else has been
    /// found out since, the note is void, unless the endpoint is gone.
    pub failing_since: Option<Timestamp>,
    /// What to remember, or to do.
    pub change: HealthChange,
}

/// The end of one attempt: recorded together with the delivery's next state, in one transaction.
#[derive(Debug, Clone)]
pub struct Finish {
    /// Whose it is.
    pub project_id: ProjectId,
    /// The delivery.
    pub delivery_id: DeliveryId,
    /// The token of the lease that the attempt was made under.
    pub lease_token: u64,
    /// The attempt.
    pub attempt: Attempt,
    /// What follows, if the lease still holds. A stale finish only records its attempt, unless it brings
    /// success: that ends a pending delivery whoever reports it.
    pub next: NextStep,
    /// What it says about the endpoint, whether the lease holds or not. Written in the same transaction on
    /// SQLite; on PostgreSQL right after it, together with what else is to be said, if it can be written: a
    /// later attempt says it again.
    pub endpoint: Option<EndpointNote>,
    /// When the attempt ended.
    pub now: Timestamp,
}

/// What a finish brought about beside the delivery's own next state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Finished {
    /// When the delivery is due that had waited for this one in its order, if there is one.
    pub next_in_order_at: Option<Timestamp>,
    /// Whether the endpoint was disabled by it.
    pub disabled: bool,
}
