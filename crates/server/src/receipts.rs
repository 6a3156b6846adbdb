//! Receipts: inbound calls, taken in or refused and why (`/v1/webhook_receipts`).

mod admit;
mod view;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::ReceiptId;
use ringback_store::ReceiptFilter;

pub(crate) use admit::admit_held;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::json;
use crate::list::{self, ListQuery};
use crate::parts::Shared;
use crate::path_id::PathId;

use view::ReceiptView;

/// `GET /v1/webhook_receipts?source_id=&refused=true`
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut query = ListQuery::parse(query.as_deref(), &["source_id", "refused"])?;
    let filter = ReceiptFilter {
        source_id: query.take_id("source_id")?,
        refused_only: query
            .take_filter("refused")
            .map(|text| parse_refused(&text))
            .transpose()?
            .unwrap_or(false),
    };
    let page = app.store().list_receipts(caller.project_id, filter, query.page).await?;
    Ok(list::answer(&page, |receipt| receipt.id, ReceiptView::of))
}

/// `GET /v1/webhook_receipts/{id}`, with what is kept of the call if it was refused
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<ReceiptId>,
) -> Result<Response, ApiError> {
    let detail = app.store().receipt(caller.project_id, id).await?;
    Ok(json::answer(&ReceiptView::with_call(&detail)))
}

/// `POST /v1/webhook_receipts/{id}/admit`: takes in a call that was refused for its age alone, or that its
/// source held
pub(crate) async fn admit(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<ReceiptId>,
) -> Result<Response, ApiError> {
    let detail = app.store().receipt(caller.project_id, id).await?;
    if detail.receipt.event_id.is_none() {
        admit::by_hand(&app, &caller, &detail).await?;
    }
    let detail = app.store().receipt(caller.project_id, id).await.map_err(ApiError::after_writing)?;
    Ok(json::answer(&ReceiptView::with_call(&detail)))
}

fn parse_refused(text: &str) -> Result<bool, ApiError> {
    text.parse().map_err(|_| ApiError::invalid_value("refused", "`refused` must be true or false"))
}
