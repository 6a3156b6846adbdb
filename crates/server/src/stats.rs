//! `GET /v1/webhook_stats`: how much there is, in numbers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;
use ringback_store::RefusalCount;
use serde::Serialize;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::json;
use crate::parts::Shared;

/// The object `webhook_stats`.
#[derive(Serialize)]
struct Stats {
    object: &'static str,
    /// Deliveries waiting to be due, or held.
    pending: u64,
    /// Deliveries with an attempt under way.
    in_flight: u64,
    sources: usize,
    endpoints: usize,
    /// Calls that were refused, by code.
    refused: BTreeMap<String, u64>,
    /// Calls to ingest URLs that are no source's, over all projects, since the start.
    unknown_sources: u64,
}

/// Of the caller's project, at this moment.
pub(crate) async fn retrieve(State(app): State<Shared>, caller: Caller) -> Result<Response, ApiError> {
    let mut refused = BTreeMap::new();
    for RefusalCount { reason, count, .. } in app.store().refusal_counts(caller.project_id).await? {
        *refused.entry(reason).or_default() += count;
    }
    let backlog = app.store().backlog(caller.project_id).await?;
    let config = app.store().config();
    let project = config.project(caller.project_id);
    Ok(json::answer(&Stats {
        object: "webhook_stats",
        pending: backlog.pending,
        in_flight: backlog.in_flight,
        sources: project.map_or(0, |project| project.source_count()),
        endpoints: project.map_or(0, |project| project.endpoint_count()),
        refused,
        unknown_sources: app.unknown_sources.load(Ordering::Relaxed),
    }))
}
