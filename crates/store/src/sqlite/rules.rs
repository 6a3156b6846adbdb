//! How an endpoint's rules stand in its row.

use ringback_domain::DeliveryRules;
use rusqlite::Row;

use super::columns;
use crate::rows::endpoint::split_delays;

/// The columns, in the order that [`read`] reads them in.
pub(super) const COLUMNS: &str =
    "retry_delays, max_per_sec, max_concurrency, ordering, ordering_wait_secs, max_age_secs";

/// The rules from a row, whose columns begin at `first`.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<DeliveryRules> {
    let delays = row.get_ref(first)?.as_str_or_null()?;
    Ok(DeliveryRules {
        schedule: delays.map(split_delays).transpose().map_err(columns::unreadable)?,
        max_per_sec: row.get(first + 1)?,
        max_concurrency: row.get(first + 2)?,
        ordering: columns::word(row, first + 3)?,
        ordering_wait_secs: row.get(first + 4)?,
        max_age_secs: row.get(first + 5)?,
    })
}
