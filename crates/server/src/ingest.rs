//! The ingest URL of a source: `POST /in/{token}`.
//!
//! What is wrong with a call is looked for in this order, and the first thing found is the answer: token (404), method (405),
//! size (413), headers (400, 401), signature (401), timestamp (401), content (415, 400). Only then is it kept, and only when it
//! is durable is it answered 200. So a 401 about the timestamp says that the signature is right, and an answer about the
//! content that the sender is who it says.
//!
//! A duplicate is answered 200 as well: the sender has done its part.

mod admit;
mod content;
mod room;
mod signed;

use std::sync::Arc;

use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use http::Method;
use ringback_domain::{Source, SourceStatus};
use ringback_store::Config;

pub(crate) use admit::admit;
pub(crate) use room::Room;

use crate::error::ApiError;
use crate::parts::Shared;
use crate::{body, json};

/// Takes a call. Registered for every method, because the token comes first.
pub(crate) async fn ingest(
    State(app): State<Shared>,
    params: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let received_at = app.now();
    let source = params
        .ok()
        .and_then(|params| find_source(&app.store().config(), &params))
        .ok_or_else(|| ApiError::not_found("no source has this URL"))?;
    tracing::Span::current().record("source_id", tracing::field::display(source.id));
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(ApiError::method_not_allowed(Some("POST")));
    }
    let settings = app.settings();
    body::check_announced(&body, settings.max_body_bytes)?;
    // Held until the call is durable.
    let _room = app.ingest_room.reserve(&body, settings.max_body_bytes)?;
    let body = body::read(body, settings.max_body_bytes, settings.body_timeout).await?;
    let receipt = admit(&app, &source, &head.headers, body, received_at).await?;
    Ok(json::answer(&receipt))
}

/// An archived source is as unknown as one that never was.
fn find_source(config: &Config, params: &RawPathParams) -> Option<Arc<Source>> {
    let (_, token) = params.iter().next()?;
    let source = config.source_by_token(token)?;
    (source.status == SourceStatus::Active).then(|| Arc::clone(source))
}
