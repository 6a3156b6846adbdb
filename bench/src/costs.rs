//! What the store's operations cost in a database with a long history, beside one with a short one, both
//! filled by [`history`].
//!
//! Two things are measured, through the store as ingest, the API and the deliverer use it. *Pages*: how many
//! pages of tables and indexes a call touches, which is what the size of a database can change; counted by
//! the server on PostgreSQL, and on SQLite as those that a call reads whose cache is empty, or that it writes
//! ([`pages`]). *Time*: how long a call takes when it was made once before; both databases in turn, so that
//! whatever else the machine does hits both.
//!
//! Not guaranteed: that a ratio of pages is one of time. A B-tree of a thousand times as many rows is one or
//! two pages higher, and those are pages that every call shares, and that are in memory.

mod known;
mod operation;
mod pages;
mod report;
mod tester;
mod times;

use std::io::{self, Write as _};

use tempfile::TempDir;

use crate::args::CostsOptions;
use crate::database::Database;
use crate::failure::{Failure, tell};
use crate::history::{self, Extent};
use crate::postgres::Postgres;
use crate::run;

use operation::Operation;
use report::{Comparison, Costs};

/// Deliveries that wait in either database: as many as are claimed, at most.
const PENDING: u64 = 3_000;
/// What both are drawn from.
const SEED: u64 = 1;

/// Two databases of one kind.
struct Pair {
    small: Database,
    big: Database,
}

/// The databases that this run has made, and what goes with them.
struct Made {
    pairs: Vec<Pair>,
    _server: Postgres,
    _folder: TempDir,
}

/// Measures and prints.
pub(crate) async fn run(options: &CostsOptions) -> Result<(), Failure> {
    let made = if options.pair.is_empty() { Some(make(options).await?) } else { None };
    let given = given(&options.pair);
    let mut costs = Vec::new();
    for pair in made.as_ref().map_or(&given, |made| &made.pairs) {
        tell(&format!("measuring {}", pair.small));
        costs.push(compare(pair, options).await?);
    }
    let mut out = io::stdout().lock();
    let written = match options.json {
        true => report::write_json(&costs, &mut out),
        false => report::write_tables(&costs, &mut out),
    };
    written.and_then(|()| out.flush()).map_err(Failure::io("print the report"))
}

/// Every operation on both databases of a pair.
async fn compare(pair: &Pair, options: &CostsOptions) -> Result<Costs, Failure> {
    let mut rows = Vec::new();
    for operation in Operation::ALL {
        let small = pages::of(&pair.small, operation).await?;
        let big = pages::of(&pair.big, operation).await?;
        rows.push(Comparison::new(operation, small, big));
    }
    if !options.pages_only {
        let medians = times::of(&pair.small, &pair.big, options.calls).await?;
        rows = rows.into_iter().zip(medians).map(|(row, medians)| row.timed(medians)).collect();
    }
    Ok(Costs { database: pair.small.to_string(), operations: rows })
}

fn given(databases: &[Database]) -> Vec<Pair> {
    let pairs = databases.chunks_exact(2);
    pairs.map(|pair| Pair { small: pair[0].clone(), big: pair[1].clone() }).collect()
}

/// Makes and fills four databases.
async fn make(options: &CostsOptions) -> Result<Made, Failure> {
    let parent = run::data_folder(options.data_dir.as_deref())?;
    // Nobody but who is measured is to touch a page.
    let server = Postgres::start(&parent, &["autovacuum=off"]).await?;
    let folder = tempfile::Builder::new().prefix("costs").tempdir_in(&parent);
    let folder = folder.map_err(Failure::io("make a data folder"))?;
    let [small, big] = [options.small_events, options.events].map(|events| Extent {
        events,
        pending: PENDING.min(events / 2),
        seed: SEED,
    });
    let on_server = async |extent| {
        let url = Postgres::url_by(server.sockets(), &server.create_database().await?);
        filled(Database::Postgres(url), extent).await
    };
    let in_folder =
        async |name: &str, extent| filled(Database::Sqlite(folder.path().join(name)), extent).await;
    let pairs = vec![
        Pair { small: on_server(small).await?, big: on_server(big).await? },
        Pair { small: in_folder("small", small).await?, big: in_folder("big", big).await? },
    ];
    Ok(Made { pairs, _server: server, _folder: folder })
}

async fn filled(database: Database, extent: Extent) -> Result<Database, Failure> {
    tell(&format!("filling {database} with {} events", extent.events));
    history::fill(&database, extent).await?;
    Ok(database)
}
