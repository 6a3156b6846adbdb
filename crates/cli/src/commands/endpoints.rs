//! `ringback endpoints`.

mod options;

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use self::options::Options;
use super::sources::deleted;
use super::{PageArgs, print_list, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

const PATH: &str = "/v1/webhook_endpoints";
const COLUMNS: [Column; 4] =
    [("ID", &["id"]), ("NAME", &["name"]), ("EVENT TYPES", &["event_types"]), ("URL", &["url"])];
const FIELDS: [Column; 14] = [
    ("id", &["id"]),
    ("name", &["name"]),
    ("description", &["description"]),
    ("url", &["url"]),
    ("event types", &["event_types"]),
    ("timeout secs", &["timeout_secs"]),
    ("headers", &["headers"]),
    ("authentication", &["authentication", "type"]),
    ("no retry after", &["no_retry_statuses"]),
    ("signature", &["signature_scheme"]),
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
        /// How attempts are signed: v1 (HMAC-SHA256, as OpenAI's) or v1a (ed25519) [default: v1].
        #[arg(long, value_name = "SCHEME", value_parser = ["v1", "v1a"])]
        signature_scheme: Option<String>,
        #[command(flatten)]
        options: Options,
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
        #[command(flatten)]
        options: Options,
        /// `true` makes no deliveries any more and holds what is pending, `false` enables it again.
        #[arg(long, value_name = "BOOL")]
        disabled: Option<bool>,
    },
    /// Give an endpoint a new signing secret, shown this once. The old one goes on signing beside it for 24 hours, unless told
    /// otherwise.
    #[command(
        after_help = "Examples:\n  ringback endpoints rotate whe_...\n  ringback endpoints rotate whe_... --at-once   # the old \
        secret has leaked"
    )]
    Rotate {
        /// `whe_…`
        id: String,
        /// End the old secret at once, as after a leak: the app must have the new one before the next call.
        #[arg(long)]
        at_once: bool,
        /// Change how attempts are signed, with the new secret.
        #[arg(long, value_name = "SCHEME", value_parser = ["v1", "v1a"])]
        signature_scheme: Option<String>,
    },
    /// End one of the older secrets before its time.
    RevokeSecret {
        /// `whe_…`
        id: String,
        /// `whkey_…`, as `endpoints get --json` shows it.
        secret_id: String,
    },
    /// Send a sample event to an endpoint, once, and show its answer.
    #[command(after_help = "Example: ringback endpoints test whe_... --event-type batch.completed")]
    Test {
        /// `whe_…`
        id: String,
        /// The type of the sample.
        #[arg(long, value_name = "TYPE", default_value = "response.completed")]
        event_type: String,
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
        EndpointsCommand::Create { name, to, event_types, signature_scheme, options } => {
            let mut body = Map::new();
            body.insert("name".into(), name.into());
            body.insert("url".into(), to.into());
            body.insert("event_types".into(), event_types.into());
            if let Some(scheme) = signature_scheme {
                body.insert("signature_scheme".into(), scheme.into());
            }
            options.add_to(&mut body)?;
            api.call(Method::POST, PATH, Some(&Value::Object(body)))?
        }
        EndpointsCommand::List { page } => return list(global, &api, &page),
        EndpointsCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        EndpointsCommand::Update { id, name, to, event_types, options, disabled } => {
            let mut body = Map::new();
            for (key, value) in [("name", name), ("url", to)] {
                if let Some(value) = value {
                    body.insert(key.into(), value.into());
                }
            }
            if !event_types.is_empty() {
                body.insert("event_types".into(), event_types.into());
            }
            if let Some(disabled) = disabled {
                body.insert("disabled".into(), disabled.into());
            }
            options.add_to(&mut body)?;
            api.call(Method::POST, &one(&id), Some(&Value::Object(body)))?
        }
        EndpointsCommand::Rotate { id, at_once, signature_scheme } => {
            let mut body = json!({ "keep_old_secret_active_for_24_hours": !at_once });
            if let Some(scheme) = signature_scheme {
                body["signature_scheme"] = scheme.into();
            }
            api.call(Method::POST, &format!("{}/rotate_secret", one(&id)), Some(&body))?
        }
        EndpointsCommand::RevokeSecret { id, secret_id } => {
            let path = format!("{}/signing_secrets/{}", one(&id), segment(&secret_id));
            api.call(Method::DELETE, &path, None)?
        }
        EndpointsCommand::Test { id, event_type } => return test(global, &api, &id, &event_type),
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
    print_list(global, &answer, &COLUMNS, "no endpoints yet; make one with `ringback endpoints create`");
    Ok(())
}

/// An answer other than 2xx is a no of the receiver: it is shown, and is the exit code.
fn test(global: &Global, api: &ApiClient, id: &str, event_type: &str) -> Result<(), CliError> {
    let body = json!({ "event_type": event_type });
    let result = api.call(Method::POST, &format!("{}/test", one(id)), Some(&body))?;
    let status = result["status_code"].as_u64().unwrap_or_default();
    if global.json {
        output::json(&result);
    } else {
        let (event, ms) = (result["event_id"].as_str().unwrap_or_default(), &result["duration_ms"]);
        anstream::println!("{event_type} was answered {status} after {ms} ms (event {event})");
    }
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(CliError::Refused { message: format!("the endpoint did not accept the test: it answered {status}") })
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
