//! The ingest URL of a source: `POST /in/{token}`.
//!
//! What is wrong with a call is looked for in this order, and the first thing found is the answer: token
//! (404), method (405), size (413), headers (400, 401), signature (401), timestamp (401), content (415, 400).
//! Only then is it kept, and only when it is durable is it answered 200. So a 401 about the timestamp says
//! that the signature is right, and an answer about the content that the sender is who it says.
//!
//! A duplicate is answered 200 as well: the sender has done its part.
//!
//! A refused call leaves its trace on the side lane: counted, and kept within bounds, so that a person can
//! see why nothing arrives and admit what was refused for its age alone.

mod admit;
mod content;
mod kept;
mod room;
mod share;
mod side_lane;
mod signed;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{RawPathParams, Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Method};
use ringback_domain::indexed::is_indexable;
use ringback_domain::{Source, SourceStatus, Timestamp};
use ringback_store::{Config, Refusal};
use ringback_webhook::WEBHOOK_ID;

pub(crate) use admit::{admit, admit_refused};
pub(crate) use kept::read_headers;
pub(crate) use room::{Room, needed};
pub(crate) use share::{Share, Shares};
pub(crate) use side_lane::SideLane;
pub(crate) use signed::signer_in_time;

use crate::error::ApiError;
use crate::parts::{App, Shared};
use crate::{body, json};

/// The code of an answer that means: this call may turn out to be right once its source has a secret.
pub(crate) const SOURCE_UNCONFIGURED: &str = "source_unconfigured";

/// Takes a call. Registered for every method, because the token comes first.
pub(crate) async fn ingest(
    State(app): State<Shared>,
    params: Result<RawPathParams, axum::extract::rejection::RawPathParamsRejection>,
    request: Request,
) -> Result<Response, ApiError> {
    let received_at = app.now();
    let source = params.ok().and_then(|params| find_source(&app.store().config(), &params));
    let Some(source) = source else {
        app.unknown_sources.fetch_add(1, Ordering::Relaxed);
        return Err(ApiError::not_found("no source has this URL"));
    };
    tracing::Span::current().record("source.id", tracing::field::display(source.id));
    match take(&app, &source, request, received_at).await {
        Ok(response) => Ok(response),
        Err(refused) => {
            refused.note(&app, &source, received_at);
            Err(refused.error)
        }
    }
}

async fn take(
    app: &App,
    source: &Source,
    request: Request,
    received_at: Timestamp,
) -> Result<Response, Refused> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        return Err(ApiError::method_not_allowed(Some("POST")).into());
    }
    let settings = app.settings();
    body::check_announced(&body, settings.max_body_bytes)?;
    // Both are held until the call is durable.
    let _share = app.ingest_shares.take(source.id, room::needed(&body, settings.max_body_bytes))?;
    let _room = app.ingest_room.reserve(&body, settings.max_body_bytes)?;
    let body = body::read(body, settings.max_body_bytes, settings.body_timeout).await?;
    match admit(app, source, &head.headers, body.clone(), received_at).await {
        Ok(receipt) => Ok(json::answer(&receipt)),
        Err(error) => Err(Refused { error, call: Some((head.headers, body)) }),
    }
}

/// A call that was refused, and what came of it before it was.
struct Refused {
    error: ApiError,
    call: Option<(HeaderMap, Bytes)>,
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { error, call: None }
    }
}

impl Refused {
    /// Leaves it on the side lane; unless it was this server that could not take it, which says nothing of
    /// the call.
    fn note(&self, app: &App, source: &Source, received_at: Timestamp) {
        if !self.error.status().is_client_error() {
            return;
        }
        let code = self.error.code();
        app.side_lane.note(source.id, code, received_at, || {
            let (headers, body) = self.call.as_ref()?;
            let webhook_id = headers.get(WEBHOOK_ID).and_then(|value| value.to_str().ok()).map(str::trim);
            Some(Refusal {
                receipt_id: app.new_id(received_at),
                project_id: source.project_id,
                source_id: source.id,
                received_at,
                reason: code.to_owned(),
                held: code == SOURCE_UNCONFIGURED,
                webhook_id: webhook_id.filter(|id| is_indexable(id)).map(str::to_owned),
                secret_id: signed::signer(source, headers, body, received_at),
                call: kept::keep(headers, body),
            })
        });
    }
}

/// An archived source is as unknown as one that never was.
fn find_source(config: &Config, params: &RawPathParams) -> Option<Arc<Source>> {
    let (_, token) = params.iter().next()?;
    let source = config.source_by_token(token)?;
    (source.status == SourceStatus::Active).then(|| Arc::clone(source))
}
