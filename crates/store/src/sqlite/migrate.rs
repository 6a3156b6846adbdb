//! The schema's history. A migration that has been released is never changed; refinery checks their sums.

use refinery_core::{Migration, Runner};
use rusqlite::Connection;

use crate::error::OpenError;

/// In order; each name is `V<number>__<what>`.
const MIGRATIONS: [(&str, &str); 5] = [
    ("V1__initial", include_str!("migrations/V1__initial.sql")),
    ("V2__projects_keys_publishing", include_str!("migrations/V2__projects_keys_publishing.sql")),
    ("V3__delivery_rules_replays", include_str!("migrations/V3__delivery_rules_replays.sql")),
    ("V4__deliveries_unsettled", include_str!("migrations/V4__deliveries_unsettled.sql")),
    ("V5__replays_until_id", include_str!("migrations/V5__replays_until_id.sql")),
];

/// Brings the schema up to date, in one transaction with its history: a process that dies meanwhile has not
/// begun. A database newer than this binary is refused.
///
/// Foreign keys are off meanwhile, because a table that is made anew must be dropped while others refer to
/// it. A migration that does so ends with a check of them, before anything is committed.
pub(super) fn run(connection: &mut Connection) -> Result<(), OpenError> {
    connection.pragma_update(None, "foreign_keys", false).map_err(failed)?;
    let runner = Runner::new(&migrations()?).set_abort_missing(true).set_grouped(true);
    runner.run(connection).map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)
}

/// The names of all, in order: the first is version 1.
pub(super) fn names() -> Vec<&'static str> {
    MIGRATIONS.map(|(name, _)| name).to_vec()
}

fn migrations() -> Result<Vec<Migration>, OpenError> {
    MIGRATIONS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect::<Result<_, _>>()
        .map_err(failed)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> OpenError {
    OpenError::Migration(Box::new(error))
}
