//! The attempts of deliveries.

use std::collections::HashMap;

use ringback_domain::{Attempt, AttemptReport};
use tokio_postgres::Row;

use super::columns::{self, Key, get};
use super::connections::Connection;
use super::failure::Failure;

/// The attempts of deliveries, oldest first.
pub(super) const OF: &str = "\
    SELECT delivery_id, id, number, outcome, status_code, error, started_at, duration_ms, response_body \
    FROM attempts WHERE delivery_id = ANY ($1) ORDER BY delivery_id, id";

/// By delivery, oldest first.
pub(super) async fn of(
    connection: &Connection,
    deliveries: &[Key],
) -> Result<HashMap<Key, Vec<Attempt>>, Failure> {
    let mut attempts: HashMap<Key, Vec<Attempt>> = HashMap::new();
    for row in connection.query(OF, &[&deliveries]).await? {
        attempts.entry(get(&row, 0)?).or_default().push(read(&row)?);
    }
    Ok(attempts)
}

fn read(row: &Row) -> Result<Attempt, Failure> {
    let report = AttemptReport {
        outcome: columns::word(row, 3)?,
        status_code: columns::optional_number::<i32, u16>(row, 4)?,
        error: get(row, 5)?,
        started_at: columns::time(row, 6)?,
        duration_ms: columns::number::<i64, _>(row, 7)?,
        response_body: columns::bytes(row, 8)?,
    };
    Ok(Attempt { id: columns::id(row, 1)?, number: columns::number::<i32, u32>(row, 2)?, report })
}
