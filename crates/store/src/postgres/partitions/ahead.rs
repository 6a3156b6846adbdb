//! Making partitions before they are needed.
//!
//! A partition is made as a table of its own and then attached: that stands in the way of no append. If
//! somebody has the table to themselves it is left for the next sweep, long before it is needed.

use std::time::Duration;

use ringback_domain::Timestamp;

use super::{AHEAD, Bound, DAY, Part, TABLES, clock, is_busy, list};
use crate::postgres::columns::get;
use crate::postgres::connections::{Connection, Connections};
use crate::postgres::failure::Failure;
use crate::postgres::locks;

/// How long the making may wait for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// There may be no partition yet.
    Start,
    /// There is time until the next sweep.
    Sweep,
}

/// Makes what is missing in any of the tables.
pub(super) async fn make(
    connections: &Connections,
    width: Duration,
    patience: Patience,
) -> Result<(), Failure> {
    let connection = connections.get().await?;
    let now = clock(&connection).await?;
    let mut is_missing = false;
    for table in TABLES {
        is_missing |= !missing(&list(&connection, table).await?, now, width).is_empty();
    }
    drop(connection);
    if !is_missing {
        return Ok(());
    }
    match make_all(connections, now, width, patience).await {
        Err(failure) if patience == Patience::Sweep && is_busy(&failure) => Ok(()),
        made => made,
    }
}

async fn make_all(
    connections: &Connections,
    now: Timestamp,
    width: Duration,
    patience: Patience,
) -> Result<(), Failure> {
    let tx = connections.write().await?;
    match patience {
        Patience::Start => locks::take_partitions(&tx).await?,
        Patience::Sweep => {
            tx.execute(locks::BRIEFLY, &[]).await?;
            if !locks::try_partitions(&tx).await? {
                return Ok(());
            }
        }
    }
    for table in TABLES {
        // Anew: who had the lock may have made them.
        for (from, until) in missing(&list(&tx, table).await?, now, width) {
            make_one(&tx, table, from, until).await?;
        }
    }
    tx.commit().await
}

async fn make_one(tx: &Connection, table: &str, from: Bound, until: Bound) -> Result<(), Failure> {
    let name = match from.time() {
        Some(time) => {
            let day = "SELECT to_char(to_timestamp($1::int8) AT TIME ZONE 'UTC', 'YYYYMMDD')";
            let day: String = get(&tx.query_one(day, &[&time.as_unix_secs()]).await?, 0)?;
            format!("{table}_{day}")
        }
        None => format!("{table}_past"),
    };
    tx.execute(&format!("CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"), &[]).await?;
    let attach = format!(
        "ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({}) TO ({})",
        from.sql(),
        until.sql()
    );
    tx.execute(&attach, &[]).await.map(drop)
}

/// The bounds of those that are missing, the oldest first. Days begin at midnight, UTC.
fn missing(parts: &[Part], now: Timestamp, width: Duration) -> Vec<(Bound, Bound)> {
    let day = i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX);
    let today = Timestamp::from_unix_ms(now.as_unix_ms() - now.as_unix_ms().rem_euclid(day));
    let mut highest = match parts.last().map(|part| part.until) {
        None => Bound::Lowest,
        // Somebody has made one that holds everything to come.
        Some(Bound::Highest) => return Vec::new(),
        Some(bound) => bound,
    };
    let mut missing = Vec::new();
    if highest < Bound::at(today) {
        // The time in which no node ran, or all before the first, is one.
        missing.push((highest, Bound::at(today)));
        highest = Bound::at(today);
    }
    while highest < Bound::at(now.plus(AHEAD)) {
        let Some(from) = highest.time() else { break };
        let next = Bound::at(from.plus(width));
        missing.push((highest, next));
        highest = next;
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_secs(1_750_000_000);

    fn parts(bounds: Vec<(Bound, Bound)>) -> Vec<Part> {
        let part = |(from, until)| Part { table: String::new(), name: String::new(), from, until };
        bounds.into_iter().map(part).collect()
    }

    #[test]
    fn there_are_partitions_from_all_that_was_to_two_weeks_ahead() {
        let made = missing(&[], NOW, 7 * DAY);
        // 15 June 2025, 15:06:40 UTC.
        let today = Timestamp::from_unix_secs(1_749_945_600);
        assert_eq!(made[0], (Bound::Lowest, Bound::at(today)));
        assert!(made.windows(2).all(|two| two[0].1 == two[1].0), "without gaps");
        assert_eq!(made.last().unwrap().1, Bound::at(today.plus(21 * DAY)));
        assert_eq!(made.len(), 4);
        assert_eq!(missing(&parts(made), NOW, 7 * DAY), []);
    }

    #[test]
    fn one_more_is_made_when_time_has_gone_on() {
        let before = parts(missing(&[], NOW, 2 * DAY));
        let highest = before.last().unwrap().until;
        let more = missing(&before, NOW.plus(2 * DAY), 7 * DAY);
        assert_eq!(more.len(), 1);
        assert_eq!(more[0].0, highest);
        assert_eq!(more[0].1.time(), highest.time().map(|time| time.plus(7 * DAY)));
    }

    #[test]
    fn the_time_without_nodes_is_one_partition() {
        let before = parts(missing(&[], NOW, DAY));
        let later = missing(&before, NOW.plus(400 * DAY), DAY);
        assert_eq!(later[0].0, before.last().unwrap().until);
        assert_eq!(later.len(), 16);
    }
}
