//! `ringback db`: the database itself, by the settings that `serve` has, without a server in between.

mod concerns;
mod postgres;
mod sqlite;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::args::Global;
use crate::exit::CliError;
use crate::output;
use crate::serve::logging;
use crate::settings::{self, Database, DatabaseFlags};

/// The database itself.
#[derive(Debug, Subcommand)]
pub(crate) enum DbCommand {
    /// How the database is: its schema, its size and, on PostgreSQL, the nodes that share it.
    #[command(
        after_help = "Exit code 7 when something needs doing: a schema that is not up to date, or not for this version, a node that died within the hour \
        or whose clock is off, a limit of connections that is reached or nearly so, a server that may lose what it has committed. Exit code 3 when \
        the server cannot be reached or somebody keeps a table locked, 4 when it lets nobody in by this address. A node that died is shown for a day.\n\nExamples:\n  ringback db status\n  ringback db status --database postgres://ringback@db.internal/ringback\n  \
        ringback db status --json | jq '.nodes[] | select(.is_alive | not)'"
    )]
    Status(DatabaseFlags),
    /// Bring the schema up to date, which a start of `serve` does too.
    #[command(after_help = "Examples:\n  ringback db migrate\n  ringback db migrate --contract")]
    Migrate(MigrateArgs),
}

/// Flags of `db migrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    database: DatabaseFlags,
    /// Also remove what only older versions use; refused while a node of such a version runs. PostgreSQL
    /// only.
    #[arg(long)]
    contract: bool,
}

/// Runs a command.
pub(super) fn run(global: &Global, command: &DbCommand) -> Result<(), CliError> {
    match command {
        DbCommand::Status(flags) => {
            let settings = settings::load_for_database(global, flags)?;
            match settings.database()? {
                Database::Sqlite => sqlite::status(global, &settings.data_dir),
                Database::Postgres(access) => postgres::status(global, &access),
            }
        }
        DbCommand::Migrate(MigrateArgs { database, contract }) => {
            let settings = settings::load_for_database(global, database)?;
            // It may have to wait for others, and says so then.
            logging::start(&settings.log);
            let (applied, database) = match settings.database()? {
                Database::Sqlite => {
                    let folder = settings.data_dir.display().to_string();
                    (sqlite::migrate(&settings.data_dir, *contract)?, folder)
                }
                Database::Postgres(access) => {
                    (postgres::migrate(&access, *contract)?, access.direct().to_string())
                }
            };
            migrated(global, &applied, &database)
        }
    }
}

fn migrated(global: &Global, applied: &[String], database: &str) -> Result<(), CliError> {
    if global.json {
        let answer = json!({ "object": "database_migration", "applied": applied, "database": database });
        return output::json(&answer);
    }
    match applied {
        [] => output::line("the schema is up to date: nothing was to be applied"),
        applied => output::line(format_args!("applied {} to {database}", applied.join(", "))),
    }
}

/// Prints what was found, with what needs doing about it; then something to do is an outcome of its own.
fn found(
    global: &Global,
    mut status: Value,
    needs: Vec<String>,
    print: impl FnOnce() -> Result<(), CliError>,
) -> Result<(), CliError> {
    status["needs"] = json!(needs);
    match global.json {
        true => output::json(&status)?,
        false => print()?,
    }
    match needs.is_empty() {
        true => Ok(()),
        false => Err(CliError::NeedsAttention { needs }),
    }
}

/// How a schema stands, in words.
fn schema_in_words(version: u32, newest_known: u32, pending: usize) -> String {
    let standing = match pending {
        0 if version > newest_known => format!("newer than this Ringback, which knows {newest_known}"),
        0 => "up to date".to_owned(),
        1 => "1 migration behind".to_owned(),
        pending => format!("{pending} migrations behind"),
    };
    format!("{version} ({standing})")
}
