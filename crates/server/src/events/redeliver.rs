//! `POST /v1/webhook_events/{id}/redeliver`: one event once more, to one endpoint or to all that want it.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::Response;
use ringback_domain::{DeliveryId, EndpointId, EventId};
use ringback_store::{DeliveryRecord, EventDetail, Page, Redelivery};

use crate::caller::Caller;
use crate::deliveries::{self, DeliveryView, Holds};
use crate::error::ApiError;
use crate::fields::{Fields, JsonBody};
use crate::list;
use crate::parts::{App, Shared};
use crate::path_id::PathId;

/// `{endpoint_id?}`: to that endpoint, whatever it subscribes to; without it, to every endpoint that wants
/// the type now. Answers the new deliveries.
pub(crate) async fn redeliver(
    State(app): State<Shared>,
    caller: Caller,
    PathId(event_id): PathId<EventId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["endpoint_id"])?;
    let event = app.store().event(caller.project_id, event_id).await?.event;
    let now = app.now();
    let redeliveries: Vec<Redelivery> = receivers(&app, &caller, &fields, &event.event_type)?
        .into_iter()
        .map(|endpoint_id| Redelivery { id: app.new_id(now), event_id, endpoint_id })
        .collect();
    let new: HashSet<DeliveryId> = redeliveries.iter().map(|redelivery| redelivery.id).collect();
    deliveries::send_again(&app, &caller, redeliveries).await?;
    let detail = app.store().event(caller.project_id, event_id).await.map_err(ApiError::after_writing)?;
    let page = Page { items: records(detail, &new), has_more: false };
    let holds = Holds::now(&app);
    Ok(list::answer(&page, |record| record.delivery.id, |record| DeliveryView::of(record, &holds)))
}

fn receivers(
    app: &App,
    caller: &Caller,
    fields: &Fields,
    event_type: &str,
) -> Result<Vec<EndpointId>, ApiError> {
    const FIELD: &str = "endpoint_id";
    if let Some(id) = fields.id(FIELD)? {
        let endpoint = deliveries::open_endpoint(app, caller, id).map_err(|error| error.param(FIELD))?;
        return Ok(vec![endpoint.id]);
    }
    let config = app.store().config();
    let project = config.project(caller.project_id);
    let wanting: Vec<EndpointId> =
        project.into_iter().flat_map(|project| project.route(event_type)).map(|it| it.id).collect();
    if wanting.is_empty() {
        let message =
            "no endpoint that is enabled subscribes to this event's type; name one as `endpoint_id`";
        return Err(ApiError::conflict("no_endpoint", message));
    }
    Ok(wanting)
}

/// These deliveries of an event, as they stand by now.
fn records(detail: EventDetail, ids: &HashSet<DeliveryId>) -> Vec<DeliveryRecord> {
    let EventDetail { event, deliveries } = detail;
    deliveries
        .into_iter()
        .filter(|it| ids.contains(&it.delivery.id))
        .map(|it| DeliveryRecord {
            delivery: it.delivery,
            event_type: event.event_type.clone(),
            webhook_id: event.webhook_id.clone(),
            object_id: event.object_id.clone(),
        })
        .collect()
}
