//! How many pages a call touches, and on PostgreSQL how many rows.
//!
//! *PostgreSQL* counts both for each table and index. A connection that ends hands in what it has counted, so
//! the store is opened for a number of calls and closed again, and what opening and closing alone come to is
//! taken off.
//!
//! *SQLite* counts for nobody outside the connection, but whatever it reads for the first time it asks the
//! system for, page by page (`/proc/self/io`, proc(5)). So each reading call is the first of a store just
//! opened. That gives different pages: one that a call comes back to counts once. Of a call that writes, the
//! pages that it writes to the log are counted and not those that it reads: the writing connection has looked
//! the whole database through at its opening if that is small, and has it in memory.

use std::fs;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep};
use tokio_postgres::Client;

use super::Operation;
use super::known::Known;
use super::tester::Tester;
use crate::database::Database;
use crate::failure::Failure;
use crate::postgres;

/// Calls that are counted together.
const CALLS: u32 = 60;
/// Calls that are counted one by one, each in a store of its own.
const FIRST_CALLS: u32 = 40;
/// The size of SQLite's pages.
const PAGE_BYTES: u64 = 4096;
/// How long a connection may take to go.
const PATIENCE: Duration = Duration::from_secs(30);

/// The sums over what grows with the history, and the partitions of it.
const COUNTS: &str = "\
    SELECT sum(coalesce(io.heap_blks_read, 0) + coalesce(io.heap_blks_hit, 0) + coalesce(io.idx_blks_read, 0) \
               + coalesce(io.idx_blks_hit, 0) + coalesce(io.toast_blks_read, 0) + coalesce(io.toast_blks_hit, 0) \
               + coalesce(io.tidx_blks_read, 0) + coalesce(io.tidx_blks_hit, 0))::int8, \
           sum(coalesce(t.seq_tup_read, 0) + coalesce(t.idx_tup_fetch, 0) + t.n_tup_ins + t.n_tup_upd)::int8 \
    FROM pg_statio_user_tables AS io JOIN pg_stat_user_tables AS t USING (relid) \
    WHERE io.relname ~ '^(events|webhook_ids|receipts|deliveries|attempts)(_|$)'";
const OTHERS: &str = "\
    SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";

/// What one call touches, on average.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Touched {
    /// Of tables and indexes.
    pub(super) pages: f64,
    /// Read, inserted or changed; not counted on SQLite.
    pub(super) rows: Option<f64>,
}

/// What a call of an operation touches in a database.
pub(super) async fn of(database: &Database, operation: Operation) -> Result<Touched, Failure> {
    let known = Known::of(database).await?;
    match database {
        Database::Postgres(url) => {
            let client = postgres::connect(url).await?;
            let nothing = session(&client, database, &known, operation, 0).await?;
            let all = session(&client, database, &known, operation, CALLS).await?;
            let each = |all: i64, nothing: i64| number((all - nothing).unsigned_abs()) / f64::from(CALLS);
            Ok(Touched { pages: each(all.0, nothing.0), rows: Some(each(all.1, nothing.1)) })
        }
        Database::Sqlite(_) => {
            let mut pages = 0;
            for call in 0..FIRST_CALLS {
                pages += first_call(database, &known, operation, call as usize).await?;
            }
            Ok(Touched { pages: number(pages) / f64::from(FIRST_CALLS), rows: None })
        }
    }
}

/// Pages and rows that a store touches from its opening to its end.
async fn session(
    client: &Client,
    database: &Database,
    known: &Known,
    operation: Operation,
    calls: u32,
) -> Result<(i64, i64), Failure> {
    await_others(client).await?;
    let before = client.query_one(COUNTS, &[]).await?;
    let tester = Tester::open(database, known.clone()).await?;
    for call in 0..calls {
        tester.call(operation, call as usize).await?;
    }
    // To give back what was claimed would be counted.
    tester.abandon().await;
    await_others(client).await?;
    let after = client.query_one(COUNTS, &[]).await?;
    let since = |column| after.get::<_, i64>(column) - before.get::<_, i64>(column);
    Ok((since(0), since(1)))
}

/// Waits until nobody else is connected to the database.
async fn await_others(client: &Client) -> Result<(), Failure> {
    let patience_ends = Instant::now() + PATIENCE;
    while client.query_one(OTHERS, &[]).await?.get::<_, i64>(0) > 0 {
        if Instant::now() > patience_ends {
            return Err(Failure::Busy);
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Pages that the first call of a store reads or, if it changes something, writes.
async fn first_call(
    database: &Database,
    known: &Known,
    operation: Operation,
    number: usize,
) -> Result<u64, Failure> {
    let field = if operation.writes() { "wchar:" } else { "rchar:" };
    let tester = Tester::open(database, known.clone()).await?;
    tester.introduce(operation).await?;
    let before = transferred(field)?;
    tester.call(operation, number).await?;
    let bytes = transferred(field)? - before;
    tester.close().await?;
    Ok(bytes / PAGE_BYTES)
}

/// Bytes that this process has read or written by calls of the system.
fn transferred(field: &str) -> Result<u64, Failure> {
    let io = fs::read_to_string("/proc/self/io").map_err(Failure::io("read /proc"))?;
    let value = io.lines().find_map(|line| line.strip_prefix(field)?.trim().parse().ok());
    value.ok_or(Failure::Proc { pid: std::process::id() })
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}
