//! Letting an endpoint's deliveries go again: `resume` and `enable`, each with what follows from it.

use http::Method;
use serde_json::Value;

use super::view::show;
use super::{change, missed, one, tell_hold};
use crate::args::Global;
use crate::client::ApiClient;
use crate::commands::{hold, items, segment};
use crate::exit::CliError;
use crate::output;

/// How it was before.
#[derive(Clone, Copy)]
struct Before {
    was_held: bool,
    has_pending: bool,
}

/// Lets the deliveries of a paused endpoint go on.
pub(super) fn resume(global: &Global, api: &ApiClient, id: &str) -> Result<(), CliError> {
    lift(global, api, id, "paused").map(drop)
}

/// Enables a disabled endpoint, and tells what it missed, or sends it.
pub(super) fn enable(
    global: &Global,
    api: &ApiClient,
    id: &str,
    replay_missed: bool,
) -> Result<(), CliError> {
    let endpoint = lift(global, api, id, "disabled")?;
    if replay_missed {
        return missed::send(global, api, &endpoint);
    }
    missed::tell(global, &endpoint);
    Ok(())
}

fn lift(global: &Global, api: &ApiClient, id: &str, hold: &str) -> Result<Value, CliError> {
    let before = if global.json { None } else { Some(ask(api, id, hold)?) };
    let endpoint = change(api, id, hold, false)?;
    show(global, &endpoint)?;
    tell_hold(global, &endpoint);
    if let Some(told) = before.and_then(|before| consequence(global, before, &endpoint, hold)) {
        output::talk(told);
    }
    Ok(endpoint)
}

fn ask(api: &ApiClient, id: &str, hold: &str) -> Result<Before, CliError> {
    let endpoint = api.call(Method::GET, &one(id), None)?;
    let path = format!("/v1/webhook_deliveries?endpoint_id={}&state=pending&limit=1", segment(id));
    let pending = api.call(Method::GET, &path, None)?;
    let was_held = match hold {
        "paused" => endpoint["paused"] == true,
        _ => !endpoint["disabled_at"].is_null(),
    };
    Ok(Before { was_held, has_pending: !items(&pending).is_empty() })
}

fn consequence(global: &Global, before: Before, endpoint: &Value, hold: &str) -> Option<String> {
    if !before.was_held {
        return Some(format!("it was not {hold}"));
    }
    let goes_out = before.has_pending && hold::by_person(global, endpoint).is_none();
    goes_out.then(|| "what was held goes out now, at a bounded rate".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_follows_depends_on_how_it_was_and_is() {
        let global = Global { json: false, server: None, project: None, data_dir: None };
        let free = json!({ "id": "whe_1", "name": "a", "paused": false, "disabled_at": null });
        let told = |was_held, has_pending, endpoint: &Value| {
            consequence(&global, Before { was_held, has_pending }, endpoint, "paused")
        };
        assert_eq!(told(false, true, &free).as_deref(), Some("it was not paused"));
        assert_eq!(told(true, false, &free), None);
        assert!(told(true, true, &free).unwrap().starts_with("what was held goes out now"));
        let mut disabled = free;
        disabled["disabled_at"] = 7.into();
        assert_eq!(told(true, true, &disabled), None, "it is held still");
    }
}
