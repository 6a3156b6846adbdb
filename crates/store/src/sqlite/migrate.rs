//! The schema's history. A migration that has been released is never changed; refinery checks their sums.

use refinery_core::{Migration, Runner};
use rusqlite::Connection;

use crate::error::OpenError;

/// In order; each name is `V<number>__<what>`.
const MIGRATIONS: [(&str, &str); 2] = [
    ("V1__initial", include_str!("migrations/V1__initial.sql")),
    ("V2__projects_keys_publishing", include_str!("migrations/V2__projects_keys_publishing.sql")),
];

/// Rows that refer to a row which a migration lost.
#[derive(Debug, thiserror::Error)]
#[error("{rows} rows of the table {table} refer to rows that are not there")]
struct Dangling {
    table: String,
    rows: usize,
}

/// Brings the schema up to date. A database newer than this binary is refused.
///
/// Foreign keys are off meanwhile, because a table that is made anew must be dropped while others refer to it, and are checked
/// as a whole before they are on again.
pub(super) fn run(connection: &mut Connection) -> Result<(), OpenError> {
    connection.pragma_update(None, "foreign_keys", false).map_err(failed)?;
    let applied = migrations().and_then(|migrations| {
        Runner::new(&migrations).set_abort_missing(true).run(connection).map_err(failed)
    })?;
    if !applied.applied_migrations().is_empty() {
        check_references(connection)?;
    }
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)
}

fn migrations() -> Result<Vec<Migration>, OpenError> {
    MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<_, _>>()
        .map_err(failed)
}

fn check_references(connection: &Connection) -> Result<(), OpenError> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check").map_err(failed)?;
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
    match tables.first() {
        None => Ok(()),
        Some(table) => Err(failed(Dangling { table: table.clone(), rows: tables.len() })),
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::Migration(Box::new(error))
}
