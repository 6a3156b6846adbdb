//! `ringback deliveries`.

mod why;

use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::{PageArgs, endpoints, items, mention_more, replays, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};
use crate::serve::now;

pub(super) const PATH: &str = "/v1/webhook_deliveries";
/// How deliveries are listed, each with why it stands so.
const COLUMNS: [Column; 9] = [
    ("ID", &["id"]),
    ("MADE", &["created_at"]),
    ("TYPE", &["event", "type"]),
    ("OBJECT", &["event", "object_id"]),
    ("TRIGGER", &["trigger"]),
    ("STATE", &["state"]),
    ("WHY", &["why"]),
    ("TRIES", &["attempt_count"]),
    ("ENDPOINT", &["endpoint_id"]),
];
const FIELDS: [Column; 15] = [
    ("id", &["id"]),
    ("state", &["state"]),
    ("why", &["why"]),
    ("trigger", &["trigger"]),
    ("endpoint", &["endpoint_id"]),
    ("to", &["target_url"]),
    ("event", &["event_id"]),
    ("type", &["event", "type"]),
    ("object", &["event", "object_id"]),
    ("webhook id", &["event", "webhook_id"]),
    ("replay", &["replay_id"]),
    ("made", &["created_at"]),
    ("next attempt", &["next_attempt_at"]),
    ("expires", &["expires_at"]),
    ("ended", &["finished_at"]),
];
const ATTEMPT_COLUMNS: [Column; 7] = [
    ("ATTEMPT", &["number"]),
    ("OUTCOME", &["outcome"]),
    ("STATUS", &["status_code"]),
    ("MS", &["duration_ms"]),
    ("STARTED", &["started_at"]),
    ("ERROR", &["error"]),
    ("ANSWER", &["response_body"]),
];
/// How much of an answer a table shows, in characters; all that is kept of it is in the JSON.
const MAX_ANSWER_CHARS: usize = 80;

/// What can be done with deliveries.
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// List deliveries, newest first.
    #[command(after_help = "Examples:\n  ringback deliveries list --state dead\n  \
        ringback deliveries list --endpoint whe_... --state pending")]
    List {
        /// Only those to this endpoint.
        #[arg(long, value_name = "ID")]
        endpoint: Option<String>,
        /// Only those of this event.
        #[arg(long, value_name = "ID")]
        event: Option<String>,
        /// Only those that this replay made.
        #[arg(long, value_name = "ID")]
        replay: Option<String>,
        /// Only those that stand so.
        #[arg(long, value_parser = ["pending", "delivered", "dead", "cancelled"])]
        state: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a delivery with its attempts.
    Get {
        /// `whd_…`
        id: String,
    },
    /// Deliver the same event to the same endpoint again, as a new delivery.
    Redeliver {
        /// `whd_…`
        id: String,
    },
    /// Call a pending delivery off: no more attempts. One that is under way may still arrive.
    Cancel {
        /// `whd_…`
        id: String,
    },
}

/// Runs `ringback deliveries …`.
pub(crate) fn run(global: &Global, command: DeliveriesCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let one = |id: &str| format!("{PATH}/{}", segment(id));
    let delivery = match command {
        DeliveriesCommand::List { endpoint, event, replay, state, page } => {
            let filters = [
                ("endpoint_id", endpoint.as_deref()),
                ("event_id", event.as_deref()),
                ("replay_id", replay.as_deref()),
                ("state", state.as_deref()),
            ];
            let answer = api.call(Method::GET, &page.path(PATH, &filters), None)?;
            return list(global, &answer, endpoint.is_none());
        }
        DeliveriesCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        DeliveriesCommand::Redeliver { id } => {
            api.call(Method::POST, &format!("{}/redeliver", one(&id)), None)?
        }
        DeliveriesCommand::Cancel { id } => api.call(Method::POST, &format!("{}/cancel", one(&id)), None)?,
    };
    show(global, &api, delivery)
}

fn list(global: &Global, answer: &Value, with_endpoint: bool) -> Result<(), CliError> {
    if global.json {
        return output::json(answer);
    }
    table(items(answer), with_endpoint, "no such deliveries")?;
    mention_more(answer);
    Ok(())
}

/// Deliveries as a table; which endpoint they go to is left out where the person named it.
pub(super) fn table(deliveries: &[Value], with_endpoint: bool, when_empty: &str) -> Result<(), CliError> {
    let mut deliveries = deliveries.to_vec();
    for delivery in &mut deliveries {
        delivery["why"] = why(delivery).into();
    }
    let mut columns = output::columns_in_use(&deliveries, &COLUMNS);
    columns.retain(|(heading, _)| with_endpoint || *heading != "ENDPOINT");
    output::table(&deliveries, &columns, when_empty)
}

/// Why it stands as it does, in a few words.
pub(super) fn why(delivery: &Value) -> Option<String> {
    why::short(delivery, now().as_unix_secs())
}

fn show(global: &Global, api: &ApiClient, mut delivery: Value) -> Result<(), CliError> {
    if global.json {
        return output::json(&delivery);
    }
    add_surroundings(api, &mut delivery);
    output::fields(&delivery, &FIELDS)?;
    match delivery["attempts"].is_array() {
        true => {
            output::line("")?;
            print_attempts(delivery)
        }
        false => Ok(()),
    }
}

/// What is known of it elsewhere: why it waits, and where a replay sends it. What cannot be asked is left
/// out.
fn add_surroundings(api: &ApiClient, delivery: &mut Value) {
    let ask = |base: &str, id: &Value| {
        let path = format!("{base}/{}", segment(id.as_str()?));
        api.call(Method::GET, &path, None).ok()
    };
    delivery["why"] = why(delivery).into();
    if delivery["held_by"] == "breaker"
        && let Some(endpoint) = ask(endpoints::PATH, &delivery["endpoint_id"])
        && let Some(time) = endpoint["breaker"]["probe_at"].as_i64().and_then(output::time)
    {
        delivery["why"] = format!("breaker open, next probe {time}").into();
    }
    if let Some(replay) = ask(replays::PATH, &delivery["replay_id"])
        && replay["target_url"].is_string()
    {
        // The endpoint is one of the replay's own, which nobody knows.
        delivery["target_url"] = replay["target_url"].clone();
        delivery["endpoint_id"] = Value::Null;
    }
}

/// The attempts of a delivery as a table.
pub(super) fn print_attempts(mut delivery: Value) -> Result<(), CliError> {
    let mut attempts = match delivery["attempts"].take() {
        Value::Array(attempts) => attempts,
        _ => Vec::new(),
    };
    for attempt in &mut attempts {
        let start = attempt["response_body"].as_str().and_then(start_of);
        attempt["response_body"] = start.into();
    }
    let when_none = match delivery["state"] == "pending" {
        true => "not attempted yet",
        false => "never attempted",
    };
    output::table(&attempts, &output::columns_in_use(&attempts, &ATTEMPT_COLUMNS), when_none)
}

/// What a table has room for of an answer; nothing, if that is blank.
fn start_of(body: &str) -> Option<String> {
    let mut words = body.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(MAX_ANSWER_CHARS) {
        words.truncate(end);
        words.push('…');
    }
    Some(words).filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_shown_on_one_line_as_far_as_there_is_room() {
        assert_eq!(start_of(" no\r\n  way "), Some("no way".to_owned()));
        assert_eq!(start_of(" \n"), None);
        let long = start_of(&"é".repeat(81)).unwrap();
        assert_eq!((long.chars().count(), long.ends_with("é…")), (81, true));
        assert_eq!(start_of(&"é".repeat(80)).unwrap().chars().count(), 80);
    }
}
