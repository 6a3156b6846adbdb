//! `ringback status`.

use http::Method;
use serde_json::{Value, json};

use super::print_one;
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::Column;

const FIELDS: [Column; 6] = [
    ("version", &["version"]),
    ("status", &["status"]),
    ("sources", &["sources"]),
    ("endpoints", &["endpoints"]),
    ("deliveries pending", &["pending"]),
    ("deliveries in flight", &["in_flight"]),
];

/// Asks the server how it is. A server that is up but not ready is shown as such, and is an error.
pub(crate) fn run(global: &Global) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let health = api.call(Method::GET, "/healthz", None)?;
    let ready = api.raw(Method::GET, "/readyz", None)?;
    let readiness: Value = serde_json::from_slice(&ready.body).unwrap_or_default();
    let stats = api.call(Method::GET, "/v1/webhook_stats", None)?;
    let status = json!({
        "object": "status",
        "version": health["version"],
        "status": readiness["status"],
        "sources": stats["sources"],
        "endpoints": stats["endpoints"],
        "pending": stats["pending"],
        "in_flight": stats["in_flight"],
    });
    print_one(global, &status, &FIELDS)?;
    if ready.status == 200 {
        Ok(())
    } else {
        Err(CliError::Refused {
            message: "the server is up, but cannot take events now; its log says why".into(),
        })
    }
}
