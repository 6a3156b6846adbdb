//! `ringback endpoints`.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::sources::deleted;
use super::{PageArgs, items, mention_more, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

const PATH: &str = "/v1/webhook_endpoints";
const COLUMNS: [Column; 4] =
    [("ID", &["id"]), ("NAME", &["name"]), ("EVENT TYPES", &["event_types"]), ("URL", &["url"])];
const FIELDS: [Column; 9] = [
    ("id", &["id"]),
    ("name", &["name"]),
    ("url", &["url"]),
    ("event types", &["event_types"]),
    ("timeout secs", &["timeout_secs"]),
    ("secret", &["signing_secret"]),
    ("secret hint", &["signing_secret_hint"]),
    ("paused", &["paused"]),
    ("disabled", &["disabled_reason"]),
];

/// What can be done with endpoints.
#[derive(Debug, Subcommand)]
pub(crate) enum EndpointsCommand {
    /// Make an endpoint. Its signing secret is shown this once.
    #[command(
        after_help = "Example: ringback endpoints create --name app --to http://127.0.0.1:3000/webhook \
        --event-type 'response.*' --event-type batch.completed"
    )]
    Create {
        /// A name for people.
        #[arg(long)]
        name: String,
        /// Where to deliver: your app.
        #[arg(long, value_name = "URL")]
        to: String,
        /// What it wants: a type, a family such as `batch.*`, or `*`. May be given several times.
        #[arg(long = "event-type", value_name = "TYPE", default_value = "*")]
        event_types: Vec<String>,
        /// The time-out of one attempt, 1 to 60 seconds [default: 10].
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=60))]
        timeout_secs: Option<u8>,
    },
    /// List endpoints.
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show an endpoint.
    Get {
        /// `whe_…`
        id: String,
    },
    /// Change an endpoint.
    Update {
        /// `whe_…`
        id: String,
        /// A new name.
        #[arg(long)]
        name: Option<String>,
        /// A new URL.
        #[arg(long, value_name = "URL")]
        to: Option<String>,
        /// A new set of types, in place of the whole old one. May be given several times.
        #[arg(long = "event-type", value_name = "TYPE")]
        event_types: Vec<String>,
        /// A new time-out, 1 to 60 seconds.
        #[arg(long, value_parser = clap::value_parser!(u8).range(1..=60))]
        timeout_secs: Option<u8>,
        /// `true` holds its deliveries, `false` lets them go on.
        #[arg(long, value_name = "BOOL")]
        paused: Option<bool>,
        /// `true` makes no deliveries any more and holds what is pending, `false` enables it again.
        #[arg(long, value_name = "BOOL")]
        disabled: Option<bool>,
    },
    /// Delete an endpoint: what is pending for it is cancelled, its history stays.
    Delete {
        /// `whe_…`
        id: String,
    },
}

/// Runs `ringback endpoints …`.
pub(crate) fn run(global: &Global, command: EndpointsCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let answer = match command {
        EndpointsCommand::Create { name, to, event_types, timeout_secs } => {
            let mut body = json!({ "name": name, "url": to, "event_types": event_types });
            if let Some(secs) = timeout_secs {
                body["timeout_secs"] = secs.into();
            }
            api.call(Method::POST, PATH, Some(&body))?
        }
        EndpointsCommand::List { page } => return list(global, &api, &page),
        EndpointsCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        EndpointsCommand::Update { id, name, to, event_types, timeout_secs, paused, disabled } => {
            let mut body = Map::new();
            for (key, value) in [("name", name), ("url", to)] {
                if let Some(value) = value {
                    body.insert(key.into(), value.into());
                }
            }
            if !event_types.is_empty() {
                body.insert("event_types".into(), event_types.into());
            }
            if let Some(secs) = timeout_secs {
                body.insert("timeout_secs".into(), secs.into());
            }
            for (key, value) in [("paused", paused), ("disabled", disabled)] {
                if let Some(value) = value {
                    body.insert(key.into(), value.into());
                }
            }
            api.call(Method::POST, &one(&id), Some(&Value::Object(body)))?
        }
        EndpointsCommand::Delete { id } => {
            let answer = api.call(Method::DELETE, &one(&id), None)?;
            return deleted(global, &answer);
        }
    };
    show(global, &answer);
    Ok(())
}

fn list(global: &Global, api: &ApiClient, page: &PageArgs) -> Result<(), CliError> {
    let answer = api.call(Method::GET, &page.path(PATH, &[]), None)?;
    if global.json {
        output::json(&answer);
    } else {
        output::table(
            items(&answer),
            &COLUMNS,
            "no endpoints yet; make one with `ringback endpoints create`",
        );
        mention_more(&answer);
    }
    Ok(())
}

fn show(global: &Global, endpoint: &Value) {
    if global.json {
        output::json(endpoint);
        return;
    }
    output::fields(endpoint, &FIELDS);
    if endpoint["signing_secret"].is_string() {
        anstream::eprintln!("keep the secret now: it is not shown again");
    }
}

fn one(id: &str) -> String {
    format!("{PATH}/{}", segment(id))
}
