//! `ringback receipts`.

use clap::Subcommand;
use http::Method;

use super::{PageArgs, print_list, print_one, segment};
use crate::args::Global;
use crate::client::ApiClient;
use crate::exit::CliError;
use crate::output::Column;

const PATH: &str = "/v1/webhook_receipts";
const COLUMNS: [Column; 6] = [
    ("ID", &["id"]),
    ("RECEIVED", &["created_at"]),
    ("STATUS", &["status"]),
    ("REASON", &["reason"]),
    ("WEBHOOK ID", &["webhook_id"]),
    ("EVENT", &["event_id"]),
];
const FIELDS: [Column; 10] = [
    ("id", &["id"]),
    ("received", &["created_at"]),
    ("status", &["status"]),
    ("reason", &["reason"]),
    ("webhook id", &["webhook_id"]),
    ("event", &["event_id"]),
    ("source", &["source_id"]),
    ("signed with", &["signing_secret_id"]),
    ("admitted", &["admitted_at"]),
    ("body", &["call", "body"]),
];

/// What can be done with receipts.
#[derive(Debug, Subcommand)]
pub(crate) enum ReceiptsCommand {
    /// List calls, newest first.
    #[command(after_help = "Example: ringback receipts list --refused\n\n\
        Of refused calls 60 a minute and source are kept, and none that was refused before it was read, such as one that was too \
        large; `ringback status` counts all of them.")]
    List {
        /// Only calls that are refused now.
        #[arg(long)]
        refused: bool,
        /// Only calls to this source.
        #[arg(long, value_name = "ID")]
        source: Option<String>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a call, with what is kept of it if it was refused.
    Get {
        /// `whrcp_…`
        id: String,
    },
    /// Take in a call after all: one that was authentic and only late, or that came before its source had a
    /// secret.
    Admit {
        /// `whrcp_…`
        id: String,
    },
}

/// Runs `ringback receipts …`.
pub(crate) fn run(global: &Global, command: ReceiptsCommand) -> Result<(), CliError> {
    let api = ApiClient::new(global)?;
    let receipt = match command {
        ReceiptsCommand::List { refused, source, page } => {
            let filters = [("source_id", source.as_deref()), ("refused", refused.then_some("true"))];
            let answer = api.call(Method::GET, &page.path(PATH, &filters), None)?;
            return print_list(global, &answer, &COLUMNS, "no such calls");
        }
        ReceiptsCommand::Get { id } => api.call(Method::GET, &format!("{PATH}/{}", segment(&id)), None)?,
        ReceiptsCommand::Admit { id } => {
            api.call(Method::POST, &format!("{PATH}/{}/admit", segment(&id)), None)?
        }
    };
    print_one(global, &receipt, &FIELDS)
}
