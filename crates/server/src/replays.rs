//! `/v1/webhook_replays`: many redeliveries by a query, as a job that survives restarts and can be called
//! off.

mod create;
mod query;
mod view;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::ReplayId;

pub(crate) use self::create::create;
use self::view::ReplayView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::JsonBody;
use crate::json;
use crate::list::{self, ListQuery};
use crate::parts::Shared;
use crate::path_id::PathId;

/// `GET /v1/webhook_replays`, newest first, without counts of their deliveries.
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = ListQuery::parse(query.as_deref(), &[])?;
    let page = app.store().list_replays(caller.project_id, query.page).await?;
    Ok(list::answer(&page, |replay| replay.id, ReplayView::of))
}

/// `GET /v1/webhook_replays/{id}`: with how many of its deliveries stand how.
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<ReplayId>,
) -> Result<Response, ApiError> {
    let detail = app.store().replay(caller.project_id, id).await?;
    Ok(json::answer(&ReplayView::of(&detail.replay).with_counts(detail.deliveries)))
}

/// `POST /v1/webhook_replays/{id}/cancel`: it makes no more deliveries, and what is pending of it is
/// cancelled from now on. An attempt that is under way is recorded.
pub(crate) async fn cancel(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<ReplayId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    body.fields(&[])?;
    app.store().cancel_replay(caller.project_id, id, app.now()).await?;
    app.parts.dispatcher.note_replay();
    let detail = app.store().replay(caller.project_id, id).await.map_err(ApiError::after_writing)?;
    Ok(json::answer(&ReplayView::of(&detail.replay).with_counts(detail.deliveries)))
}
