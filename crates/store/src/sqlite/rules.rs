//! How an endpoint's rules stand in its row.

use ringback_domain::DeliveryRules;
use ringback_domain::retry::Schedule;
use rusqlite::Row;

use super::columns;

/// The columns, in the order that [`read`] reads them in.
pub(super) const COLUMNS: &str =
    "retry_delays, max_per_sec, max_concurrency, ordering, ordering_wait_secs, max_age_secs";

/// The rules from a row, whose columns begin at `first`.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<DeliveryRules> {
    Ok(DeliveryRules {
        schedule: row.get_ref(first)?.as_str_or_null()?.map(split_delays).transpose()?,
        max_per_sec: row.get(first + 1)?,
        max_concurrency: row.get(first + 2)?,
        ordering: columns::word(row, first + 3)?,
        ordering_wait_secs: row.get(first + 4)?,
        max_age_secs: row.get(first + 5)?,
    })
}

/// The column `retry_delays`; null for the usual schedule.
pub(super) fn join_delays(rules: &DeliveryRules) -> Option<String> {
    let schedule = rules.schedule.as_ref()?;
    Some(schedule.delays_secs().iter().map(u32::to_string).collect::<Vec<_>>().join(" "))
}

fn split_delays(text: &str) -> rusqlite::Result<Schedule> {
    let delays: Result<Vec<u32>, _> = text.split_ascii_whitespace().map(str::parse).collect();
    Schedule::new(delays.map_err(columns::unreadable)?).map_err(columns::unreadable)
}
