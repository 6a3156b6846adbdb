//! One event on its way to one endpoint.

use crate::words::words;
use crate::{DeliveryId, EndpointId, EventId, ReplayId, Timestamp};

/// Where a delivery stands. See `docs/STATE_MACHINE.md`; the database's constraints say the same.
///
/// Being under way is not a state: it is a lease, two columns that only save duplicate work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// To be attempted when due, and held while its endpoint is paused or disabled, or until the delivery
    /// before it in its order has ended.
    Pending,
    /// An attempt was answered 2xx. Final.
    Delivered,
    /// An attempt failed with nothing further on the schedule. Final.
    Dead,
    /// It was called off, by hand or because its endpoint was deleted. Final.
    Cancelled,
}

words!("delivery state", DeliveryState {
    Pending = "pending",
    Delivered = "delivered",
    Dead = "dead",
    Cancelled = "cancelled",
});

impl DeliveryState {
    /// Whether nothing can follow.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Pending)
    }
}

/// Why a delivery exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// The event was dispatched to an endpoint that wanted it.
    Event,
    /// A person sent this one again.
    Redelivery,
    /// A replay sent many again.
    Replay,
    /// A person tested the endpoint: one attempt, never retried.
    Test,
}

words!("delivery trigger", Trigger {
    Event = "event",
    Redelivery = "redelivery",
    Replay = "replay",
    Test = "test",
});

/// Why a delivery ended as `dead` or `cancelled`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Dead: the last attempt of the schedule failed.
    ScheduleExhausted,
    /// Dead: it was answered with a status that its endpoint names as final.
    NoRetryStatus,
    /// Dead: its receiver asked for no further attempt (`webhook-delivery: abort-message`).
    Aborted,
    /// Dead: it was older than its type or its endpoint allows, before an attempt or for the next one.
    Expired,
    /// Dead: the operator's hard limit on retention removed its event.
    Retention,
    /// Cancelled: its endpoint was deleted.
    EndpointDeleted,
    /// Cancelled: a person called it off.
    Requested,
}

words!("end reason", EndReason {
    ScheduleExhausted = "schedule_exhausted",
    NoRetryStatus = "no_retry_status",
    Aborted = "aborted",
    Expired = "expired",
    Retention = "retention",
    EndpointDeleted = "endpoint_deleted",
    Requested = "requested",
});

/// A delivery as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// `whd_…`.
    pub id: DeliveryId,
    /// What is delivered.
    pub event_id: EventId,
    /// Where to.
    pub endpoint_id: EndpointId,
    /// Why it exists.
    pub trigger: Trigger,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it ended, if it is dead or cancelled.
    pub end_reason: Option<EndReason>,
    /// How many attempts its schedule has used up.
    pub attempt_count: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the next attempt is due; `None` once it is final, and while it waits for the one before it in its
    /// order.
    pub due_at: Option<Timestamp>,
    /// When it is too old to be attempted.
    pub expires_at: Option<Timestamp>,
    /// The replay that made it.
    pub replay_id: Option<ReplayId>,
    /// When it became final.
    pub finished_at: Option<Timestamp>,
    /// Whether an attempt is under way, as far as its lease says.
    pub in_flight: bool,
}
