//! `ringback endpoints`.

mod missed;
mod options;
mod release;
mod rules;
mod view;

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use self::options::Options;
use self::rules::Rules;
use self::view::{COLUMNS, show};
use super::consent::Yes;
use super::sources::deleted;
use super::{PageArgs, hold, nothing_to_change, print_list, print_text, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output;

pub(super) const PATH: &str = "/v1/webhook_endpoints";

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
        #[command(flatten)]
        rules: Box<Rules>,
    },
    /// List endpoints, each with what is out of the ordinary: disabled, paused, failing, its breaker.
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
    #[command(
        after_help = "Examples:\n  ringback endpoints update whe_... --retry-delays 5,30,120 --max-per-sec 20\n  \
        ringback endpoints update whe_... --retry-delays default --max-per-sec none"
    )]
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
        /// `true` makes no deliveries any more and holds what is pending, `false` enables it again.
        #[arg(long, value_name = "BOOL")]
        disabled: Option<bool>,
        #[command(flatten)]
        options: Options,
        #[command(flatten)]
        rules: Box<Rules>,
    },
    /// Hold an endpoint's deliveries: they are made, and wait.
    Pause {
        /// `whe_…`
        id: String,
    },
    /// Let the deliveries of a paused endpoint go on, at a bounded rate.
    Resume {
        /// `whe_…`
        id: String,
    },
    /// Enable a disabled endpoint, and tell what it missed.
    #[command(after_help = "Example: ringback endpoints enable whe_... --replay-missed\n\n\
        With --json, --replay-missed prints the replay after the endpoint, if anything was missed.")]
    Enable {
        /// `whe_…`
        id: String,
        /// Send at once what it missed while it was disabled.
        #[arg(long)]
        replay_missed: bool,
    },
    /// Disable an endpoint: no deliveries are made for it any more, and what is pending is held.
    Disable {
        /// `whe_…`
        id: String,
    },
    /// Give an endpoint a new signing secret, shown this once. The old one goes on signing beside it for 24
    /// hours, unless told otherwise.
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
    #[command(after_help = "A person at a terminal is asked first, unless --yes is given.")]
    Delete {
        /// `whe_…`
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// Runs `ringback endpoints …`.
pub(crate) fn run(global: &Global, command: EndpointsCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let answer = match command {
        EndpointsCommand::Create { name, to, event_types, signature_scheme, options, rules } => {
            let mut body = Map::new();
            body.insert("name".into(), name.into());
            body.insert("url".into(), to.into());
            body.insert("event_types".into(), event_types.into());
            if let Some(scheme) = signature_scheme {
                body.insert("signature_scheme".into(), scheme.into());
            }
            options.add_to(&mut body)?;
            rules.add_to(&mut body);
            api.call(Method::POST, PATH, Some(&Value::Object(body)))?
        }
        EndpointsCommand::List { page } => return list(global, &api, &page),
        EndpointsCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        EndpointsCommand::Update { id, name, to, event_types, disabled, options, rules } => {
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
            rules.add_to(&mut body);
            if body.is_empty() {
                return Err(nothing_to_change("--max-per-sec"));
            }
            api.call(Method::POST, &one(&id), Some(&Value::Object(body)))?
        }
        EndpointsCommand::Pause { id } => change(&api, &id, "paused", true)?,
        EndpointsCommand::Resume { id } => return release::resume(global, &api, &id),
        EndpointsCommand::Disable { id } => change(&api, &id, "disabled", true)?,
        EndpointsCommand::Enable { id, replay_missed } => {
            return release::enable(global, &api, &id, replay_missed);
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
        EndpointsCommand::Delete { id, yes } => {
            let then = "what is pending for it is cancelled, and its secrets are gone";
            yes.ask(&api, &one(&id), "delete", "endpoint", then)?;
            let answer = api.call(Method::DELETE, &one(&id), None)?;
            return deleted(global, &answer);
        }
    };
    output::or_say(show(global, &answer), || lost_secret(global, &answer))?;
    tell_hold(global, &answer);
    missed::tell(global, &answer);
    Ok(())
}

/// What became of a secret that is shown once, where it could not be.
fn lost_secret(global: &Global, endpoint: &Value) -> Option<String> {
    let id = endpoint["id"].as_str().filter(|_| endpoint["signing_secret"].is_string())?;
    let typed = global.typed();
    Some(format!(
        "the endpoint {id} is there, but its new secret is lost: `ringback endpoints rotate {id}{typed}` gives another"
    ))
}

/// What a person has to undo before anything goes out.
fn tell_hold(global: &Global, endpoint: &Value) {
    if let Some(held) = hold::by_person(global, endpoint).filter(|_| !global.json) {
        output::talk(held);
    }
}

fn change(api: &ApiClient, id: &str, field: &str, value: bool) -> Result<Value, CliError> {
    api.call(Method::POST, &one(id), Some(&json!({ field: value })))
}

fn list(global: &Global, api: &ApiClient, page: &PageArgs) -> Result<(), CliError> {
    let mut answer = api.call(Method::GET, &page.path(PATH, &[]), None)?;
    if !global.json {
        view::add_states(&mut answer);
    }
    print_list(global, &answer, &COLUMNS, "no endpoints yet; make one with `ringback endpoints create`")
}

/// An answer other than 2xx is a no of the receiver: it is shown, and is the exit code.
fn test(global: &Global, api: &ApiClient, id: &str, event_type: &str) -> Result<(), CliError> {
    let body = json!({ "event_type": event_type });
    let result = api.call(Method::POST, &format!("{}/test", one(id)), Some(&body))?;
    let status = result["status_code"].as_u64().unwrap_or_default();
    let (event, ms) = (result["event_id"].as_str().unwrap_or_default(), &result["duration_ms"]);
    let text = format_args!("{event_type} was answered {status} after {ms} ms (event {event})");
    print_text(global, &result, text)?;
    if (200..300).contains(&status) {
        return Ok(());
    }
    Err(CliError::Refused { message: format!("the endpoint did not accept the test: it answered {status}") })
}

fn one(id: &str) -> String {
    format!("{PATH}/{}", segment(id))
}
