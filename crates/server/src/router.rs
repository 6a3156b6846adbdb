//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{any, delete, get, post};

use crate::edge::edge;
use crate::error::ApiError;
use crate::parts::{App, Parts, Shared};
use crate::{endpoints, event_types, events, health, ingest, receipts, sources, stats};

/// All routes, behind the `edge`. To be served by [`serve`](crate::serve), which holds the limits of connections.
pub fn router(parts: Parts) -> Router {
    Router::new()
        .route("/in/{token}", any(ingest::ingest))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(api())
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn(edge))
        .with_state(Arc::new(App::new(parts)))
}

/// The API. An id in a path is named by its prefix, see [`crate::path_id`].
fn api() -> Router<Shared> {
    const SOURCE: &str = "/v1/webhook_sources/{whsrc}";
    const ENDPOINT: &str = "/v1/webhook_endpoints/{whe}";
    const RECEIPT: &str = "/v1/webhook_receipts/{whrcp}";
    const EVENT: &str = "/v1/webhook_events/{whev}";
    let secrets = format!("{SOURCE}/signing_secrets");
    Router::new()
        .route("/v1/webhook_sources", get(sources::list).post(sources::create))
        .route(SOURCE, get(sources::retrieve).post(sources::update).delete(sources::delete))
        .route(&secrets, post(sources::add_secret))
        .route(&format!("{secrets}/{{whkey}}"), delete(sources::remove_secret))
        .route(&format!("{SOURCE}/test"), post(sources::test))
        .route("/v1/webhook_receipts", get(receipts::list))
        .route(RECEIPT, get(receipts::retrieve))
        .route(&format!("{RECEIPT}/admit"), post(receipts::admit))
        .route("/v1/webhook_endpoints", get(endpoints::list).post(endpoints::create))
        .route(ENDPOINT, get(endpoints::retrieve).post(endpoints::update).delete(endpoints::delete))
        .route("/v1/webhook_event_types", get(event_types::list))
        .route("/v1/webhook_events", get(events::list))
        .route(EVENT, get(events::retrieve))
        .route(&format!("{EVENT}/payload"), get(events::payload))
        .route("/v1/webhook_stats", get(stats::retrieve))
}

async fn unknown_path() -> ApiError {
    ApiError::not_found("there is nothing at this URL")
}

async fn unknown_method() -> ApiError {
    ApiError::method_not_allowed(None)
}
