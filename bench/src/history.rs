//! Databases with a long history: as many events as wanted, each received, delivered and recorded, as thirty
//! days of traffic would have left them, and some thousand deliveries that wait.
//!
//! The schema and the configuration are made by the store itself, which is closed again before rows are
//! written past it: by COPY on PostgreSQL, in large transactions on SQLite. The same seed gives the same
//! events, apart from their times, which count back from now.
//!
//! Not guaranteed: anything about a database that was in use before, or about one whose filling was
//! interrupted. Begin anew then.

mod copy;
mod embedded;
mod occurrence;
mod owners;
mod partitions;
mod progress;
mod tuple;

use std::sync::Arc;
use std::time::Instant;

use ringback_domain::IdMaker;

use crate::args::SeedOptions;
use crate::clock;
use crate::database::Database;
use crate::failure::{Failure, tell};

pub(crate) use occurrence::{Occurrence, Occurrences};
pub(crate) use owners::NAME as PROJECT_NAME;
use owners::Owner;
use progress::Progress;

/// How much of it there is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Events, at least one.
    pub(crate) events: u64,
    /// Those of them whose delivery waits, due.
    pub(crate) pending: u64,
    /// What the events are drawn from.
    pub(crate) seed: u64,
}

/// Fills a database, as told on the command line.
pub(crate) async fn run(options: &SeedOptions) -> Result<(), Failure> {
    let SeedOptions { database, events, pending, seed } = options;
    let begun = Instant::now();
    fill(database, Extent { events: *events, pending: *pending, seed: *seed }).await?;
    let secs = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
    let per_sec = *events as f64 / secs;
    tell(&format!("{database}: {events} events in {secs:.0} s, {per_sec:.0} a second"));
    Ok(())
}

/// Has the store make the schema and those whose events they are to be.
pub(crate) async fn prepare(database: &Database, ids: &Arc<IdMaker>) -> Result<Vec<Owner>, Failure> {
    let store = database.open(ids).await?;
    let owners = owners::make(store.as_ref(), ids).await;
    store.close().await;
    owners
}

/// Fills an empty database, or one that the store has made and nobody used.
pub(crate) async fn fill(database: &Database, extent: Extent) -> Result<(), Failure> {
    let owners = prepare(database, &Arc::new(IdMaker::new(extent.seed))).await?;
    let occurrences = Occurrences::new(extent, owners, clock::unix_ms());
    let progress = Progress::begin(extent.events);
    match database {
        Database::Postgres(url) => copy::fill(url, occurrences, &progress).await?,
        Database::Sqlite(folder) => embedded::fill(folder, occurrences, &progress)?,
    }
    progress.end();
    Ok(())
}
