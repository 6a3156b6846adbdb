//! `ringback deliveries`.

use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::{PageArgs, print_list, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

const PATH: &str = "/v1/webhook_deliveries";
/// How deliveries are listed.
pub(super) const COLUMNS: [Column; 8] = [
    ("ID", &["id"]),
    ("MADE", &["created_at"]),
    ("TYPE", &["event", "type"]),
    ("STATE", &["state"]),
    ("WHY", &["end_reason"]),
    ("ATTEMPTS", &["attempt_count"]),
    ("NEXT ATTEMPT", &["next_attempt_at"]),
    ("ENDPOINT", &["endpoint_id"]),
];
const FIELDS: [Column; 14] = [
    ("id", &["id"]),
    ("state", &["state"]),
    ("why", &["end_reason"]),
    ("trigger", &["trigger"]),
    ("endpoint", &["endpoint_id"]),
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
            return print_list(global, &answer, &COLUMNS, "no such deliveries");
        }
        DeliveriesCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        DeliveriesCommand::Redeliver { id } => {
            api.call(Method::POST, &format!("{}/redeliver", one(&id)), None)?
        }
        DeliveriesCommand::Cancel { id } => api.call(Method::POST, &format!("{}/cancel", one(&id)), None)?,
    };
    show(global, delivery)
}

fn show(global: &Global, delivery: Value) -> Result<(), CliError> {
    if global.json {
        return output::json(&delivery);
    }
    output::fields(&delivery, &FIELDS)?;
    match delivery["attempts"].is_array() {
        true => {
            output::line("")?;
            print_attempts(delivery)
        }
        false => Ok(()),
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
    output::table(&attempts, &ATTEMPT_COLUMNS, "not attempted yet")
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
