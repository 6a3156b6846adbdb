//! Bringing the schema up to date while nodes of the version before work on it.
//!
//! A node that starts applies the expansions that it knows. Contractions wait for a person's word
//! ([`migrate_database`]), unless a later expansion needs one. Either way a contraction is refused while a
//! node lives that does not know it. A node whose program is older than the schema works on, and starts anew,
//! as long as all that it does not know are expansions.
//!
//! All of it happens under the schema's lock, and in one transaction with its history: a process that dies
//! meanwhile has not begun.
//!
//! Not guaranteed: that a node which was held up for longer than a heartbeat counts (see `nodes`) and does
//! not know a contraction finds what it needs when it goes on. Its statements fail then, and it takes no
//! calls.

use std::error::Error;

use refinery_core::{Migration, Runner, Target};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::pulse::DEAD_AFTER;
use super::schema::{Kind, Schema, number};
use super::{LockedByOthers, Refused, connecting, schema_lock, sessions, tls};
use crate::error::OpenError;

/// How long a migration waits for a table that somebody has; whoever needs the table meanwhile waits behind
/// it.
const WAIT: &str = "SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s'";
const WAIT_NO_MORE: &str = "RESET lock_timeout; RESET idle_in_transaction_session_timeout";

/// How far the schema is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// To the last expansion: as a node does when it starts.
    Expand,
    /// To the end: also what only nodes of former versions use is removed.
    Contract,
}

/// What was done to the schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Migrated {
    /// The migrations that were applied now, in their sequence, each as `V<number>__<name>`.
    pub applied: Vec<String>,
}

/// Brings the schema of a database to what this release knows, as far as `until` says. Waits for others that
/// are at it.
///
/// `address` must lead to the server itself or to a pooler that gives a session for as long as the connection
/// lasts.
///
/// # Errors
/// [`OpenError::Server`] if the database cannot be reached; [`OpenError::OlderNodes`] while a node lives that
/// does not know a contraction; [`OpenError::NewerSchema`] if a newer Ringback has contracted the schema;
/// else [`OpenError::Migration`].
pub async fn migrate_database(address: &PostgresAddress, until: Migrate) -> Result<Migrated, OpenError> {
    migrate_to(address, &Schema::default(), until).await
}

/// The same for the migrations of another release.
///
/// # Errors
/// See [`migrate_database`].
pub async fn migrate_to(
    address: &PostgresAddress,
    schema: &Schema,
    until: Migrate,
) -> Result<Migrated, OpenError> {
    let refused = Refused::of(address);
    let tls = tls::connector(address).map_err(|error| refused.because(error))?;
    let connected = connecting::connect(address, &tls).await;
    let (mut client, connection) = connected.map_err(|error| refused.because(error))?;
    let connection = TaskTracker::new().spawn(connection);
    // Before anything is set in a session that may be others' too.
    sessions::refuse_shared(&client, address, &tls).await?;
    // What a node needs beside this one is for its own start to look at.
    super::settings::check(&client, address, 1).await?;
    // Given back with the connection.
    schema_lock::take(&client).await.map_err(|error| refused.by(error))?;
    let migrated = run(&mut client, &refused, schema, until).await;
    drop(client);
    // It ends with its client; how, is of no interest any more.
    let _ = connection.await;
    migrated
}

/// Brings the schema as far as `until` says. The caller holds the lock of the schema.
pub(super) async fn run(
    client: &mut Client,
    refused: &Refused,
    schema: &Schema,
    until: Migrate,
) -> Result<Migrated, OpenError> {
    let history = History::read(client).await.map_err(|error| refused.by(error))?;
    history.check(schema)?;
    let todo = todo(schema, history.version(), until);
    let Some(last) = todo.last() else { return Ok(Migrated::default()) };
    if let Some(contraction) = todo.iter().rfind(|m| Kind::of(m.name()) == Kind::Contraction) {
        refuse_beside_older(client, refused, contraction).await?;
    }
    let applied: Vec<String> = todo.iter().map(ToString::to_string).collect();
    let runner =
        Runner::new(schema.migrations()).set_grouped(true).set_target(Target::Version(last.version()));
    client.batch_execute(WAIT).await.map_err(|error| refused.by(error))?;
    runner.run_async(client).await.map_err(|error| of_migrating(refused, error))?;
    client.batch_execute(WAIT_NO_MORE).await.map_err(|error| refused.by(error))?;
    Ok(Migrated { applied })
}

/// What is to be applied to a schema of this version.
fn todo(schema: &Schema, version: u32, until: Migrate) -> &[Migration] {
    let done = schema.migrations().iter().take_while(|migration| number(migration) <= version).count();
    let pending = &schema.migrations()[done..];
    match until {
        Migrate::Contract => pending,
        Migrate::Expand => {
            let last = pending.iter().rposition(|migration| Kind::of(migration.name()) == Kind::Expansion);
            &pending[..last.map_or(0, |last| last + 1)]
        }
    }
}

/// Who does not know the contraction still needs what it removes. Whoever comes to life meanwhile waits for
/// the schema's lock.
async fn refuse_beside_older(
    client: &Client,
    refused: &Refused,
    contraction: &Migration,
) -> Result<(), OpenError> {
    let failed = |error| refused.by(error);
    let has_nodes = "SELECT to_regclass('nodes') IS NOT NULL";
    if !client.query_one(has_nodes, &[]).await.map_err(failed)?.get::<_, bool>(0) {
        return Ok(());
    }
    let sql = format!(
        "SELECT id::text, version, schema_version FROM nodes WHERE schema_version < $1 \
         AND heartbeat_at > clock_timestamp() - interval '{} s' ORDER BY id",
        DEAD_AFTER.as_secs()
    );
    let older = client.query(&sql, &[&contraction.version()]).await.map_err(failed)?;
    if older.is_empty() {
        return Ok(());
    }
    let describe = |row: &tokio_postgres::Row| {
        let (id, version, schema): (String, String, i32) = (row.get(0), row.get(1), row.get(2));
        format!("{id} (Ringback {version}, schema {schema})")
    };
    let nodes = older.iter().map(describe).collect::<Vec<_>>().join(", ");
    Err(OpenError::OlderNodes { migration: contraction.to_string(), nodes })
}

/// The migrations that a database has, in their sequence.
pub(super) struct History(Vec<Applied>);

struct Applied {
    version: u32,
    name: String,
    checksum: String,
}

impl History {
    /// Nothing is made by looking, nor prepared: a role that may only read can do it, also through a pooler.
    pub(super) async fn read(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let is_there = "SELECT to_regclass('refinery_schema_history') IS NOT NULL";
        if !client.query_typed(is_there, &[]).await?.iter().all(|row| row.get(0)) {
            return Ok(Self(Vec::new()));
        }
        let sql = "SELECT version, name, checksum FROM refinery_schema_history ORDER BY version";
        let rows = client.query_typed(sql, &[]).await?;
        let applied = |row: &tokio_postgres::Row| {
            // None that is known has a number below nothing.
            let version = u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or(u32::MAX);
            Ok(Applied { version, name: row.try_get(1)?, checksum: row.try_get(2)? })
        };
        rows.iter().map(applied).collect::<Result<_, _>>().map(Self)
    }

    /// The newest migration; 0 if there is none.
    pub(super) fn version(&self) -> u32 {
        self.0.last().map_or(0, |applied| applied.version)
    }

    /// What is known must be the same, and what is not must be something to work beside.
    pub(super) fn check(&self, schema: &Schema) -> Result<(), OpenError> {
        for applied in &self.0 {
            let Applied { version, name, checksum } = applied;
            match schema.migrations().iter().find(|migration| number(migration) == *version) {
                Some(known) if known.name() == name && known.checksum().to_string() == *checksum => {}
                None if Kind::of(name) == Kind::Expansion => {}
                Some(known) => {
                    let (known, found) = (known.to_string(), format!("V{version}__{name}"));
                    return Err(failed(Divergent { known, found }));
                }
                None => {
                    return Err(OpenError::NewerSchema { migration: format!("V{version}__{name}") });
                }
            }
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the migration {found} of the database is another one than the {known} of this program")]
struct Divergent {
    known: String,
    found: String,
}

/// The names of what is still to be applied: expansions, and contractions.
pub(super) fn pending(schema: &Schema, version: u32) -> (Vec<String>, Vec<String>) {
    let (mut expansions, mut contractions) = (Vec::new(), Vec::new());
    for migration in todo(schema, version, Migrate::Contract) {
        match Kind::of(migration.name()) {
            Kind::Expansion => expansions.push(migration.to_string()),
            Kind::Contraction => contractions.push(migration.to_string()),
        }
    }
    (expansions, contractions)
}

/// A migration that failed: by its own fault, unless somebody was in its way.
fn of_migrating(refused: &Refused, error: refinery_core::Error) -> OpenError {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    let said = causes.filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>()).last();
    match said.and_then(tokio_postgres::Error::code) {
        Some(code) if *code == SqlState::LOCK_NOT_AVAILABLE => refused.because(LockedByOthers),
        _ => failed(error),
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::Migration(Box::new(error))
}
