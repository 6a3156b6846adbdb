//! The schema's history. A migration that has been released is never changed; refinery checks their sums.

use refinery_core::{Migration, Runner};
use rusqlite::Connection;

use crate::error::OpenError;

/// In order; each name is `V<number>__<what>`.
const MIGRATIONS: [(&str, &str); 1] = [("V1__initial", include_str!("migrations/V1__initial.sql"))];

/// Brings the schema up to date. A database newer than this binary is refused.
pub(super) fn run(connection: &mut Connection) -> Result<(), OpenError> {
    let migrations = MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    Runner::new(&migrations).set_abort_missing(true).run(connection).map(drop).map_err(failed)
}

fn failed(error: refinery_core::Error) -> OpenError {
    OpenError::Migration(Box::new(error))
}
