//! A delivery and its attempts as the API shows them.

use std::borrow::Cow;

use ringback_domain::{Attempt, AttemptId, DeliveryId, EndReason, EndpointId, EventId, Timestamp};
use ringback_store::DeliveryDetail;
use serde::Serialize;

use crate::json::Text;

/// The object `webhook_delivery`.
#[derive(Serialize)]
pub(super) struct DeliveryView<'a> {
    id: Text<DeliveryId>,
    object: &'static str,
    created_at: i64,
    event_id: Text<EventId>,
    endpoint_id: Text<EndpointId>,
    trigger: &'static str,
    state: &'static str,
    end_reason: Option<&'static str>,
    attempt_count: u32,
    next_attempt_at: Option<i64>,
    in_flight: bool,
    finished_at: Option<i64>,
    /// Oldest first.
    attempts: Vec<AttemptView<'a>>,
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
    pub(super) fn of(detail: &'a DeliveryDetail) -> Self {
        let delivery = &detail.delivery;
        Self {
            id: Text(delivery.id),
            object: "webhook_delivery",
            created_at: delivery.created_at.as_unix_secs(),
            event_id: Text(delivery.event_id),
            endpoint_id: Text(delivery.endpoint_id),
            trigger: delivery.trigger.as_str(),
            state: delivery.state.as_str(),
            end_reason: delivery.end_reason.map(EndReason::as_str),
            attempt_count: delivery.attempt_count,
            next_attempt_at: delivery.due_at.map(Timestamp::as_unix_secs),
            in_flight: delivery.in_flight,
            finished_at: delivery.finished_at.map(Timestamp::as_unix_secs),
            attempts: detail.attempts.iter().map(AttemptView::of).collect(),
        }
    }
}

impl<'a> AttemptView<'a> {
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
