//! The outermost layer of every request: its id, its span, its one line in the log, the rendering of errors,
//! and the end of its body.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use crate::error::ApiError;
use crate::{leftover, random};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Goes around every route. An id that came in is not trusted: it could be anything, or another request's.
pub(crate) async fn edge(request: Request, next: Next) -> Response {
    let request_id = random::id("req_");
    let span = span(&request, &request_id);
    let begun = Instant::now();
    let (request, leftover) = leftover::keep(request);
    let response = next.run(request).instrument(span.clone()).await;
    // Whoever was too slow is not waited for again.
    if let Some(leftover) = leftover.filter(|_| response.status() != StatusCode::REQUEST_TIMEOUT) {
        leftover.drain().await;
    }
    let _within = span.entered();
    finish(response, &request_id, begun)
}

/// The path is the route's pattern, never the one requested: that of an ingest URL is a secret.
fn span(request: &Request, request_id: &str) -> Span {
    let path = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str);
    let method = request.method();
    tracing::info_span!("request", request.id = request_id, http.method = %method, http.route = path, source.id = field::Empty)
}

fn finish(mut response: Response, request_id: &str, begun: Instant) -> Response {
    let error = response.extensions_mut().remove::<ApiError>();
    if let Some(error) = &error {
        response = error.render(request_id);
        log_cause(error);
    }
    let status = response.status().as_u16();
    let code = error.as_ref().map(ApiError::code);
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(
        http.status_code = status,
        error.code = code,
        http.duration_ms = duration_ms,
        "request answered"
    );
    let id = HeaderValue::from_str(request_id).expect("an id is letters, digits and an underscore");
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// Here and nowhere else, so that each failure is told once.
fn log_cause(error: &ApiError) {
    if let Some(cause) = error.source() {
        tracing::error!(error.code = error.code(), error = cause, "request failed");
    }
}
