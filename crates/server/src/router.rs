//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, delete, get, post};

use crate::edge::edge;
use crate::error::ApiError;
use crate::idempotency::idempotency;
use crate::no_query::no_query;
use crate::parts::{App, Parts, Shared};
use crate::{
    api_keys, deliveries, endpoints, event_types, events, health, ingest, projects, publish, receipts,
    replays, sources, stats,
};

/// All routes, behind the `edge`. To be served by [`serve`](crate::serve), which holds the limits of
/// connections.
pub fn router(parts: Parts) -> Router {
    let app = Arc::new(App::new(parts));
    Router::new()
        .route("/in/{token}", any(ingest::ingest))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .merge(api().layer(from_fn_with_state(Arc::clone(&app), idempotency)).layer(from_fn(no_query)))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(from_fn(edge))
        .with_state(app)
}

/// The API. An id in a path is named by its prefix, see [`crate::path_id`].
fn api() -> Router<Shared> {
    const SOURCE: &str = "/v1/webhook_sources/{whsrc}";
    const ENDPOINT: &str = "/v1/webhook_endpoints/{whe}";
    const RECEIPT: &str = "/v1/webhook_receipts/{whrcp}";
    const EVENT: &str = "/v1/webhook_events/{whev}";
    const DELIVERY: &str = "/v1/webhook_deliveries/{whd}";
    const REPLAY: &str = "/v1/webhook_replays/{whrp}";
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
        .route(&format!("{ENDPOINT}/rotate_secret"), post(endpoints::rotate))
        .route(&format!("{ENDPOINT}/signing_secrets/{{whkey}}"), delete(endpoints::revoke))
        .route(&format!("{ENDPOINT}/test"), post(endpoints::test))
        .route("/v1/webhook_event_types", get(event_types::list).post(event_types::register))
        .route("/v1/webhook_event_types/{name}", get(event_types::retrieve))
        .route("/v1/webhook_events", get(events::list).post(publish::publish))
        .route("/v1/webhook_events/batch", post(publish::publish_batch))
        .route(EVENT, get(events::retrieve))
        .route(&format!("{EVENT}/payload"), get(events::payload))
        .route(&format!("{EVENT}/redeliver"), post(events::redeliver))
        .route("/v1/webhook_deliveries", get(deliveries::list))
        .route(DELIVERY, get(deliveries::retrieve))
        .route(&format!("{DELIVERY}/redeliver"), post(deliveries::redeliver))
        .route(&format!("{DELIVERY}/cancel"), post(deliveries::cancel))
        .route("/v1/webhook_replays", get(replays::list).post(replays::create))
        .route(REPLAY, get(replays::retrieve))
        .route(&format!("{REPLAY}/cancel"), post(replays::cancel))
        .route("/v1/webhook_stats", get(stats::retrieve))
        .merge(organization())
}

/// The projects and their keys.
fn organization() -> Router<Shared> {
    const PROJECT: &str = "/v1/organization/projects/{proj}";
    let keys = format!("{PROJECT}/api_keys");
    Router::new()
        .route("/v1/organization/projects", get(projects::list).post(projects::create))
        .route(PROJECT, get(projects::retrieve).post(projects::update))
        .route(&format!("{PROJECT}/archive"), post(projects::archive))
        .route(&keys, get(api_keys::list).post(api_keys::create))
        .route(&format!("{keys}/{{key}}"), get(api_keys::retrieve).delete(api_keys::delete))
}

async fn unknown_path() -> ApiError {
    ApiError::not_found("there is nothing at this URL")
}

async fn unknown_method() -> ApiError {
    ApiError::method_not_allowed(None)
}
