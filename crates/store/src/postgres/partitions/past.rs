//! Removing partitions that are past, and what belonged to them.
//!
//! A partition of events goes whole when nothing in it is young and no delivery of it is pending. That is
//! looked for without a lock first, and again when nobody else has the table: who is sending an event again
//! holds it until the commit, and so keeps the partition; who comes later finds the event gone. Nobody waits
//! for longer than a moment; what could not be locked within it is left alone for a minute, since whoever
//! comes meanwhile waits behind the attempt: ingest, while a dump reads the table for an hour.
//!
//! The deliveries of a partition that went are removed afterwards, in bounded steps. Until then no list shows
//! them, since each reads a delivery with its event.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{ATTEMPTS, Bound, EVENTS, Part, Swept, is_busy, list};
use crate::postgres::columns::{self, Key, get};
use crate::postgres::connections::{Connection, Connections};
use crate::postgres::failure::Failure;
use crate::postgres::locks;

/// Whether a delivery is pending of an event in a range.
pub(in crate::postgres) const PENDING: &str = "\
    SELECT EXISTS (SELECT 1 FROM deliveries WHERE event_id >= $1 AND event_id < $2 AND state = 'pending')";

/// The oldest event there is: one seek for each project.
pub(in crate::postgres) const OLDEST_EVENT: &str = "\
    SELECT e.id FROM projects AS p \
    CROSS JOIN LATERAL (SELECT id FROM events WHERE project_id = p.id ORDER BY id LIMIT 1) AS e \
    ORDER BY e.id LIMIT 1";

/// Removes deliveries of events that are gone, with the attempts that are left of them.
pub(in crate::postgres) const DELETE_GONE: &str = "\
    WITH gone AS MATERIALIZED ( \
        SELECT ctid AS place, id FROM deliveries WHERE event_id >= $1 AND event_id < $2 \
        AND state <> 'pending' ORDER BY event_id LIMIT $3 FOR UPDATE SKIP LOCKED \
    ), attempted AS ( \
        DELETE FROM attempts AS a USING gone WHERE a.delivery_id = gone.id \
    ) \
    DELETE FROM deliveries WHERE ctid = ANY (ARRAY(SELECT place FROM gone))";

/// Nothing reads the deliveries of a partition that is gone, so that more of them go at once than of others.
const GONE_PER_LIMIT: usize = 10;

/// How long a table is left alone that somebody else had.
const REST: Duration = Duration::from_secs(60);

/// Whether tables are left alone, and since when.
#[derive(Debug, Default)]
pub(super) struct AtRest(Mutex<Option<Instant>>);

impl AtRest {
    fn is_over(&self) -> bool {
        self.lock().is_none_or(|since| since.elapsed() >= REST)
    }

    fn begin(&self) {
        *self.lock() = Some(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes what lies wholly before an id; says what is left to be removed row by row.
pub(super) async fn remove(
    connections: &Connections,
    at_rest: &AtRest,
    before: Key,
    limit: usize,
) -> Result<Swept, Failure> {
    let (mut removed, mut left, mut held) = (0, Vec::new(), Vec::new());
    let connection = connections.get().await?;
    let parts = list(&connection, EVENTS).await?;
    drop(connection);
    for part in parts {
        match fate(connections, at_rest, &part, before).await? {
            Fate::Removed => removed += 1,
            Fate::Stays => left.push(part),
            Fate::RowByRow => {
                held.push((part.from.key(), part.until.key().min(before)));
                left.push(part);
            }
        }
    }
    removed += remove_attempts(connections, at_rest, before).await?;
    for (from, until) in gaps(&left) {
        removed += remove_gone(connections, from, until, limit).await?;
    }
    Ok(Swept { ahead: Duration::ZERO, removed, row_by_row: held.into_iter().unzip() })
}

/// What becomes of a partition of events.
enum Fate {
    Removed,
    Stays,
    RowByRow,
}

async fn fate(
    connections: &Connections,
    at_rest: &AtRest,
    part: &Part,
    before: Key,
) -> Result<Fate, Failure> {
    if part.from == Bound::Lowest {
        return Ok(Fate::RowByRow);
    }
    if part.until.key() > before {
        return Ok(Fate::Stays);
    }
    let connection = connections.get().await?;
    let is_held = is_pending(&connection, part).await?;
    drop(connection);
    if is_held {
        return Ok(Fate::RowByRow);
    }
    let is_gone = drop_part(connections, at_rest, part).await?;
    Ok(if is_gone { Fate::Removed } else { Fate::Stays })
}

async fn is_pending(connection: &Connection, part: &Part) -> Result<bool, Failure> {
    get(&connection.query_one(PENDING, &[&part.from.key(), &part.until.key()]).await?, 0)
}

/// Says whether it went.
async fn drop_part(connections: &Connections, at_rest: &AtRest, part: &Part) -> Result<bool, Failure> {
    if !at_rest.is_over() {
        return Ok(false);
    }
    match try_to_drop(connections, part).await {
        Err(failure) if is_busy(&failure) => {
            at_rest.begin();
            Ok(false)
        }
        outcome => outcome,
    }
}

async fn try_to_drop(connections: &Connections, part: &Part) -> Result<bool, Failure> {
    let Part { table, name, .. } = part;
    let tx = connections.write().await?;
    tx.execute(locks::BRIEFLY, &[]).await?;
    if !locks::try_partitions(&tx).await? {
        return Ok(false);
    }
    // In the sequence in which a query locks them.
    for sql in [format!("LOCK TABLE ONLY {table}"), format!("LOCK TABLE ONLY {name}")] {
        tx.execute(&sql, &[]).await?;
    }
    if table == EVENTS && is_pending(&tx, part).await? {
        return Ok(false);
    }
    tx.execute(&format!("DROP TABLE {name}"), &[]).await?;
    tx.commit().await?;
    tracing::info!(store.partition = name, "a partition was removed with all that was in it");
    Ok(true)
}

/// An attempt is not older than its event, so that what ends before the oldest event is of none that is left.
async fn remove_attempts(connections: &Connections, at_rest: &AtRest, before: Key) -> Result<usize, Failure> {
    let connection = connections.get().await?;
    let mut past = list(&connection, ATTEMPTS).await?;
    past.retain(|part| part.from != Bound::Lowest && part.until.key() <= before);
    if past.is_empty() {
        return Ok(0);
    }
    let oldest = connection.query_opt(OLDEST_EVENT, &[]).await?;
    drop(connection);
    let oldest = oldest.map(|row| get::<Key>(&row, 0)).transpose()?;
    let mut removed = 0;
    for part in past.iter().filter(|part| oldest.is_none_or(|oldest| part.until.key() <= oldest)) {
        removed += usize::from(drop_part(connections, at_rest, part).await?);
    }
    Ok(removed)
}

/// Between partitions that are left: where there were others.
fn gaps(parts: &[Part]) -> Vec<(Key, Key)> {
    let gap = |two: &[Part]| match two {
        [low, high] if low.until < high.from => Some((low.until.key(), high.from.key())),
        _ => None,
    };
    parts.windows(2).filter_map(gap).collect()
}

async fn remove_gone(
    connections: &Connections,
    from: Key,
    until: Key,
    limit: usize,
) -> Result<usize, Failure> {
    let limit = columns::limit(limit.saturating_mul(GONE_PER_LIMIT));
    let tx = connections.write().await?;
    let removed = tx.execute(DELETE_GONE, &[&from, &until, &limit]).await?;
    tx.commit().await?;
    Ok(columns::counted(removed))
}

#[cfg(test)]
mod tests {
    use ringback_domain::Timestamp;

    use super::*;

    #[test]
    fn gaps_are_between_what_is_left() {
        let at = |secs| Bound::at(Timestamp::from_unix_secs(secs));
        let part = |from, until| Part { table: String::new(), name: String::new(), from, until };
        let whole = [part(Bound::Lowest, at(10)), part(at(10), at(20)), part(at(20), at(30))];
        assert_eq!(gaps(&whole), []);
        let two = [part(Bound::Lowest, at(10)), part(at(20), at(30)), part(at(50), at(60))];
        assert_eq!(gaps(&two), [(at(10).key(), at(20).key()), (at(30).key(), at(50).key())]);
    }
}
