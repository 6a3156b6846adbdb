//! `ringback events`.

use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::{PageArgs, deliveries, items, print_list, segment, typed};
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

/// What can be asked about events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List events, newest first.
    List {
        /// Only this type.
        #[arg(long = "type", value_name = "TYPE", value_parser = typed::one_type)]
        event_type: Option<String>,
        /// Only those about this object, such as `resp_…` or `batch_…`.
        #[arg(long, visible_alias = "object", value_name = "ID")]
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
    /// Deliver an event again: to every endpoint that wants its type now, or to one.
    #[command(after_help = "Example: ringback events redeliver whev_... --endpoint whe_...

        To send many events again: ringback replays create")]
    Redeliver {
        /// `whev_…`
        id: String,
        /// To this endpoint only, whatever it subscribes to.
        #[arg(long, value_name = "ID")]
        endpoint: Option<String>,
    },
}

/// Runs `ringback events …`.
pub(crate) fn run(global: &Global, command: EventsCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    match command {
        EventsCommand::List { event_type, object_id, page } => {
            let filters = [("type", event_type.as_deref()), ("object_id", object_id.as_deref())];
            let answer = api.call(Method::GET, &page.path(PATH, &filters), None)?;
            print_list(global, &answer, &COLUMNS, "no such events")
        }
        EventsCommand::Get { id, payload: true } => print_payload(&api, &id),
        EventsCommand::Get { id, payload: false } => {
            let event = api.call(Method::GET, &format!("{PATH}/{}", segment(&id)), None)?;
            match global.json {
                true => output::json(&event),
                false => print_event(&event),
            }
        }
        EventsCommand::Redeliver { id, endpoint } => {
            let body = endpoint.as_ref().map_or_else(|| json!({}), |id| json!({ "endpoint_id": id }));
            let path = format!("{PATH}/{}/redeliver", segment(&id));
            let made = api.call(Method::POST, &path, Some(&body))?;
            match global.json {
                true => output::json(&made),
                false => deliveries::table(items(&made), endpoint.is_none(), "nothing is delivered again"),
            }
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
    output::bytes(&answer.body)
}

fn print_event(event: &Value) -> Result<(), CliError> {
    output::fields(event, &FIELDS)?;
    for delivery in event["deliveries"].as_array().map_or(&[] as &[Value], Vec::as_slice) {
        let text = |key: &str| delivery[key].as_str().unwrap_or("-");
        let why = deliveries::why(delivery).map_or_else(String::new, |why| format!(" ({why})"));
        let trigger = match text("trigger") {
            "event" => String::new(),
            other => format!(", a {other}"),
        };
        let (id, endpoint, state) = (text("id"), text("endpoint_id"), text("state"));
        output::line(format_args!("\ndelivery {id} to {endpoint}{trigger}: {state}{why}"))?;
        output::fields(delivery, &[("next attempt", &["next_attempt_at"])])?;
        deliveries::print_attempts(delivery.clone())?;
    }
    Ok(())
}
