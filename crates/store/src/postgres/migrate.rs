//! The schema's history. A migration that has been released is never changed; refinery checks their sums.

use refinery_core::{Migration, Runner};
use tokio_postgres::Client;

use crate::error::OpenError;

/// In order; each name is `V<number>__<what>`.
const MIGRATIONS: [(&str, &str); 1] = [("V1__initial", include_str!("migrations/V1__initial.sql"))];

/// Brings the schema up to date, in one transaction with its history: a process that dies meanwhile has not begun. A database newer
/// than this binary is refused. The caller holds the lock of the schema.
pub(super) async fn run(client: &mut Client) -> Result<(), OpenError> {
    let runner = Runner::new(&migrations()?).set_abort_missing(true).set_grouped(true);
    runner.run_async(client).await.map(drop).map_err(failed)
}

/// The newest one that this program knows.
pub(super) fn newest() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
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
