//! `/v1/webhook_deliveries`: events on their way to endpoints, to be looked at, sent again and called off.

mod held;
mod redeliver;
mod view;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::DeliveryId;
use ringback_store::DeliveryFilter;

pub(crate) use self::held::Holds;
pub(crate) use self::redeliver::{open_endpoint, redeliver, send_again};
pub(crate) use self::view::DeliveryView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::JsonBody;
use crate::json;
use crate::list::{self, ListQuery};
use crate::parts::Shared;
use crate::path_id::PathId;

/// `GET /v1/webhook_deliveries?endpoint_id=&event_id=&replay_id=&state=`, newest first. Ids that nothing here
/// has find nothing: what was delivered to an endpoint is still there when that is deleted.
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut query = ListQuery::parse(query.as_deref(), &["endpoint_id", "event_id", "replay_id", "state"])?;
    let filter = DeliveryFilter {
        endpoint_id: query.take_id("endpoint_id")?,
        event_id: query.take_id("event_id")?,
        replay_id: query.take_id("replay_id")?,
        state: query.take_word("state")?,
    };
    let page = app.store().list_deliveries(caller.project_id, filter, query.page).await?;
    let holds = Holds::now(&app);
    Ok(list::answer(&page, |record| record.delivery.id, |record| DeliveryView::of(record, &holds)))
}

/// `GET /v1/webhook_deliveries/{id}`: with its attempts.
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<DeliveryId>,
) -> Result<Response, ApiError> {
    let found = app.store().delivery(caller.project_id, id).await?;
    Ok(json::answer(&DeliveryView::whole(&found, &Holds::now(&app))))
}

/// `POST /v1/webhook_deliveries/{id}/cancel`: no further attempt. One that is under way is recorded, and
/// changes nothing.
pub(crate) async fn cancel(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<DeliveryId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    body.fields(&[])?;
    app.store().cancel_delivery(caller.project_id, id, app.now()).await?;
    let found = app.store().delivery(caller.project_id, id).await.map_err(ApiError::after_writing)?;
    // Another may have waited for this one in its order.
    app.parts.dispatcher.note_due(found.record.delivery.endpoint_id);
    Ok(json::answer(&DeliveryView::whole(&found, &Holds::now(&app))))
}
