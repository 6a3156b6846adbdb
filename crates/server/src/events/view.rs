//! An event as the API shows it.

use ringback_domain::{EventId, EventRecord, SourceId};
use ringback_store::EventDetail;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::deliveries::{DeliveryView, Holds};
use crate::json::Text;

/// The object `webhook_event`, as a list shows it.
#[derive(Serialize)]
pub(super) struct EventView<'a> {
    id: Text<EventId>,
    object: &'static str,
    created_at: i64,
    r#type: &'a str,
    source_id: Text<SourceId>,
    webhook_id: &'a str,
    upstream_event_id: Option<&'a str>,
    object_id: Option<&'a str>,
    payload_bytes: u64,
    state: &'static str,
}

/// The same object, whole.
#[derive(Serialize)]
pub(super) struct EventDetailView<'a> {
    #[serde(flatten)]
    event: EventView<'a>,
    /// The JSON that came in, with its own order of keys and its own spelling of numbers.
    payload: &'a RawValue,
    /// Oldest first.
    deliveries: Vec<DeliveryView<'a>>,
}

impl<'a> EventView<'a> {
    pub(super) fn of(event: &'a EventRecord) -> Self {
        Self {
            id: Text(event.id),
            object: "webhook_event",
            created_at: event.created_at.as_unix_secs(),
            r#type: &event.event_type,
            source_id: Text(event.source_id),
            webhook_id: &event.webhook_id,
            upstream_event_id: event.upstream_event_id.as_deref(),
            object_id: event.object_id.as_deref(),
            payload_bytes: event.payload_bytes,
            state: event.state.as_str(),
        }
    }
}

impl<'a> EventDetailView<'a> {
    pub(super) fn of(detail: &'a EventDetail, payload: &'a RawValue, holds: &Holds<'_>) -> Self {
        Self {
            event: EventView::of(&detail.event),
            payload,
            deliveries: detail.deliveries.iter().map(|it| DeliveryView::within_event(it, holds)).collect(),
        }
    }
}
