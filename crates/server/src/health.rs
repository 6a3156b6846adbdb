//! `/healthz` and `/readyz`: for whoever keeps the process running. No key is needed, nothing internal is told.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use ringback_store::StoreError;
use serde::Serialize;

use crate::json;
use crate::parts::Shared;

/// How long the store may take for a commit before this node counts as not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    store: StoreStatus,
}

#[derive(Serialize)]
struct StoreStatus {
    status: &'static str,
}

/// `GET /healthz`: 200 as long as the process answers at all. For restarting it.
pub(crate) async fn healthz(State(app): State<Shared>) -> Response {
    json::answer(&Health { status: "ok", version: app.settings().version })
}

/// `GET /readyz`: 200 if the store takes writes right now, else 503. For sending it traffic.
pub(crate) async fn readyz(State(app): State<Shared>) -> Response {
    let store = match tokio::time::timeout(CHECK_TIMEOUT, app.store().check()).await {
        Ok(Ok(())) => "ok",
        Ok(Err(StoreError::Overloaded)) => "overloaded",
        Ok(Err(StoreError::Closed)) => "closed",
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the store is not ready");
            "unavailable"
        }
        Err(_) => "slow",
    };
    let ready = store == "ok";
    let status = if ready { "ready" } else { "unavailable" };
    let mut response = json::answer(&Readiness { status, store: StoreStatus { status: store } });
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}
