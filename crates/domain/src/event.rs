//! The thing that happened.

use bytes::Bytes;

use crate::words::words;
use crate::{DeliveryState, EndpointId, EventId, ProjectId, SourceId, Timestamp};

/// Where an event stands, derived from its deliveries and never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventState {
    /// No endpoint wanted it: it is kept, and visible.
    Unrouted,
    /// At least one delivery is still to be made.
    Pending,
    /// None is pending, and at least one has failed for good.
    Dead,
    /// None is pending or dead, and at least one was made.
    Delivered,
    /// Every delivery was cancelled.
    Cancelled,
}

words!("event state", EventState {
    Unrouted = "unrouted",
    Pending = "pending",
    Dead = "dead",
    Delivered = "delivered",
    Cancelled = "cancelled",
});

impl EventState {
    /// The state of an event whose deliveries to these endpoints stand so. What went to the other URL of a
    /// replay is not among them.
    ///
    /// What an endpoint has got it has got: other deliveries of the event to it that ended otherwise do not
    /// count any more.
    #[must_use]
    pub fn derive(deliveries: &[(EndpointId, DeliveryState)]) -> Self {
        let has_got = |endpoint: EndpointId| deliveries.contains(&(endpoint, DeliveryState::Delivered));
        deliveries
            .iter()
            .filter(|(endpoint, state)| {
                matches!(state, DeliveryState::Pending | DeliveryState::Delivered) || !has_got(*endpoint)
            })
            .map(|(_, state)| match state {
                DeliveryState::Pending => Self::Pending,
                DeliveryState::Dead => Self::Dead,
                DeliveryState::Delivered => Self::Delivered,
                DeliveryState::Cancelled => Self::Cancelled,
            })
            .min_by_key(|state| Self::ALL.iter().position(|s| s == state))
            .unwrap_or(Self::Unrouted)
    }
}

/// An event as stored, without its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// `whev_…`.
    pub id: EventId,
    /// Whose it is.
    pub project_id: ProjectId,
    /// Where it entered.
    pub source_id: SourceId,
    /// The `type` of the body, an open string.
    pub event_type: String,
    /// The `webhook-id` it came with, and goes on with over every attempt.
    pub webhook_id: String,
    /// The `id` of the body (`evt_…`), if it has an indexable one.
    pub upstream_event_id: Option<String>,
    /// What it is about: `data.id`, else `data.call_id`, else `data.session_id`, if indexable.
    pub object_id: Option<String>,
    /// Size of the payload in bytes.
    pub payload_bytes: u64,
    /// When Ringback took it.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: EventState,
}

/// The bytes that were received, never changed.
pub type Payload = Bytes;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TypedId;
    use DeliveryState::{Cancelled, Dead, Delivered, Pending};

    #[test]
    fn the_state_that_wants_attention_wins() {
        let [a, b] = [1, 2].map(|n| EndpointId::from_bytes([n; 16]));
        let cases: [(&[(EndpointId, DeliveryState)], EventState); 10] = [
            (&[], EventState::Unrouted),
            (&[(a, Delivered), (b, Pending), (b, Dead)], EventState::Pending),
            (&[(a, Delivered), (b, Dead), (b, Cancelled)], EventState::Dead),
            (&[(a, Cancelled), (b, Delivered)], EventState::Delivered),
            (&[(a, Cancelled), (b, Cancelled)], EventState::Cancelled),
            (&[(a, Delivered)], EventState::Delivered),
            (&[(a, Dead)], EventState::Dead),
            (&[(a, Dead), (a, Delivered)], EventState::Delivered),
            (&[(a, Delivered), (a, Dead)], EventState::Delivered),
            (&[(a, Dead), (a, Delivered), (b, Dead)], EventState::Dead),
        ];
        for (deliveries, expected) in cases {
            assert_eq!(EventState::derive(deliveries), expected, "{deliveries:?}");
        }
    }
}
