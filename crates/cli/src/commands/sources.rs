//! `ringback sources`.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::consent::Yes;
use super::{PageArgs, nothing_to_change, print_list, print_one, print_text, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::Column;

const PATH: &str = "/v1/webhook_sources";
const COLUMNS: [Column; 5] = [
    ("ID", &["id"]),
    ("NAME", &["name"]),
    ("KIND", &["kind"]),
    ("STATUS", &["status"]),
    ("SECRET", &["signing_secret_hint"]),
];
const FIELDS: [Column; 7] = [
    ("id", &["id"]),
    ("name", &["name"]),
    ("kind", &["kind"]),
    ("status", &["status"]),
    ("late calls", &["stale_policy"]),
    ("url", &["url"]),
    ("secret", &["signing_secret_hint"]),
];

/// What can be done with sources.
#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// Make a source: its URL is what you give to the sender.
    #[command(after_help = "Example: ringback sources create --name openai --signing-secret whsec_...")]
    Create {
        /// A name for people.
        #[arg(long)]
        name: String,
        /// Who calls.
        #[arg(long, default_value = "openai", value_parser = ["openai", "standard_webhooks"])]
        kind: String,
        /// The secret that calls are signed with. Can be added later with `add-secret`.
        #[arg(long, value_name = "SECRET", env = "RINGBACK_SIGNING_SECRET", hide_env_values = true)]
        signing_secret: Option<String>,
    },
    /// List sources.
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a source, with its URL.
    Get {
        /// `whsrc_…`
        id: String,
    },
    /// Rename, archive or activate a source.
    Update {
        /// `whsrc_…`
        id: String,
        /// A new name.
        #[arg(long)]
        name: Option<String>,
        /// `archived` answers calls with 404 and keeps everything.
        #[arg(long, value_parser = ["active", "archived"])]
        status: Option<String>,
        /// What to do with authentic calls that come more than five minutes late.
        #[arg(long, value_parser = ["reject", "admit"])]
        stale_policy: Option<String>,
    },
    /// Delete a source and its secrets; its events stay.
    #[command(after_help = "A person at a terminal is asked first, unless --yes is given.")]
    Delete {
        /// `whsrc_…`
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
    /// Add a signing secret, such as the new one of a rotation.
    AddSecret {
        /// `whsrc_…`
        id: String,
        /// The secret.
        #[arg(value_name = "SECRET", env = "RINGBACK_SIGNING_SECRET", hide_env_values = true)]
        signing_secret: String,
    },
    /// Remove a signing secret, such as the old one of a rotation.
    RemoveSecret {
        /// `whsrc_…`
        id: String,
        /// `whkey_…`, as `sources get --json` shows it.
        secret_id: String,
    },
}

/// Runs `ringback sources …`.
pub(crate) fn run(global: &Global, command: SourcesCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let answer = match command {
        SourcesCommand::Create { name, kind, signing_secret } => {
            let mut body = json!({ "name": name, "kind": kind });
            if let Some(secret) = signing_secret {
                body["signing_secret"] = secret.into();
            }
            api.call(Method::POST, PATH, Some(&body))?
        }
        SourcesCommand::List { page } => return list(global, &api, &page),
        SourcesCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        SourcesCommand::Update { id, name, status, stale_policy } => {
            let mut body = Map::new();
            for (key, value) in [("name", name), ("status", status), ("stale_policy", stale_policy)] {
                if let Some(value) = value {
                    body.insert(key.into(), value.into());
                }
            }
            if body.is_empty() {
                return Err(nothing_to_change("--name"));
            }
            api.call(Method::POST, &one(&id), Some(&Value::Object(body)))?
        }
        SourcesCommand::Delete { id, yes } => {
            let then = "calls to its URL are answered 404, and its secrets are gone";
            yes.ask(&api, &one(&id), "delete", "source", then)?;
            let answer = api.call(Method::DELETE, &one(&id), None)?;
            return deleted(global, &answer);
        }
        SourcesCommand::AddSecret { id, signing_secret } => {
            let body = json!({ "signing_secret": signing_secret });
            api.call(Method::POST, &format!("{}/signing_secrets", one(&id)), Some(&body))?
        }
        SourcesCommand::RemoveSecret { id, secret_id } => {
            let path = format!("{}/signing_secrets/{}", one(&id), segment(&secret_id));
            api.call(Method::DELETE, &path, None)?
        }
    };
    print_one(global, &answer, &FIELDS)
}

fn list(global: &Global, api: &ApiClient, page: &PageArgs) -> Result<(), CliError> {
    let answer = api.call(Method::GET, &page.path(PATH, &[]), None)?;
    print_list(global, &answer, &COLUMNS, "no sources yet; make one with `ringback sources create`")
}

/// Says what was deleted.
pub(super) fn deleted(global: &Global, answer: &Value) -> Result<(), CliError> {
    print_text(global, answer, format_args!("deleted {}", answer["id"].as_str().unwrap_or_default()))
}

fn one(id: &str) -> String {
    format!("{PATH}/{}", segment(id))
}
