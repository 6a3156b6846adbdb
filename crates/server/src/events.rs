//! `/v1/webhook_events`: what happened, and what became of it.

mod redeliver;
mod view;

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use ringback_domain::EventId;
use ringback_store::EventFilter;

pub(crate) use self::redeliver::redeliver;
use self::view::{EventDetailView, EventView};
use crate::caller::Caller;
use crate::deliveries::Holds;
use crate::error::ApiError;
use crate::json;
use crate::list::{self, ListQuery};
use crate::parts::Shared;
use crate::path_id::PathId;

/// `GET /v1/webhook_events?object_id=&type=`, newest first.
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut query = ListQuery::parse(query.as_deref(), &["type", "object_id"])?;
    let filter =
        EventFilter { event_type: query.take_filter("type"), object_id: query.take_filter("object_id") };
    let page = app.store().list_events(caller.project_id, filter, query.page).await?;
    Ok(list::answer(&page, |event| event.id, EventView::of))
}

/// `GET /v1/webhook_events/{id}`: with its payload, its deliveries and their attempts.
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EventId>,
) -> Result<Response, ApiError> {
    let detail = app.store().event(caller.project_id, id).await?;
    let payload = app.store().payload(caller.project_id, id).await?;
    // Only JSON is ever taken in.
    let payload = serde_json::from_slice(&payload).map_err(ApiError::internal)?;
    Ok(json::answer(&EventDetailView::of(&detail, payload, &Holds::now(&app))))
}

/// `GET /v1/webhook_events/{id}/payload`: the bytes as they came, which is what signatures are over.
pub(crate) async fn payload(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EventId>,
) -> Result<Response, ApiError> {
    let payload = app.store().payload(caller.project_id, id).await?;
    let mut response = json::bytes(payload).into_response();
    // The bytes are a stranger's: no browser may take them for anything but JSON.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}
