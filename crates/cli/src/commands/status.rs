//! `ringback status`.

use http::Method;
use serde_json::{Value, json};

use super::print_one;
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::Column;

const FIELDS: [Column; 9] = [
    ("version", &["version"]),
    ("database", &["database"]),
    ("node", &["node"]),
    ("status", &["status"]),
    ("sources", &["sources"]),
    ("endpoints", &["endpoints"]),
    ("deliveries pending", &["deliveries", "pending"]),
    ("deliveries in flight", &["deliveries", "in_flight"]),
    ("deliveries dead", &["deliveries", "dead"]),
];

/// Asks the server how it is. A server that is up but not ready is shown as such, and is an error.
pub(crate) fn run(global: &Global) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let health = api.call(Method::GET, "/healthz", None)?;
    let ready = api.raw(Method::GET, "/readyz", None)?;
    let readiness: Value = serde_json::from_slice(&ready.body).unwrap_or_default();
    let stats = api.call(Method::GET, "/v1/webhook_stats", None)?;
    let mut status = json!({
        "object": "status",
        "version": health["version"],
        "database": readiness["store"]["kind"],
        "node": health["node"],
        "status": readiness["status"],
        "sources": stats["sources"],
        "endpoints": stats["endpoints"],
        "deliveries": stats["deliveries"],
        "pending": stats["pending"],
        "in_flight": stats["in_flight"],
    });
    if !global.json {
        status["endpoints"] = endpoints(&stats["endpoints"]).into();
    }
    print_one(global, &status, &FIELDS)?;
    if ready.status == 200 {
        Ok(())
    } else {
        Err(CliError::Refused {
            message: "the server is up, but cannot take events now; its log says why".into(),
        })
    }
}

/// `2 active (1 failing), 1 disabled`: those that there are.
fn endpoints(counts: &Value) -> String {
    let count = |state: &str| counts[state].as_u64().unwrap_or_default();
    let failing = match count("failing") {
        0 => String::new(),
        failing => format!(" ({failing} failing)"),
    };
    let mut told = format!("{} active{failing}", count("active"));
    for state in ["paused", "disabled"] {
        if count(state) > 0 {
            told.push_str(&format!(", {} {state}", count(state)));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_counted_by_how_they_stand() {
        let counts = json!({ "active": 2, "paused": 0, "disabled": 1, "failing": 1 });
        assert_eq!(endpoints(&counts), "2 active (1 failing), 1 disabled");
        let well = json!({ "active": 0, "paused": 0, "disabled": 0, "failing": 0 });
        assert_eq!(endpoints(&well), "0 active");
    }
}
