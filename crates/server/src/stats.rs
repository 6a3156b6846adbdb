//! `GET /v1/webhook_stats`: how much there is, in numbers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::Response;
use ringback_domain::Endpoint;
use ringback_store::config::{MAX_ENDPOINTS, ProjectConfig};
use ringback_store::{Backlog, PageRequest, RefusalCount};
use serde::Serialize;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::json;
use crate::parts::Shared;

/// The object `webhook_stats`.
#[derive(Serialize)]
struct Stats {
    object: &'static str,
    /// As in `deliveries`.
    pending: u64,
    /// As in `deliveries`.
    in_flight: u64,
    deliveries: Deliveries,
    sources: usize,
    endpoints: Endpoints,
    /// Calls that were refused, by code.
    refused: BTreeMap<String, u64>,
    /// Calls to ingest URLs that are no source's, over all projects, since the start.
    unknown_sources: u64,
}

/// Deliveries that are not, or not well, over.
#[derive(Serialize)]
struct Deliveries {
    /// Waiting to be due, or held.
    pending: u64,
    /// With an attempt under way.
    in_flight: u64,
    /// Given up, and still kept.
    dead: u64,
}

/// Endpoints, each in one of the first three.
#[derive(Serialize, Default)]
struct Endpoints {
    active: usize,
    paused: usize,
    /// Paused ones too.
    disabled: usize,
    /// Active ones of which no attempt has succeeded since one failed.
    failing: usize,
}

/// Of the caller's project, at this moment.
pub(crate) async fn retrieve(State(app): State<Shared>, caller: Caller) -> Result<Response, ApiError> {
    let mut refused = BTreeMap::new();
    for RefusalCount { reason, count, .. } in app.store().refusal_counts(caller.project_id).await? {
        *refused.entry(reason).or_default() += count;
    }
    let Backlog { pending, in_flight, dead } = app.store().backlog(caller.project_id).await?;
    let config = app.store().config();
    let project = config.project(caller.project_id);
    Ok(json::answer(&Stats {
        object: "webhook_stats",
        pending,
        in_flight,
        deliveries: Deliveries { pending, in_flight, dead },
        sources: project.map_or(0, |project| project.source_count()),
        endpoints: project.map_or_else(Endpoints::default, |project| Endpoints::of(project)),
        refused,
        unknown_sources: app.unknown_sources.load(Ordering::Relaxed),
    }))
}

impl Endpoints {
    fn of(project: &ProjectConfig) -> Self {
        let all = project.list_endpoints(PageRequest { limit: MAX_ENDPOINTS, ..PageRequest::default() });
        let mut counts = Self::default();
        for endpoint in &all.items {
            counts.add(endpoint);
        }
        counts
    }

    fn add(&mut self, endpoint: &Endpoint) {
        if endpoint.disabled_at.is_some() {
            self.disabled += 1;
        } else if endpoint.paused_at.is_some() {
            self.paused += 1;
        } else {
            self.active += 1;
            self.failing += usize::from(endpoint.health.failing_since.is_some());
        }
    }
}
