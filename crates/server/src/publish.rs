//! `POST /v1/webhook_events` and `/batch`: events of the user's own, in OpenAI's envelope.
//!
//! A repetition is harmless when it names the same `webhook_id`, or comes under the same `Idempotency-Key`,
//! from which the `webhook_id` is made then. What tells a repetition from another event is what was *asked*
//! to be published, because the envelope has an id and a time of its own each time.

mod body;
mod publication;
mod view;

use std::ops::Deref as _;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use ringback_delivery::{Entry, IncomingEvent};
use ringback_domain::indexed::is_indexable;
use ringback_domain::{ProjectId, Source, Timestamp};
use ringback_store::StoreError;
use ringback_webhook::EnvelopeHead;
use serde::Deserialize;
use serde_json::value::RawValue;

pub(crate) use self::body::{BatchBody, EventBody, Place, reserve};
pub(crate) use self::publication::{Publication, envelope};
use self::view::{BatchView, PublishedView};
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::idempotency::Seed;
use crate::json;
use crate::parts::{App, Shared};

/// How many events one batch may hold.
const MAX_BATCH_EVENTS: usize = 1000;

/// `POST /v1/webhook_events {type, data, webhook_id?, created_at?}`. Answered when the event and its
/// deliveries are durable.
pub(crate) async fn publish(
    State(app): State<Shared>,
    caller: Caller,
    seed: Option<Extension<Seed>>,
    body: EventBody,
) -> Result<Response, ApiError> {
    let now = app.now();
    let seed = seed.map(|Extension(seed)| seed);
    let publication = Publication::read(body.bytes(), now, || Seed::webhook_id(seed.as_ref(), 0))?;
    check_size(&app, &publication)?;
    let webhook_id = publication.webhook_id.clone();
    let event_type = publication.event_type.clone();
    let event = incoming(&app, &caller, publication, now)?;
    let appended = app.parts.dispatcher.dispatch_all(vec![event]).await?;
    let appended = appended.first().ok_or_else(|| ApiError::internal(std::io::Error::other("no answer")))?;
    Ok(json::answer(&PublishedView::of(appended, &event_type, &webhook_id)))
}

/// The body of a batch, its events unread.
#[derive(Deserialize)]
struct Batch<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// `POST /v1/webhook_events/batch {events: […]}`: all of them or none.
pub(crate) async fn publish_batch(
    State(app): State<Shared>,
    caller: Caller,
    seed: Option<Extension<Seed>>,
    body: BatchBody,
) -> Result<Response, ApiError> {
    let now = app.now();
    let seed = seed.map(|Extension(seed)| seed);
    let batch = read_batch(body.bytes())?;
    let mut webhook_ids = Vec::with_capacity(batch.events.len());
    let mut events = Vec::with_capacity(batch.events.len());
    for (index, item) in batch.events.iter().enumerate() {
        let mint = || Seed::webhook_id(seed.as_ref(), index);
        let event =
            object_in(item).and_then(|item| Publication::read(item, now, mint)).and_then(|publication| {
                check_size(&app, &publication)?;
                webhook_ids.push(publication.webhook_id.clone());
                incoming(&app, &caller, publication, now)
            });
        events.push(event.map_err(|error| error.within(&format!("events[{index}]")))?);
    }
    let appended = app.parts.dispatcher.dispatch_all(events).await.map_err(|error| match error {
        StoreError::WebhookIdTaken { index } => ApiError::from(error).within(&format!("events[{index}]")),
        error => error.into(),
    })?;
    Ok(json::answer(&BatchView::of(&appended, &webhook_ids)))
}

/// The text of an item of a batch, if it is an object: what is said of a body that is none would be said of
/// the whole batch.
fn object_in(item: &RawValue) -> Result<&[u8], ApiError> {
    match item.get().starts_with('{') {
        true => Ok(item.get().as_bytes()),
        false => Err(ApiError::bad_request("invalid_json", "the event is not a JSON object")),
    }
}

fn read_batch(body: &Bytes) -> Result<Batch<'_>, ApiError> {
    // For the errors, which this says better: an object, with no other field.
    Fields::parse_shallow(body, &["events"])?;
    let batch: Batch<'_> = serde_json::from_slice(body).map_err(|_| {
        ApiError::bad_request(
            "invalid_type",
            "`events` must be a list of events: {\"events\": [{\"type\": …, \"data\": …}]}",
        )
        .param("events")
    })?;
    match batch.events.len() {
        0 => Err(ApiError::bad_request("empty_array", "`events` must hold at least one").param("events")),
        1..=MAX_BATCH_EVENTS => Ok(batch),
        count => {
            let message = format!("`events` holds {count}, more than the {MAX_BATCH_EVENTS} allowed");
            Err(ApiError::bad_request("array_above_max_length", message).param("events"))
        }
    }
}

/// What is delivered may be no larger than what is taken in.
fn check_size(app: &App, publication: &Publication) -> Result<(), ApiError> {
    let max = app.settings().max_body_bytes;
    if publication.payload.len() <= max {
        return Ok(());
    }
    let message = format!("with its envelope the event is larger than the {max} bytes that are taken");
    Err(ApiError::invalid_value("data", message))
}

/// The event to be dispatched, on behalf of a caller.
pub(crate) fn incoming(
    app: &App,
    caller: &Caller,
    publication: Publication,
    now: Timestamp,
) -> Result<IncomingEvent, ApiError> {
    let source = publish_source(app, caller.project_id)?;
    let (payload_sha256, object_id, upstream_event_id) = {
        let head = EnvelopeHead::parse(&publication.payload).map_err(ApiError::internal)?;
        let indexable = |id: Option<std::borrow::Cow<'_, str>>| {
            id.filter(|id| is_indexable(id.deref())).map(std::borrow::Cow::into_owned)
        };
        (publication.sha256(), indexable(head.object_id), indexable(head.id))
    };
    Ok(IncomingEvent {
        project_id: caller.project_id,
        source_id: source.id,
        entry: Entry::Published,
        received_at: now,
        event_type: publication.event_type,
        webhook_id: publication.webhook_id,
        upstream_event_id,
        object_id,
        payload: publication.payload,
        payload_sha256,
    })
}

fn publish_source(app: &App, project_id: ProjectId) -> Result<std::sync::Arc<Source>, ApiError> {
    let config = app.store().config();
    let project = config.project(project_id);
    let source = project.and_then(|project| project.publish_source()).cloned();
    source.ok_or_else(|| {
        ApiError::internal(std::io::Error::other("a project without a source of kind `publish`"))
    })
}
