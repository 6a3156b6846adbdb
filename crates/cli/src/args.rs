//! What can be typed.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{
    DbCommand, DeliveriesCommand, EndpointsCommand, EventTypesCommand, EventsCommand, KeysCommand,
    ProjectsCommand, PublishArgs, ReceiptsCommand, ReplaysCommand, SourcesCommand, TriggerArgs,
};
use crate::exit;
use crate::serve::ServeFlags;

/// Webhooks for jobs that finish later: receives OpenAI's calls, stores them durably, delivers them to your
/// own apps.
#[derive(Debug, Parser)]
#[command(name = "ringback", version, styles = STYLES, max_term_width = 100, after_help = exit::HELP)]
#[command(after_long_help = format!("{EXAMPLES}\n{}", exit::HELP))]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Global {
    /// Print JSON on stdout instead of text.
    #[arg(long, global = true, help_heading = "Common options")]
    pub(crate) json: bool,
    /// The server to talk to [default: the local one, port 4600].
    #[arg(
        long,
        global = true,
        help_heading = "Common options",
        value_name = "URL",
        env = "RINGBACK_URL",
        hide_env_values = true
    )]
    pub(crate) server: Option<String>,
    /// The project to act on, by id or name [default: that of the key, or `default`].
    #[arg(
        long,
        global = true,
        help_heading = "Common options",
        value_name = "PROJECT",
        env = "RINGBACK_PROJECT",
        hide_env_values = true
    )]
    pub(crate) project: Option<String>,
    /// Where the server keeps its data; commands find its admin key there.
    #[arg(
        long,
        global = true,
        help_heading = "Common options",
        value_name = "DIR",
        env = "RINGBACK_DATA_DIR",
        hide_env_values = true
    )]
    pub(crate) data_dir: Option<PathBuf>,
}

impl Global {
    /// The same, on nobody's behalf: what administers projects is within none.
    pub(crate) fn as_admin(&self) -> Self {
        Self { project: None, ..self.clone() }
    }

    /// These flags as they are typed, each after a space: for a command that a person is told to run next.
    /// What the environment says need not be typed.
    #[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
    pub(crate) fn typed(&self) -> String {
        self.typed_beside(|name| std::env::var(name).ok())
    }

    fn typed_beside(&self, environment: impl Fn(&str) -> Option<String>) -> String {
        let data_dir = self.data_dir.as_ref().map(|path| path.to_string_lossy().into_owned());
        let flags = [
            ("server", "RINGBACK_URL", &self.server),
            ("project", "RINGBACK_PROJECT", &self.project),
            ("data-dir", "RINGBACK_DATA_DIR", &data_dir),
        ];
        let typed = |(flag, variable, value): (&str, &str, &Option<String>)| {
            let value = value.as_deref().filter(|value| environment(variable).as_deref() != Some(value))?;
            Some(format!(" --{flag} {}", quoted(value)))
        };
        flags.into_iter().filter_map(typed).collect()
    }
}

/// A word as a shell takes it for what it is.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: receive, deliver, answer the API.
    Serve(ServeFlags),
    /// Send a sample event, signed: through a source, or straight to a URL.
    Trigger(TriggerArgs),
    /// Publish events of your own: one, or a file of them.
    Publish(PublishArgs),
    /// Sources: where events enter.
    #[command(subcommand, visible_alias = "source")]
    Sources(SourcesCommand),
    /// Endpoints: where events go.
    #[command(subcommand, visible_alias = "endpoint")]
    Endpoints(EndpointsCommand),
    /// Events: what has come in, and what became of it.
    #[command(subcommand, visible_alias = "event")]
    Events(EventsCommand),
    /// Deliveries: one event for one endpoint, with its attempts.
    #[command(subcommand, visible_alias = "delivery")]
    Deliveries(DeliveriesCommand),
    /// Replays: many events sent again, by a query.
    #[command(subcommand, visible_alias = "replay")]
    Replays(ReplaysCommand),
    /// Event types: what endpoints may name, and how fast each ages.
    #[command(subcommand, visible_alias = "event-type")]
    EventTypes(EventTypesCommand),
    /// Receipts: inbound calls, taken in or refused and why.
    #[command(subcommand, visible_alias = "receipt")]
    Receipts(ReceiptsCommand),
    /// Projects: tenants, each with sources, endpoints, events and keys of its own.
    #[command(subcommand, visible_alias = "project")]
    Projects(ProjectsCommand),
    /// Keys: what programs show to act in a project.
    #[command(subcommand, visible_alias = "key")]
    Keys(KeysCommand),
    /// Whether the server is up and ready, and how much work waits.
    Status,
    /// The database: how it is, and its schema brought up to date; without a server.
    #[command(subcommand, visible_alias = "database")]
    Db(DbCommand),
    /// Print a shell's completion script.
    #[command(after_help = "Example: ringback completions bash > /etc/bash_completion.d/ringback")]
    Completions {
        /// For which shell.
        shell: Shell,
    },
}

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  ringback serve --dev
      Run on this machine, delivering to local apps.
  ringback sources create --name openai --signing-secret whsec_...
      Make an ingest URL to give to OpenAI.
  ringback endpoints create --name app --to http://127.0.0.1:3000/webhook --event-type 'response.*'
      Deliver to your app.
  ringback trigger response.completed --source whsrc_...
      Try the whole way with a sample.
  ringback publish order.paid --data '{\"id\": \"ord_1\"}'
      Send an event of your own to whoever subscribes to it.
  ringback replays create --endpoint whe_... --missed --since 3d --wait
      Send again what an endpoint never got.
  ringback events list --type response.completed --json | jq '.data[].state'
      Any answer as JSON.

Environment:
  RINGBACK_API_KEY    the key that commands show: a project's, or the admin key
  RINGBACK_ADMIN_KEY  the admin key, for `serve` and for commands; without either, commands take the one
                      that `serve` left in the data folder, for a server on this machine only
  RINGBACK_ENCRYPTION_KEY  what `serve` encrypts secrets under, see `ringback serve --help`
  RINGBACK_DATABASE, RINGBACK_DATABASE_SESSION  what --database and --database-session of `serve` and `db` say
  RINGBACK_URL, RINGBACK_PROJECT, RINGBACK_DATA_DIR  what --server, --project and --data-dir say
";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_are_typed_again_as_a_shell_takes_them() {
        let mut global =
            Global { json: true, server: None, project: None, data_dir: Some("/var/lib/ring back".into()) };
        assert_eq!(global.typed_beside(|_| None), " --data-dir '/var/lib/ring back'");
        (global.server, global.project) = (Some("http://127.0.0.1:4600".into()), Some("it's".into()));
        global.data_dir = None;
        assert_eq!(global.typed_beside(|_| None), r" --server http://127.0.0.1:4600 --project 'it'\''s'");
        let environment = |name: &str| (name == "RINGBACK_PROJECT").then(|| "it's".to_owned());
        assert_eq!(global.typed_beside(environment), " --server http://127.0.0.1:4600");
        let other = |name: &str| (name == "RINGBACK_PROJECT").then(|| "shop".to_owned());
        assert!(global.typed_beside(other).ends_with("--project 'it'\\''s'"), "the flag is not what it says");
    }
}
