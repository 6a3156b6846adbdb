//! `POST /v1/webhook_sources/{id}/test {event_type}`: a call as the sender would make it, made by the server
//! itself.

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use ringback_domain::{EventId, Source, SourceId, SourceStatus, Timestamp};
use ringback_webhook::{catalogue, event_type, sign};
use serde::Serialize;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{JsonBody, required};
use crate::json::{self, Text};
use crate::nearest::{did_you_mean, shown};
use crate::parts::Shared;
use crate::path_id::PathId;
use crate::{ingest, random};

/// The object `webhook_source.test`.
#[derive(Serialize)]
struct TestView<'a> {
    object: &'static str,
    webhook_source_id: Text<SourceId>,
    event_type: &'a str,
    webhook_id: &'a str,
    event_id: Text<EventId>,
    /// What the call was answered with; a call that is not taken is answered here as it would have been
    /// there.
    status_code: u16,
}

/// Makes a sample event, signs it with the source's newest secret, and takes it in on the very way of a real
/// call: it is stored and delivered like one.
pub(crate) async fn test(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<SourceId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["event_type"])?;
    let name = required("event_type", fields.text("event_type", event_type::MAX_BYTES)?)?;
    let source = super::find_changeable(&app, &caller, id)?;
    if source.status != SourceStatus::Active {
        let message = "this source is archived; set its status to `active` to test it";
        return Err(ApiError::bad_request("source_archived", message));
    }
    let now = app.now();
    let payload = catalogue::sample(name, &random::id("evt_"), now.to_wire());
    let payload = payload.ok_or_else(|| unknown_type(name))?;
    let webhook_id = random::id("wh_");
    let headers = signed_headers(&source, &webhook_id, now, &payload)?;
    let receipt = ingest::admit(&app, &source, &headers, Bytes::from(payload), now).await?;
    Ok(json::answer(&TestView {
        object: "webhook_source.test",
        webhook_source_id: Text(id),
        event_type: event_type::canonical(name),
        webhook_id: &webhook_id,
        event_id: receipt.event_id,
        status_code: 200,
    }))
}

fn signed_headers(
    source: &Source,
    webhook_id: &str,
    now: Timestamp,
    payload: &[u8],
) -> Result<HeaderMap, ApiError> {
    let newest = source.secrets.last().ok_or_else(|| {
        let message = "this source has no signing secret yet; add one with \
                       `POST /v1/webhook_sources/{id}/signing_secrets {\"signing_secret\": \"whsec_…\"}`";
        ApiError::bad_request("source_unconfigured", message)
    })?;
    let signed = sign([&newest.secret], webhook_id, now.to_wire(), payload).map_err(ApiError::internal)?;
    let mut headers =
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    signed.apply(&mut headers);
    Ok(headers)
}

fn unknown_type(name: &str) -> ApiError {
    let meant = did_you_mean(name, catalogue::entries().iter().map(|entry| entry.name));
    let message = format!("OpenAI has no event type `{}`{meant}", shown(name));
    ApiError::invalid_value("event_type", message)
}
