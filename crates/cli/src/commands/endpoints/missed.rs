//! What an endpoint missed while it was disabled: told to whoever enables it, or sent at once.

use http::Method;
use serde_json::Value;

use crate::args::Global;
use crate::client::ApiClient;
use crate::commands::replays;
use crate::exit::CliError;
use crate::output;

/// Tells what was missed, and how it is sent.
pub(super) fn tell(global: &Global, endpoint: &Value) {
    let missed = &endpoint["missed"];
    if global.json || missed.is_null() {
        return;
    }
    if is_nothing(missed) {
        output::talk("nothing was missed while it was disabled");
        return;
    }
    let count = replays::count_of(missed);
    output::talk(format_args!(
        "missed while it was disabled: {count}; to send them:\n  {}",
        command(global, &missed["replay"])
    ));
}

/// Sends what was missed.
pub(super) fn send(global: &Global, api: &ApiClient, endpoint: &Value) -> Result<(), CliError> {
    let missed = &endpoint["missed"];
    if missed.is_null() {
        // It was not disabled: what it missed, if anything, is not told.
        let id = endpoint["id"].as_str().unwrap_or_default();
        output::talk(format_args!(
            "nothing is replayed, since it was not disabled; to send what it missed:\n  \
             ringback replays create --endpoint {id} --missed{}",
            global.typed()
        ));
        return Ok(());
    }
    if is_nothing(missed) {
        if !global.json {
            output::talk("nothing was missed while it was disabled");
        }
        return Ok(());
    }
    let replay = api.call(Method::POST, replays::PATH, Some(&missed["replay"]))?;
    if global.json {
        return output::json(&replay);
    }
    let id = replay["id"].as_str().unwrap_or_default();
    let count = replays::count_of(missed);
    output::talk(format_args!(
        "missed while it was disabled: {count}, which replay {id} sends; to see it:\n  ringback replays watch {id}{}",
        global.typed()
    ));
    Ok(())
}

fn is_nothing(missed: &Value) -> bool {
    missed["count"] == 0 && missed["count_is_minimum"] != true
}

/// What makes the replay that the server proposes.
fn command(global: &Global, replay: &Value) -> String {
    let id = replay["endpoint_id"].as_str().unwrap_or_default();
    let since = &replay["created_after"];
    format!("ringback replays create --endpoint {id} --missed --since {since}{}", global.typed())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_command_is_the_proposed_replay() {
        let global = Global { json: false, server: None, project: Some("shop".into()), data_dir: None };
        let replay = json!({ "endpoint_id": "whe_1", "state": "missed", "created_after": 7 });
        let expected = "ringback replays create --endpoint whe_1 --missed --since 7 --project shop";
        assert_eq!(command(&global, &replay), expected);
    }

    #[test]
    fn what_could_not_be_counted_is_not_nothing() {
        assert!(is_nothing(&json!({ "count": 0, "count_is_minimum": false })));
        assert!(!is_nothing(&json!({ "count": 0, "count_is_minimum": true })));
        assert!(!is_nothing(&json!({ "count": 3, "count_is_minimum": false })));
    }
}
