//! An endpoint as people read it: what is set of it, and how it stands in a word or two.

use serde_json::Value;

use crate::args::Global;
use crate::commands::duration;
use crate::exit::CliError;
use crate::output::{self, Column};
use crate::serve::now;

/// How long it matters that an endpoint was resumed, in seconds.
const RESUMED_LATELY_SECS: i64 = 3600;

/// How endpoints are listed, each with its [`state`].
pub(super) const COLUMNS: [Column; 5] = [
    ("ID", &["id"]),
    ("NAME", &["name"]),
    ("STATE", &["state"]),
    ("EVENT TYPES", &["event_types"]),
    ("URL", &["url"]),
];
const FIELDS: [Column; 24] = [
    ("id", &["id"]),
    ("name", &["name"]),
    ("description", &["description"]),
    ("url", &["url"]),
    ("state", &["state"]),
    ("disabled", &["disabled_at"]),
    ("disabled because", &["disabled_reason"]),
    ("failing since", &["failing_since"]),
    ("next probe", &["breaker", "probe_at"]),
    ("resumed", &["resumed_at"]),
    ("event types", &["event_types"]),
    ("timeout", &["timeout_secs"]),
    ("headers", &["headers"]),
    ("authentication", &["authentication", "type"]),
    ("no retry after", &["no_retry_statuses"]),
    ("retry delays", &["retry_delays_secs"]),
    ("max per sec", &["max_per_sec"]),
    ("max concurrency", &["max_concurrency"]),
    ("ordering", &["ordering"]),
    ("ordering wait", &["ordering_wait_secs"]),
    ("max age", &["max_age_secs"]),
    ("signature", &["signature_scheme"]),
    ("secret", &["signing_secret"]),
    ("secret hint", &["signing_secret_hint"]),
];

/// Prints an endpoint.
pub(super) fn show(global: &Global, endpoint: &Value) -> Result<(), CliError> {
    if global.json {
        return output::json(endpoint);
    }
    output::fields(&readable(endpoint, now().as_unix_secs()), &FIELDS)?;
    if endpoint["signing_secret"].is_string() {
        output::talk("keep the secret now: it is not shown again");
    }
    Ok(())
}

/// Gives each endpoint of a list its state.
pub(super) fn add_states(list: &mut Value) {
    for endpoint in list["data"].as_array_mut().into_iter().flatten() {
        endpoint["state"] = state(endpoint).into();
    }
}

/// With its state and its times in units, and without the rules that every endpoint has that names none.
fn readable(endpoint: &Value, now_secs: i64) -> Value {
    let mut readable = endpoint.clone();
    readable["state"] = state(endpoint).into();
    for field in ["timeout_secs", "ordering_wait_secs", "max_age_secs"] {
        readable[field] = endpoint[field].as_u64().map(duration::shown).into();
    }
    if endpoint["resumed_at"].as_i64().is_some_and(|at| now_secs - at > RESUMED_LATELY_SECS) {
        readable["resumed_at"] = Value::Null;
    }
    if endpoint["ordering"] == "none" {
        readable["ordering"] = Value::Null;
        readable["ordering_wait_secs"] = Value::Null;
    }
    if let Some(delays) = endpoint["retry_delays_secs"].as_array() {
        let delays: Vec<String> = delays.iter().filter_map(Value::as_u64).map(duration::shown).collect();
        readable["retry_delays_secs"] = match delays.is_empty() {
            true => "none: one attempt and no retry".into(),
            false => delays.join(", ").into(),
        };
    }
    readable
}

/// What a person did comes first, then what the endpoint does, then what Ringback does about it.
fn state(endpoint: &Value) -> String {
    let breaker = endpoint["breaker"]["state"].as_str().filter(|state| *state != "closed");
    let breaker = breaker.map(|state| format!("breaker {state}"));
    let parts = [
        (!endpoint["disabled_at"].is_null()).then(|| "disabled".to_owned()),
        (endpoint["paused"] == true).then(|| "paused".to_owned()),
        (!endpoint["failing_since"].is_null()).then(|| "failing".to_owned()),
        breaker,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "ok".to_owned(),
        false => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_state_is_all_that_is_out_of_the_ordinary() {
        let well = json!({ "paused": false, "disabled_at": null, "failing_since": null, "breaker": { "state": "closed" } });
        assert_eq!(state(&well), "ok");
        let with = |field: &str, value: Value| {
            let mut endpoint = well.clone();
            endpoint[field] = value;
            state(&endpoint)
        };
        assert_eq!(with("paused", true.into()), "paused");
        assert_eq!(with("disabled_at", 7.into()), "disabled");
        assert_eq!(with("failing_since", 7.into()), "failing");
        assert_eq!(with("breaker", json!({ "state": "ramping" })), "breaker ramping");
        let all =
            json!({ "paused": true, "disabled_at": 7, "failing_since": 7, "breaker": { "state": "open" } });
        assert_eq!(state(&all), "disabled, paused, failing, breaker open");
    }

    #[test]
    fn rules_are_shown_where_they_are_set() {
        let plain = json!({ "ordering": "none", "ordering_wait_secs": 3600, "retry_delays_secs": null });
        let shown = readable(&plain, 0);
        assert!(
            ["ordering", "ordering_wait_secs", "retry_delays_secs"]
                .iter()
                .all(|field| shown[field].is_null())
        );
        let set = json!({ "ordering": "object", "ordering_wait_secs": 3600, "retry_delays_secs": [] });
        let shown = readable(&set, 0);
        assert_eq!((&shown["ordering"], &shown["ordering_wait_secs"]), (&json!("object"), &json!("1 h")));
        assert_eq!(shown["retry_delays_secs"], "none: one attempt and no retry");
    }

    #[test]
    fn times_have_units_and_that_it_was_resumed_is_soon_forgotten() {
        let endpoint = json!({ "timeout_secs": 10, "retry_delays_secs": [5, 120], "resumed_at": 1000 });
        let shown = readable(&endpoint, 4600);
        assert_eq!(
            (&shown["timeout_secs"], &shown["retry_delays_secs"]),
            (&json!("10 s"), &json!("5 s, 2 min"))
        );
        assert_eq!(shown["resumed_at"], 1000);
        assert_eq!(readable(&endpoint, 4601)["resumed_at"], Value::Null);
    }
}
