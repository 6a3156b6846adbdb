//! When, how fast and in what order an endpoint wants its deliveries, as the API has it.

use ringback_domain::DeliveryRules;
use ringback_domain::delivery_rules::{MAX_AGE_SECS, MAX_CONCURRENCY, MAX_ORDERING_WAIT_SECS, MAX_PER_SEC};
use ringback_domain::retry::{MAX_DELAY_SECS, MAX_DELAYS, Schedule};
use ringback_store::RulesChange;
use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::fields::Fields;

const RETRY_DELAYS: &str = "retry_delays_secs";

/// The fields of an endpoint that are rules.
#[derive(Serialize)]
pub(super) struct RulesView<'a> {
    /// As they were given; `null` is the default schedule.
    retry_delays_secs: Option<&'a [u32]>,
    max_per_sec: Option<u32>,
    max_concurrency: Option<u16>,
    ordering: &'static str,
    ordering_wait_secs: u32,
    max_age_secs: Option<u32>,
}

impl<'a> RulesView<'a> {
    pub(super) fn of(rules: &'a DeliveryRules) -> Self {
        Self {
            retry_delays_secs: rules.schedule.as_ref().map(Schedule::delays_secs),
            max_per_sec: rules.max_per_sec,
            max_concurrency: rules.max_concurrency,
            ordering: rules.ordering.as_str(),
            ordering_wait_secs: rules.ordering_wait_secs,
            max_age_secs: rules.max_age_secs,
        }
    }
}

/// Each as an update has it: left out, it stays; `null` takes away what may be missing.
pub(super) fn read(fields: &Fields) -> Result<RulesChange, ApiError> {
    Ok(RulesChange {
        schedule: fields.or_null(RETRY_DELAYS, |fields, _| read_schedule(fields))?,
        max_per_sec: fields.or_null("max_per_sec", |fields, name| fields.integer(name, 1..=MAX_PER_SEC))?,
        max_concurrency: fields
            .or_null("max_concurrency", |fields, name| fields.integer(name, 1..=MAX_CONCURRENCY))?,
        ordering: fields.word("ordering")?,
        ordering_wait_secs: fields.integer("ordering_wait_secs", 1..=MAX_ORDERING_WAIT_SECS)?,
        max_age_secs: fields
            .or_null("max_age_secs", |fields, name| fields.integer(name, 1..=MAX_AGE_SECS))?,
    })
}

/// A list of delays; an empty one is one attempt and no retry.
fn read_schedule(fields: &Fields) -> Result<Option<Schedule>, ApiError> {
    let Some(value) = fields.value(RETRY_DELAYS) else { return Ok(None) };
    let items = value.as_array().ok_or_else(|| {
        wrong("invalid_type", format!("`{RETRY_DELAYS}` must be a list of seconds, or null"))
    })?;
    if items.len() > MAX_DELAYS {
        let message = format!("`{RETRY_DELAYS}` has {}, more than the {MAX_DELAYS} allowed", items.len());
        return Err(wrong("array_above_max_length", message));
    }
    let delays = items.iter().enumerate().map(|(index, item)| read_delay(index, item));
    let schedule = Schedule::new(delays.collect::<Result<_, _>>()?);
    schedule.map(Some).map_err(|error| wrong("invalid_value", format!("`{RETRY_DELAYS}`: {error}")))
}

/// Its range is the schedule's to judge.
fn read_delay(index: usize, item: &Value) -> Result<u32, ApiError> {
    let message =
        || format!("`{RETRY_DELAYS}[{index}]` must be a whole number of seconds from 1 to {MAX_DELAY_SECS}");
    if !item.is_number() {
        return Err(wrong("invalid_type", message()));
    }
    let secs = item.as_u64().and_then(|secs| u32::try_from(secs).ok());
    secs.ok_or_else(|| wrong("invalid_value", message()))
}

fn wrong(code: &'static str, message: String) -> ApiError {
    ApiError::bad_request(code, message).param(RETRY_DELAYS)
}
