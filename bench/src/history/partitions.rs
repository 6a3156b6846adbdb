//! The partitions that a history would have come to lie in.
//!
//! The store makes them from today on, and one for all that was before. Here that one, while it is empty, is
//! cut into weeks: so the history is divided as if it had been written in its time.

use ringback_domain::{EventId, Timestamp, TypedId};
use tokio_postgres::Client;

use crate::failure::Failure;

/// The tables that are divided by ids.
const TABLES: [&str; 2] = ["events", "attempts"];
const WEEK_MS: i64 = 7 * 24 * 3_600_000;

/// Where the partition of the past ends, as an id in hexadecimal; no row if there is none.
const END: &str = "\
    SELECT replace(substring(pg_get_expr(relpartbound, oid) FROM 'TO \\(''([0-9a-f-]+)''\\)'), '-', '') \
    FROM pg_class WHERE oid = to_regclass($1) AND relispartition";

/// Divides what is before today for a history that begins then, in Unix milliseconds.
pub(super) async fn divide(client: &Client, begun_at: i64) -> Result<(), Failure> {
    for table in TABLES {
        let past = format!("{table}_past");
        let Some(row) = client.query_opt(END, &[&past]).await? else { continue };
        // What somebody has put there stays where it is.
        let is_used = format!("SELECT EXISTS (SELECT 1 FROM {past})");
        if client.query_one(&is_used, &[]).await?.get(0) {
            continue;
        }
        let end: String = row.get(0);
        client.batch_execute(&cut(table, &past, begun_at, &end)).await?;
    }
    Ok(())
}

/// All in one transaction.
fn cut(table: &str, past: &str, begun_at: i64, end: &str) -> String {
    let mut sql = format!("BEGIN; DROP TABLE {past};");
    let (mut from, mut number) = ("MINVALUE".to_owned(), 0);
    for bound in bounds(begun_at, end) {
        let name = if number == 0 { past.to_owned() } else { format!("{table}_week_{number}") };
        sql += &format!(
            "CREATE TABLE {name} (LIKE {table} INCLUDING ALL); \
             ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ('{bound}');"
        );
        (from, number) = (format!("'{bound}'"), number + 1);
    }
    sql + "COMMIT"
}

/// The upper bounds: where the history begins, each week of it, and the end.
fn bounds(begun_at: i64, end: &str) -> Vec<String> {
    let id = |ms: i64| u128::from_be_bytes(EventId::first_at(Timestamp::from_unix_ms(ms)).to_bytes());
    let weeks = (0..).map(|week| format!("{:032x}", id(begun_at + week * WEEK_MS)));
    let mut bounds: Vec<String> = weeks.take_while(|bound| bound.as_str() < end).collect();
    bounds.push(end.to_owned());
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_week_has_a_partition_and_they_meet() {
        let end = format!("{:032x}", (15 * WEEK_MS / 2).unsigned_abs() as u128 * (1 << 80));
        let bounds = bounds(5 * WEEK_MS, &end);
        assert_eq!(bounds.len(), 4, "before it, two weeks, and the rest");
        assert!(bounds.is_sorted() && bounds.last() == Some(&end));
        let sql = cut("events", "events_past", 5 * WEEK_MS, &end);
        assert_eq!(sql.matches("CREATE TABLE").count(), 4);
        assert!(sql.contains(&format!("FROM ('{}') TO ('{}')", bounds[0], bounds[1])));
        assert!(sql.contains("FROM (MINVALUE) TO"));
    }
}
