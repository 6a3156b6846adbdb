//! `POST /v1/webhook_endpoints/{id}/test {event_type}`: one attempt with a sample event, on the ordinary way.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use ringback_delivery::TestError;
use ringback_domain::{AttemptOutcome, AttemptReport, EndpointId, EventId, Timestamp};
use ringback_webhook::{catalogue, event_type};
use serde::Serialize;
use serde_json::value::RawValue;

use super::subscription;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{JsonBody, required};
use crate::json::{self, Text};
use crate::parts::{App, Shared};
use crate::path_id::PathId;
use crate::publish::{self, Publication};
use crate::random;

/// OpenAI's object `webhook_endpoint.test`, and after it Ringback's fields.
#[derive(Serialize)]
struct TestView<'a> {
    object: &'static str,
    webhook_endpoint_id: Text<EndpointId>,
    event_type: &'a str,
    status_code: u16,
    /// Whether there was an answer; `status_code` says which.
    success: bool,
    event_id: Text<EventId>,
    duration_ms: u32,
}

/// Whatever the endpoint subscribes to, and also while it is paused or disabled. Never retried. Answered when
/// the attempt has ended: 502 if it brought no HTTP answer, with its outcome as the code.
pub(crate) async fn test(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["event_type"])?;
    let name = required("event_type", fields.text("event_type", event_type::MAX_BYTES)?)?;
    let endpoint = super::find(&app, &caller, id)?;
    let now = app.now();
    let payload = sample(&app, &caller, name, now).await?;
    let publication = Publication {
        event_type: event_type::canonical(name).to_owned(),
        webhook_id: random::id("wh_"),
        payload,
        request_sha256: None,
    };
    let event = publish::incoming(&app, &caller, publication, now)?;
    let (appended, report) = app.parts.dispatcher.test(&endpoint, event).await.map_err(not_tested)?;
    let status_code = report.status_code.ok_or_else(|| no_answer(&report))?;
    Ok(json::answer(&TestView {
        object: "webhook_endpoint.test",
        webhook_endpoint_id: Text(id),
        event_type: event_type::canonical(name),
        status_code,
        success: true,
        event_id: Text(appended.event_id),
        duration_ms: report.duration_ms,
    }))
}

/// OpenAI's sample of a type, or for one of the project's own an envelope with little in it.
async fn sample(app: &App, caller: &Caller, name: &str, now: Timestamp) -> Result<Bytes, ApiError> {
    if let Some(sample) = catalogue::sample(name, &random::id("evt_"), now.to_wire()) {
        return Ok(sample.into());
    }
    subscription::check_exact(app.store(), caller.project_id, name)
        .await
        .map_err(|error| error.param("event_type"))?;
    let data = RawValue::from_string(r#"{"id":"sample"}"#.to_owned()).map_err(ApiError::internal)?;
    publish::envelope(name, now.as_unix_secs(), &data)
}

fn not_tested(error: TestError) -> ApiError {
    match error {
        TestError::Busy => {
            ApiError::unavailable("overloaded", "too many tests are being made; try again shortly")
        }
        TestError::Store(error) => error.into(),
    }
}

/// There is no status to show: the API's own answer is an error then, which the SDKs must not repeat.
fn no_answer(report: &AttemptReport) -> ApiError {
    let code = match report.outcome {
        AttemptOutcome::Timeout => "timeout",
        AttemptOutcome::Blocked => "blocked",
        _ => "unreachable",
    };
    let why = report.error.as_deref().unwrap_or("there was no HTTP answer");
    ApiError::new(StatusCode::BAD_GATEWAY, code, format!("the endpoint did not answer: {why}")).final_answer()
}
