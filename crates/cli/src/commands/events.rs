//! `ringback events`.

use std::io::Write;

use anstream::println;
use clap::Subcommand;
use http::Method;
use serde_json::Value;

use super::{PageArgs, print_list, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

const PATH: &str = "/v1/webhook_events";
const COLUMNS: [Column; 6] = [
    ("ID", &["id"]),
    ("RECEIVED", &["created_at"]),
    ("TYPE", &["type"]),
    ("STATE", &["state"]),
    ("OBJECT", &["object_id"]),
    ("WEBHOOK ID", &["webhook_id"]),
];
const FIELDS: [Column; 9] = [
    ("id", &["id"]),
    ("type", &["type"]),
    ("state", &["state"]),
    ("object", &["object_id"]),
    ("webhook id", &["webhook_id"]),
    ("upstream id", &["upstream_event_id"]),
    ("source", &["source_id"]),
    ("received", &["created_at"]),
    ("payload bytes", &["payload_bytes"]),
];
const ATTEMPT_COLUMNS: [Column; 6] = [
    ("ATTEMPT", &["number"]),
    ("OUTCOME", &["outcome"]),
    ("STATUS", &["status_code"]),
    ("MS", &["duration_ms"]),
    ("STARTED", &["started_at"]),
    ("ERROR", &["error"]),
];

/// What can be asked about events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List events, newest first.
    List {
        /// Only this type.
        #[arg(long = "type", value_name = "TYPE")]
        event_type: Option<String>,
        /// Only those about this object, such as `resp_…` or `batch_…`.
        #[arg(long, value_name = "ID")]
        object_id: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show an event with its deliveries and attempts.
    Get {
        /// `whev_…`
        id: String,
        /// Print the payload, byte for byte as it was received, and nothing else.
        #[arg(long)]
        payload: bool,
    },
}

/// Runs `ringback events …`.
pub(crate) fn run(global: &Global, command: EventsCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    match command {
        EventsCommand::List { event_type, object_id, page } => {
            let filters = [("type", event_type.as_deref()), ("object_id", object_id.as_deref())];
            let answer = api.call(Method::GET, &page.path(PATH, &filters), None)?;
            print_list(global, &answer, &COLUMNS, "no such events");
            Ok(())
        }
        EventsCommand::Get { id, payload: true } => print_payload(&api, &id),
        EventsCommand::Get { id, payload: false } => {
            let event = api.call(Method::GET, &format!("{PATH}/{}", segment(&id)), None)?;
            if global.json {
                output::json(&event);
            } else {
                print_event(&event);
            }
            Ok(())
        }
    }
}

fn print_payload(api: &ApiClient, id: &str) -> Result<(), CliError> {
    let path = format!("{PATH}/{}/payload", segment(id));
    let answer = api.raw(Method::GET, &path, None)?;
    if answer.status != 200 {
        // Asked again as JSON, so that the server's own sentence is shown.
        return api.call(Method::GET, &path, None).map(drop);
    }
    std::io::stdout().write_all(&answer.body).map_err(|source| CliError::Failed {
        message: "cannot write the payload".into(),
        source: Some(Box::new(source)),
    })
}

fn print_event(event: &Value) {
    output::fields(event, &FIELDS);
    for delivery in event["deliveries"].as_array().map_or(&[] as &[Value], Vec::as_slice) {
        let text = |key: &str| delivery[key].as_str().unwrap_or("-").to_owned();
        let why = delivery["end_reason"].as_str().map_or_else(String::new, |reason| format!(" ({reason})"));
        let test = if delivery["trigger"] == "test" { ", a test" } else { "" };
        println!("\ndelivery {} to {}{test}: {}{why}", text("id"), text("endpoint_id"), text("state"));
        if !delivery["next_attempt_at"].is_null() {
            output::fields(delivery, &[("next attempt", &["next_attempt_at"])]);
        }
        let attempts = delivery["attempts"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        output::table(attempts, &ATTEMPT_COLUMNS, "  not attempted yet");
    }
}
