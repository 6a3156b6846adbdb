//! `ringback status`.

use http::Method;
use serde_json::{Value, json};

use super::print_one;
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::Column;

const FIELDS: [Column; 11] = [
    ("version", &["version"]),
    ("database", &["database"]),
    ("node", &["node"]),
    ("status", &["status"]),
    ("sources", &["sources"]),
    ("endpoints", &["endpoints"]),
    ("deliveries pending", &["deliveries", "pending"]),
    ("deliveries in flight", &["deliveries", "in_flight"]),
    ("deliveries dead", &["deliveries", "dead"]),
    ("calls refused", &["refused"]),
    ("calls to no source", &["unknown_sources"]),
];

/// Asks the server how it is. A server that is up but not ready is shown as such, and is an error; how much
/// there is, it can mostly not say then.
pub(crate) fn run(global: &Global) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let health = api.call(Method::GET, "/healthz", None)?;
    let ready = api.raw(Method::GET, "/readyz", None)?;
    let readiness: Value = serde_json::from_slice(&ready.body).unwrap_or_default();
    let counted = api.call(Method::GET, "/v1/webhook_stats", None);
    let stats = counted.as_ref().unwrap_or(&Value::Null);
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
        "refused": stats["refused"],
        "unknown_sources": stats["unknown_sources"],
    });
    if !global.json && counted.is_ok() {
        status["endpoints"] = endpoints(&stats["endpoints"]).into();
        status["refused"] = refused(&stats["refused"]).into();
    }
    print_one(global, &status, &FIELDS)?;
    if ready.status != 200 {
        return Err(CliError::Refused {
            message: "the server is up, but cannot take events now; its log says why".into(),
        });
    }
    counted.map(drop)
}

/// `70 (7 signature_mismatch, 63 timestamp_too_old)`, or `0`.
fn refused(counts: &Value) -> String {
    let counts = counts.as_object().into_iter().flatten();
    let counts: Vec<(&String, u64)> = counts
        .filter_map(|(code, count)| Some((code, count.as_u64()?)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let sum: u64 = counts.iter().map(|(_, count)| count).sum();
    let told: Vec<String> = counts.iter().map(|(code, count)| format!("{count} {code}")).collect();
    if told.is_empty() { "0".to_owned() } else { format!("{sum} ({})", told.join(", ")) }
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

    #[test]
    fn refused_calls_are_counted_by_what_was_wrong() {
        assert_eq!(refused(&json!({})), "0");
        let counts = json!({ "body_too_large": 3, "signature_mismatch": 7 });
        assert_eq!(refused(&counts), "10 (3 body_too_large, 7 signature_mismatch)");
    }
}
