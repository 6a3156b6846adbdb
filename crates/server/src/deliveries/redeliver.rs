//! Sending one event to an endpoint again, or for the first time: a new delivery with a schedule of its own.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use ringback_domain::{DeliveryId, Endpoint, EndpointId};
use ringback_store::Redelivery;

use super::held::Holds;
use super::view::DeliveryView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::JsonBody;
use crate::parts::{App, Shared};
use crate::path_id::PathId;
use crate::{endpoints, json};

/// `POST /v1/webhook_deliveries/{id}/redeliver`: the same event to the same endpoint, however this delivery
/// stands. Answers the new one.
pub(crate) async fn redeliver(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<DeliveryId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    body.fields(&[])?;
    let old = app.store().delivery(caller.project_id, id).await?.record.delivery;
    let endpoint = open_endpoint(&app, &caller, old.endpoint_id).map_err(|error| match error.status() {
        StatusCode::NOT_FOUND => endpoint_deleted(),
        _ => error,
    })?;
    let id = app.new_id(app.now());
    send_again(&app, &caller, vec![Redelivery { id, event_id: old.event_id, endpoint_id: endpoint.id }])
        .await?;
    let new = app.store().delivery(caller.project_id, id).await.map_err(ApiError::after_writing)?;
    Ok(json::answer(&DeliveryView::whole(&new, &Holds::now(&app))))
}

/// Told apart from a delivery that is not there.
fn endpoint_deleted() -> ApiError {
    let message = "the endpoint of this delivery was deleted; its event can be redelivered to another";
    ApiError::new(StatusCode::NOT_FOUND, "endpoint_deleted", message)
}

/// An endpoint that takes deliveries. A paused one does: it holds them.
pub(crate) fn open_endpoint(app: &App, caller: &Caller, id: EndpointId) -> Result<Arc<Endpoint>, ApiError> {
    let endpoint = endpoints::find(app, caller, id)?;
    if endpoint.disabled_at.is_none() {
        return Ok(endpoint);
    }
    let message = format!(
        "the endpoint {id} is disabled and gets nothing; enable it first, with `{{\"disabled\": false}}`"
    );
    Err(ApiError::conflict("endpoint_disabled", message))
}

/// Makes these deliveries durable, all or none, and sets them going.
pub(crate) async fn send_again(
    app: &App,
    caller: &Caller,
    redeliveries: Vec<Redelivery>,
) -> Result<(), ApiError> {
    let endpoint_ids: Vec<EndpointId> =
        redeliveries.iter().map(|redelivery| redelivery.endpoint_id).collect();
    app.store().redeliver(caller.project_id, redeliveries, app.now()).await?;
    for endpoint_id in endpoint_ids {
        app.parts.dispatcher.note_due(endpoint_id);
    }
    Ok(())
}
