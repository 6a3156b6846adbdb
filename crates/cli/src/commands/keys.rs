//! `ringback keys`.

use clap::Subcommand;
use http::Method;
use ringback_domain::ProjectId;
use serde_json::{Value, json};

use super::consent::Yes;
use super::sources::deleted;
use super::{PageArgs, items, print_list, print_one, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::{self, Column};

const PROJECTS: &str = "/v1/organization/projects";
const COLUMNS: [Column; 5] = [
    ("ID", &["id"]),
    ("NAME", &["name"]),
    ("KEY", &["redacted_value"]),
    ("MADE", &["created_at"]),
    ("LAST USED", &["last_used_at"]),
];
const FIELDS: [Column; 5] = [
    ("id", &["id"]),
    ("name", &["name"]),
    ("key", &["value"]),
    ("key hint", &["redacted_value"]),
    ("made", &["created_at"]),
];

/// What can be done with the keys of a project. All of it wants the admin key.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key. It is shown this once.
    #[command(after_help = "Example: ringback keys create --project shop --name worker")]
    Create {
        /// A name for people.
        #[arg(long)]
        name: String,
    },
    /// List keys.
    List {
        #[command(flatten)]
        page: PageArgs,
    },
    /// Delete a key: it opens nothing from now on.
    #[command(after_help = "A person at a terminal is asked first, unless --yes is given.")]
    Delete {
        /// `key_…`
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// Runs `ringback keys …`.
pub(crate) fn run(global: &Global, command: KeysCommand) -> Result<(), CliError> {
    let api = ApiClient::new(&global.as_admin())?;
    let path = format!("{PROJECTS}/{}/api_keys", segment(&project_id(global, &api)?));
    match command {
        KeysCommand::Create { name } => {
            let key = api.call(Method::POST, &path, Some(&json!({ "name": name })))?;
            output::or_say(print_one(global, &key, &FIELDS), || {
                let id = key["id"].as_str()?;
                Some(format!(
                    "the key {id} is there, but its value is lost: `ringback keys delete {id}{}`, and make another",
                    global.typed()
                ))
            })?;
            if !global.json {
                output::talk("keep the key now: it is not shown again");
            }
            Ok(())
        }
        KeysCommand::List { page } => {
            let answer = api.call(Method::GET, &page.path(&path, &[]), None)?;
            print_list(global, &answer, &COLUMNS, "no keys yet; make one with `ringback keys create`")
        }
        KeysCommand::Delete { id, yes } => {
            let one = format!("{path}/{}", segment(&id));
            yes.ask(&api, &one, "delete", "key", "it opens nothing any more")?;
            let answer = api.call(Method::DELETE, &one, None)?;
            deleted(global, &answer)
        }
    }
}

/// The id of the project that `--project` names, by id or name. An id never means a project of that name.
fn project_id(global: &Global, api: &ApiClient) -> Result<String, CliError> {
    let wanted = global.project.as_deref().filter(|name| !name.is_empty()).unwrap_or("default");
    if wanted.parse::<ProjectId>().is_ok() {
        return Ok(wanted.to_owned());
    }
    let mut after = String::new();
    loop {
        let page = api.call(Method::GET, &format!("{PROJECTS}?limit=100{after}"), None)?;
        let named = |project: &&Value| project["name"] == wanted;
        if let Some(id) = items(&page).iter().find(named).and_then(|project| project["id"].as_str()) {
            return Ok(id.to_owned());
        }
        match page["last_id"].as_str().filter(|_| page["has_more"] == true) {
            Some(last) => after = format!("&after={}", segment(last)),
            None => {
                return Err(CliError::Refused { message: format!("there is no active project `{wanted}`") });
            }
        }
    }
}
