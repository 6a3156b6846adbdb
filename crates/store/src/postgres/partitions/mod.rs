//! Events and attempts in partitions by the time that their ids begin with: whole weeks are removed as files,
//! not row by row.
//!
//! The actors: every start and every sweep of retention makes partitions ahead of time (`ahead`) and removes
//! those that are past (`past`), one node at a time (see `locks`). The lowest partition has no lower bound
//! and keeps what clocks far behind bring; it is never removed, and the highest has an upper bound, so that
//! nobody makes rows for a time that never comes.
//!
//! What is *not* guaranteed: that an id of any time has a place. A node whose clock is ahead of the
//! database's by more than [`AHEAD`] or behind by more than the retention finds none; its appends are
//! answered as if the database were away. Nor that the attempts of the very first events of a partition
//! outlast the partition before, when nodes' clocks differ.

mod ahead;
mod bound;
mod past;

use std::time::Duration;

use ringback_domain::{EventId, Timestamp, TypedId};
use tokio_postgres::Row;

use super::columns::{Key, get, key};
use super::connections::{Connection, Connections};
use super::failure::{DatabaseError, Failure};
use crate::store::Retention;

use bound::Bound;
use past::AtRest;
#[cfg(test)]
pub(super) use past::{DELETE_GONE, OLDEST_EVENT, PENDING};

/// How far ahead of the database's clock there are partitions at least: so fast may a node's clock be.
pub(super) const AHEAD: Duration = Duration::from_secs(14 * 24 * 3600);

/// The tables that are divided.
pub(super) const TABLES: [&str; 2] = [EVENTS, ATTEMPTS];
const EVENTS: &str = "events";
const ATTEMPTS: &str = "attempts";

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A partition is at most so many days wide.
const MAX_DAYS: u64 = 7;
/// Of the retention, a partition has the time divided by this.
const PER_RETENTION: u64 = 4;

/// The partitions of tables, each with its bounds in the server's words.
pub(super) const LIST: &str = "\
    SELECT t.name, i.inhrelid::regclass::text, pg_get_expr(c.relpartbound, c.oid) \
    FROM unnest($1::text[]) AS t (name) \
    JOIN pg_inherits AS i ON i.inhparent = to_regclass(t.name) AND NOT i.inhdetachpending \
    JOIN pg_class AS c ON c.oid = i.inhrelid";

const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8";

/// A partition: it holds ids from one bound until before the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) table: String,
    pub(super) name: String,
    pub(super) from: Bound,
    pub(super) until: Bound,
}

/// A row of [`LIST`]; `None` for what Ringback did not make, such as a default partition.
pub(super) fn read(row: &Row) -> Option<Part> {
    let (from, until) = bound::read(row.try_get(2).ok()?)?;
    Some(Part { table: row.try_get(0).ok()?, name: row.try_get(1).ok()?, from, until })
}

/// Those of a table, the oldest first. Nothing is done while there is one that cannot be read: what is in it
/// is unknown.
async fn list(connection: &Connection, table: &str) -> Result<Vec<Part>, Failure> {
    let rows = connection.query(LIST, &[&&[table][..]]).await?;
    let part = |row| read(row).ok_or_else(|| Failure::unreadable(Strange { table: table.to_owned() }));
    let mut parts = rows.iter().map(part).collect::<Result<Vec<Part>, _>>()?;
    parts.sort_by_key(|part| part.from);
    Ok(parts)
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the table {table} has a partition that Ringback did not make and whose ids it does not know: look for it with \\d+ {table} in psql, \
     move its rows away, and detach it (ALTER TABLE {table} DETACH PARTITION …)"
)]
struct Strange {
    table: String,
}

/// The database's clock: the one that all nodes share.
pub(super) async fn clock(connection: &Connection) -> Result<Timestamp, Failure> {
    get(&connection.query_one(CLOCK, &[]).await?, 0).map(Timestamp::from_unix_ms)
}

/// Ranges of ids: where each begins, and where it ends.
pub(super) type Ranges = (Vec<Key>, Vec<Key>);

/// What a sweep has done, and what is left to be done.
pub(super) struct Swept {
    /// By how much this node's clock, as it asked, is ahead of what the database's allows.
    pub(super) ahead: Duration,
    /// Partitions and rows that were removed.
    pub(super) removed: usize,
    /// Where events are to be removed row by row.
    pub(super) row_by_row: Ranges,
}

/// How the tables are divided.
#[derive(Debug)]
pub(super) struct Partitions {
    width: Duration,
    /// How long events are kept.
    retention: Duration,
    /// Until when none is removed.
    at_rest: AtRest,
}

impl Partitions {
    /// A quarter of the retention in whole days: at least one, at most [`MAX_DAYS`]. So long an event may be
    /// kept beyond the retention.
    pub(super) fn of(retention: Duration) -> Self {
        let days = retention.as_secs() / PER_RETENTION / DAY.as_secs();
        let days = u32::try_from(days.clamp(1, MAX_DAYS)).unwrap_or(1);
        Self { width: DAY * days, retention, at_rest: AtRest::default() }
    }

    /// Makes what a start needs, and waits for who is at it.
    pub(super) async fn prepare(&self, connections: &Connections) -> Result<(), Failure> {
        ahead::make(connections, self.width, ahead::Patience::Start).await
    }

    /// Makes what will be needed and removes what is past.
    pub(super) async fn sweep(
        &self,
        connections: &Connections,
        retention: Retention,
    ) -> Result<Swept, Failure> {
        if let Err(failure) = ahead::make(connections, self.width, ahead::Patience::Sweep).await {
            let error: crate::error::StoreError = failure.into();
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "no partitions could be made for what is to come; it is tried again");
        }
        let connection = connections.get().await?;
        // What is young by the database's clock stays, whatever that of this node says.
        let before = retention.events_before.min(clock(&connection).await?.minus(self.retention));
        drop(connection);
        let mut swept =
            past::remove(connections, &self.at_rest, key(EventId::first_at(before)), retention.limit).await?;
        swept.ahead = retention.events_before.since(before);
        Ok(swept)
    }
}

/// Whether something was only in the way of others for the moment, or is gone already.
fn is_busy(failure: &Failure) -> bool {
    match failure {
        Failure::Again => true,
        Failure::Unavailable(DatabaseError::Server { code, .. }) => {
            ["55P03", "42P01"].contains(&code.as_str())
        }
        _ => false,
    }
}
