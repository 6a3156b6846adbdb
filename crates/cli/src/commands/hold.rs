//! What holds an endpoint's deliveries back, in words, and what lets them go.
//!
//! A person did it (paused, disabled), or Ringback did: it disables after 410, and its circuit breaker opens
//! on failures. *Not* guaranteed: that it is still so when it is read; a breaker is that of the node that was
//! asked.

use http::Method;
use serde_json::Value;

use super::{endpoints, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::output::{harmless, talk, time};

/// Says on stderr what holds a named endpoint back, and returns what it said, if anything does. That it
/// cannot be asked is no reason to fail.
pub(super) fn tell_of(global: &Global, api: &ApiClient, endpoint_id: &str) -> Option<String> {
    let path = format!("{}/{}", endpoints::PATH, segment(endpoint_id));
    let endpoint = api.call(Method::GET, &path, None).ok()?;
    let held = sentence(global, &endpoint)?;
    talk(&held);
    Some(held)
}

/// `endpoint app is paused: nothing goes out until …`; `None` if nothing holds it back.
pub(super) fn sentence(global: &Global, endpoint: &Value) -> Option<String> {
    by_person(global, endpoint).or_else(|| by_breaker(endpoint))
}

/// The same, of what stays until a person undoes it.
pub(super) fn by_person(global: &Global, endpoint: &Value) -> Option<String> {
    let id = endpoint["id"].as_str().unwrap_or_default();
    let holds = [
        (!endpoint["disabled_at"].is_null(), "disabled", "enable"),
        (endpoint["paused"] == true, "paused", "resume"),
    ];
    let holds: Vec<_> = holds.into_iter().filter(|(holds, ..)| *holds).collect();
    if holds.is_empty() {
        return None;
    }
    let states: Vec<&str> = holds.iter().map(|(_, state, _)| *state).collect();
    let flags = global.typed();
    let commands: Vec<String> =
        holds.iter().map(|(.., verb)| format!("`ringback endpoints {verb} {id}{flags}`")).collect();
    let (name, states, commands) = (name(endpoint), states.join(" and "), commands.join(" and "));
    Some(format!("endpoint {name} is {states}: nothing goes out until {commands}"))
}

fn by_breaker(endpoint: &Value) -> Option<String> {
    let state = endpoint["breaker"]["state"].as_str().filter(|state| matches!(*state, "open" | "probing"))?;
    let name = name(endpoint);
    let probe = endpoint["breaker"]["probe_at"].as_i64().and_then(time).filter(|_| state == "open");
    Some(match probe {
        Some(time) => {
            format!("endpoint {name} fails, its breaker is open: nothing goes out until a probe at {time}")
        }
        None => format!(
            "endpoint {name} fails, its breaker is {state}: one attempt is made to see, the rest waits"
        ),
    })
}

fn name(endpoint: &Value) -> String {
    harmless(endpoint["name"].as_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(fields: &Value) -> Option<String> {
        let global = Global { json: false, server: None, project: None, data_dir: None };
        let mut endpoint = json!({ "id": "whe_1", "name": "app", "paused": false, "disabled_at": null });
        for (name, value) in fields.as_object().unwrap() {
            endpoint[name] = value.clone();
        }
        sentence(&global, &endpoint)
    }

    #[test]
    fn what_a_person_did_is_said_with_what_undoes_it() {
        assert_eq!(said(&json!({ "breaker": { "state": "closed", "probe_at": null } })), None);
        assert_eq!(
            said(&json!({ "paused": true })).unwrap(),
            "endpoint app is paused: nothing goes out until `ringback endpoints resume whe_1`"
        );
        let both =
            said(&json!({ "paused": true, "disabled_at": 7, "breaker": { "state": "open" } })).unwrap();
        assert!(both.starts_with("endpoint app is disabled and paused: "), "{both}");
        assert!(both.ends_with("`ringback endpoints enable whe_1` and `ringback endpoints resume whe_1`"));
    }

    #[test]
    fn an_open_breaker_says_when_it_probes() {
        let open = said(&json!({ "breaker": { "state": "open", "probe_at": 1_750_287_018 } })).unwrap();
        assert!(open.ends_with("until a probe at 2025-06-18 22:50:18 UTC"), "{open}");
        let probing = said(&json!({ "breaker": { "state": "probing", "probe_at": 1_750_287_018 } })).unwrap();
        assert!(probing.contains("one attempt is made to see"), "{probing}");
        assert_eq!(said(&json!({ "breaker": { "state": "ramping" } })), None, "it goes out");
    }
}
