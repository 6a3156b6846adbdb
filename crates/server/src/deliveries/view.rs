//! A delivery and its attempts as the API shows them.

use std::borrow::Cow;

use ringback_domain::{
    Attempt, AttemptId, Delivery, DeliveryId, EndReason, EndpointId, EventId, ReplayId, Timestamp,
};
use ringback_store::{DeliveryDetail, DeliveryFound, DeliveryRecord};
use serde::Serialize;

use super::held::Holds;
use crate::json::Text;

/// The object `webhook_delivery`.
#[derive(Serialize)]
pub(crate) struct DeliveryView<'a> {
    id: Text<DeliveryId>,
    object: &'static str,
    created_at: i64,
    event_id: Text<EventId>,
    endpoint_id: Text<EndpointId>,
    trigger: &'static str,
    replay_id: Option<Text<ReplayId>>,
    state: &'static str,
    end_reason: Option<&'static str>,
    attempt_count: u32,
    /// `null` once it is final, and while it waits for the one before it in its order.
    next_attempt_at: Option<i64>,
    /// When it is too old to be attempted.
    expires_at: Option<i64>,
    in_flight: bool,
    /// What keeps a pending one back: `endpoint_disabled`, `endpoint_paused`, `breaker` or `order`.
    held_by: Option<&'static str>,
    finished_at: Option<i64>,
    /// Left out within the event itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventGist<'a>>,
    /// Oldest first; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<Vec<AttemptView<'a>>>,
}

/// What is delivered, in brief.
#[derive(Serialize)]
struct EventGist<'a> {
    r#type: &'a str,
    webhook_id: &'a str,
    object_id: Option<&'a str>,
}

/// The object `webhook_attempt`.
#[derive(Serialize)]
struct AttemptView<'a> {
    id: Text<AttemptId>,
    object: &'static str,
    number: u32,
    outcome: &'static str,
    status_code: Option<u16>,
    error: Option<&'a str>,
    started_at: i64,
    duration_ms: u32,
    /// The start of the answer as text; what is not UTF-8 is shown as replacement characters.
    response_body: Cow<'a, str>,
}

impl<'a> DeliveryView<'a> {
    /// As a list shows it.
    pub(crate) fn of(record: &'a DeliveryRecord, holds: &Holds<'_>) -> Self {
        let event = EventGist {
            r#type: &record.event_type,
            webhook_id: &record.webhook_id,
            object_id: record.object_id.as_deref(),
        };
        Self { event: Some(event), ..Self::bare(&record.delivery, holds) }
    }

    /// With its attempts.
    pub(crate) fn whole(found: &'a DeliveryFound, holds: &Holds<'_>) -> Self {
        Self { attempts: Some(AttemptView::all(&found.attempts)), ..Self::of(&found.record, holds) }
    }

    /// With its attempts, as its event shows it.
    pub(crate) fn within_event(detail: &'a DeliveryDetail, holds: &Holds<'_>) -> Self {
        Self { attempts: Some(AttemptView::all(&detail.attempts)), ..Self::bare(&detail.delivery, holds) }
    }

    fn bare(delivery: &Delivery, holds: &Holds<'_>) -> Self {
        Self {
            id: Text(delivery.id),
            object: "webhook_delivery",
            created_at: delivery.created_at.as_unix_secs(),
            event_id: Text(delivery.event_id),
            endpoint_id: Text(delivery.endpoint_id),
            trigger: delivery.trigger.as_str(),
            replay_id: delivery.replay_id.map(Text),
            state: delivery.state.as_str(),
            end_reason: delivery.end_reason.map(EndReason::as_str),
            attempt_count: delivery.attempt_count,
            next_attempt_at: delivery.due_at.map(Timestamp::as_unix_secs),
            expires_at: delivery.expires_at.map(Timestamp::as_unix_secs),
            in_flight: delivery.in_flight,
            held_by: holds.of(delivery),
            finished_at: delivery.finished_at.map(Timestamp::as_unix_secs),
            event: None,
            attempts: None,
        }
    }
}

impl<'a> AttemptView<'a> {
    fn all(attempts: &'a [Attempt]) -> Vec<Self> {
        attempts.iter().map(Self::of).collect()
    }

    fn of(attempt: &'a Attempt) -> Self {
        let report = &attempt.report;
        Self {
            id: Text(attempt.id),
            object: "webhook_attempt",
            number: attempt.number,
            outcome: report.outcome.as_str(),
            status_code: report.status_code,
            error: report.error.as_deref(),
            started_at: report.started_at.as_unix_secs(),
            duration_ms: report.duration_ms,
            response_body: String::from_utf8_lossy(&report.response_body),
        }
    }
}
