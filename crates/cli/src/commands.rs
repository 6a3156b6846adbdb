//! The commands: those that talk to a running server, and `db`, which talks to the database.

mod consent;
mod db;
mod deliveries;
mod duration;
mod endpoints;
mod event_types;
mod events;
mod hold;
mod keys;
mod moment;
mod projects;
mod publish;
mod receipts;
mod replays;
mod sources;
mod status;
mod trigger;
mod typed;

use std::fmt::Display;

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::Value;
use url::form_urlencoded;

use crate::args::{Args, Command, Global};
use crate::exit::CliError;
use crate::output::{self, Column};

pub(crate) use db::DbCommand;
pub(crate) use deliveries::DeliveriesCommand;
pub(crate) use endpoints::EndpointsCommand;
pub(crate) use event_types::EventTypesCommand;
pub(crate) use events::EventsCommand;
pub(crate) use keys::KeysCommand;
pub(crate) use projects::ProjectsCommand;
pub(crate) use publish::PublishArgs;
pub(crate) use receipts::ReceiptsCommand;
pub(crate) use replays::ReplaysCommand;
pub(crate) use sources::SourcesCommand;
pub(crate) use trigger::TriggerArgs;

/// Runs a command.
pub(crate) fn run(global: &Global, command: Command) -> Result<(), CliError> {
    match command {
        Command::Publish(args) => publish::run(global, &args),
        Command::Projects(command) => projects::run(global, command),
        Command::Keys(command) => keys::run(global, command),
        Command::Trigger(args) => trigger::run(global, &args),
        Command::Sources(command) => sources::run(global, command),
        Command::Endpoints(command) => endpoints::run(global, command),
        Command::Events(command) => events::run(global, command),
        Command::Deliveries(command) => deliveries::run(global, command),
        Command::Replays(command) => replays::run(global, command),
        Command::EventTypes(command) => event_types::run(global, command),
        Command::Receipts(command) => receipts::run(global, command),
        Command::Db(command) => db::run(global, &command),
        Command::Status => status::run(global),
        Command::Serve(_) | Command::Completions { .. } => Ok(()),
    }
}

/// Prints a completion script.
pub(crate) fn completions(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "ringback", &mut script);
    output::bytes(&script)
}

/// Which part of a list is wanted.
#[derive(Debug, clap::Args)]
pub(crate) struct PageArgs {
    /// How many at most, 1 to 100.
    #[arg(long, default_value_t = 20, value_parser = typed::between::<1, 100>, allow_negative_numbers = true)]
    limit: u32,
    /// Only those beyond this id.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// Newest first (desc) or oldest first (asc).
    #[arg(long, default_value = "desc", value_parser = ["asc", "desc"])]
    order: String,
}

impl PageArgs {
    /// The path of a list with its query.
    fn path(&self, base: &str, filters: &[(&str, Option<&str>)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &self.limit.to_string()).append_pair("order", &self.order);
        let after = ("after", self.after.as_deref());
        for (name, value) in filters.iter().chain([&after]) {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        format!("{base}?{}", query.finish())
    }
}

/// The items of a list's answer.
fn items(list: &Value) -> &[Value] {
    list["data"].as_array().map_or(&[], Vec::as_slice)
}

/// Prints one object: what is set of it.
fn print_one(global: &Global, object: &Value, columns: &[Column]) -> Result<(), CliError> {
    match global.json {
        true => output::json(object),
        false => output::fields(object, columns),
    }
}

/// Prints an answer as a sentence.
fn print_text(global: &Global, answer: &Value, text: impl Display) -> Result<(), CliError> {
    match global.json {
        true => output::json(answer),
        false => output::line(text),
    }
}

/// Prints a page of a list, and says whether there is more.
fn print_list(global: &Global, list: &Value, columns: &[Column], when_empty: &str) -> Result<(), CliError> {
    if global.json {
        return output::json(list);
    }
    output::table(items(list), columns, when_empty)?;
    mention_more(list);
    Ok(())
}

/// Tells how to see what comes after this page.
fn mention_more(list: &Value) {
    if let (true, Some(last)) = (list["has_more"] == true, list["last_id"].as_str()) {
        output::talk(format_args!("there are more: --after {last}"));
    }
}

/// An update without a flag.
fn nothing_to_change(such_as: &str) -> CliError {
    CliError::Usage(format!("nothing to change: name a flag, such as {such_as}; --help lists them"))
}

/// An id as a path segment: whatever was typed cannot leave its place in the path.
fn segment(id: &str) -> String {
    form_urlencoded::byte_serialize(id.as_bytes()).collect()
}
