//! Statuses by which an endpoint says that a delivery is not to be tried again.

use std::collections::BTreeSet;

use crate::error::ApiError;
use crate::fields::Fields;

const FIELD: &str = "no_retry_statuses";

/// How many statuses an endpoint may name.
const MAX_STATUSES: usize = 100;

/// `no_retry_statuses`, a list of statuses from 300 to 599; a new set in place of the whole old one.
pub(super) fn read(fields: &Fields) -> Result<Option<Vec<u16>>, ApiError> {
    let Some(value) = fields.value(FIELD) else { return Ok(None) };
    let items = value.as_array().ok_or_else(|| {
        ApiError::bad_request("invalid_type", "`no_retry_statuses` must be a list of numbers").param(FIELD)
    })?;
    if items.len() > MAX_STATUSES {
        let message =
            format!("`no_retry_statuses` names {}, more than the {MAX_STATUSES} allowed", items.len());
        return Err(ApiError::bad_request("array_above_max_length", message).param(FIELD));
    }
    let status = |item: &serde_json::Value| {
        item.as_u64()
            .and_then(|number| u16::try_from(number).ok())
            .filter(|number| (300..=599).contains(number))
    };
    let statuses: Option<BTreeSet<u16>> = items.iter().map(status).collect();
    statuses.map(|statuses| Some(statuses.into_iter().collect())).ok_or_else(|| {
        ApiError::invalid_value(
            FIELD,
            "`no_retry_statuses` must hold HTTP statuses from 300 to 599: with 200 to 299 a delivery has arrived",
        )
    })
}
