//! `ringback projects`.

use clap::Subcommand;
use http::Method;
use serde_json::json;

use super::consent::Yes;
use super::{PageArgs, print_list, print_one, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::Column;

const PATH: &str = "/v1/organization/projects";
const COLUMNS: [Column; 4] =
    [("ID", &["id"]), ("NAME", &["name"]), ("STATUS", &["status"]), ("MADE", &["created_at"])];
const FIELDS: [Column; 5] = [
    ("id", &["id"]),
    ("name", &["name"]),
    ("status", &["status"]),
    ("made", &["created_at"]),
    ("archived", &["archived_at"]),
];

/// What can be done with projects. All of it wants the admin key.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectsCommand {
    /// Make a project.
    #[command(
        after_help = "Example: ringback projects create --name shop && ringback keys create --project shop --name worker"
    )]
    Create {
        /// A name for people; unique.
        #[arg(long)]
        name: String,
    },
    /// List projects.
    List {
        /// Archived ones too.
        #[arg(long)]
        include_archived: bool,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a project.
    Get {
        /// `proj_…`
        id: String,
    },
    /// Rename a project.
    Update {
        /// `proj_…`
        id: String,
        /// A new name.
        #[arg(long)]
        name: String,
    },
    /// Archive a project, for good: its keys open nothing and its sources take nothing in any more.
    #[command(after_help = "A person at a terminal is asked first, unless --yes is given.")]
    Archive {
        /// `proj_…`
        id: String,
        #[command(flatten)]
        yes: Yes,
    },
}

/// Runs `ringback projects …`.
pub(crate) fn run(global: &Global, command: ProjectsCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let one = |id: &str| format!("{PATH}/{}", segment(id));
    let answer = match command {
        ProjectsCommand::Create { name } => api.call(Method::POST, PATH, Some(&json!({ "name": name })))?,
        ProjectsCommand::List { include_archived, page } => {
            let archived = ("include_archived", include_archived.then_some("true"));
            let answer = api.call(Method::GET, &page.path(PATH, &[archived]), None)?;
            return print_list(global, &answer, &COLUMNS, "no projects");
        }
        ProjectsCommand::Get { id } => api.call(Method::GET, &one(&id), None)?,
        ProjectsCommand::Update { id, name } => {
            api.call(Method::POST, &one(&id), Some(&json!({ "name": name })))?
        }
        ProjectsCommand::Archive { id, yes } => {
            let then = "its keys open nothing and its sources take nothing in any more, for good";
            yes.ask(&api, &one(&id), "archive", "project", then)?;
            api.call(Method::POST, &format!("{}/archive", one(&id)), None)?
        }
    };
    print_one(global, &answer, &FIELDS)
}
