//! `/healthz` and `/readyz`: for whoever keeps the process running. No key is needed, nothing internal is
//! told.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use ringback_store::StoreError;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::json;
use crate::parts::Shared;

/// How long the store may take for a commit before this node counts as not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long what a check found is good for. Each check writes to the disk, and anybody may ask.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What the last check of the store found, for all who ask.
#[derive(Default)]
pub(crate) struct LastCheck(Mutex<Option<(Instant, &'static str)>>);

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    store: StoreStatus,
}

#[derive(Serialize)]
struct StoreStatus {
    status: &'static str,
    kind: &'static str,
}

/// `GET /healthz`: 200 as long as the process answers at all. For restarting it.
pub(crate) async fn healthz(State(app): State<Shared>) -> Response {
    let settings = app.settings();
    json::answer(&Health { status: "ok", version: settings.version, node: settings.node.as_deref() })
}

/// `GET /readyz`: 200 if the store took a write within the last second, else 503. For sending it traffic.
pub(crate) async fn readyz(State(app): State<Shared>) -> Response {
    // On a task of its own: a caller who goes away must not make the next one begin anew.
    let checking = app.side_lane.tasks().spawn(check(Arc::clone(&app)));
    let store = checking.await.unwrap_or("unavailable");
    let ready = store == "ok";
    let status = if ready { "ready" } else { "unavailable" };
    let store = StoreStatus { status: store, kind: app.settings().database };
    let mut response = json::answer(&Readiness { status, store });
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// How the store is: what was found within the last second, or, one caller at a time, what is found now.
async fn check(app: Shared) -> &'static str {
    let mut last = app.last_check.0.lock().await;
    if let Some((at, found)) = *last
        && at.elapsed() < GOOD_FOR
    {
        return found;
    }
    let found = match tokio::time::timeout(CHECK_TIMEOUT, app.store().check()).await {
        Ok(Ok(())) => "ok",
        Ok(Err(StoreError::Overloaded)) => "overloaded",
        Ok(Err(StoreError::Closed)) => "closed",
        Ok(Err(_)) => "unavailable",
        Err(_) => "slow",
    };
    *last = Some((Instant::now(), found));
    found
}
