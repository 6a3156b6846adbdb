//! How an endpoint's rules stand in its row.

use ringback_domain::DeliveryRules;
use tokio_postgres::Row;

use super::columns::{self, get};
use super::failure::Failure;
use crate::rows::endpoint::split_delays;

/// The columns, in the order that [`read`] reads them in.
pub(super) const COLUMNS: &str =
    "retry_delays, max_per_sec, max_concurrency, ordering, ordering_wait_secs, max_age_secs";

/// The rules from a row, whose columns begin at `first`.
pub(super) fn read(row: &Row, first: usize) -> Result<DeliveryRules, Failure> {
    let delays: Option<&str> = get(row, first)?;
    Ok(DeliveryRules {
        schedule: delays.map(split_delays).transpose().map_err(Failure::unreadable)?,
        max_per_sec: columns::optional_number::<i64, u32>(row, first + 1)?,
        max_concurrency: columns::optional_number::<i32, u16>(row, first + 2)?,
        ordering: columns::word(row, first + 3)?,
        ordering_wait_secs: columns::number::<i64, u32>(row, first + 4)?,
        max_age_secs: columns::optional_number::<i64, u32>(row, first + 5)?,
    })
}
