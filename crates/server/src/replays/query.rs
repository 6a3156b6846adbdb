//! Which events a replay sends again, as the API has it.

use ringback_domain::indexed::is_indexable;
use ringback_domain::{ReplayQuery, Timestamp};
use ringback_webhook::event_type;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::event_types::check_well_formed;
use crate::fields::Fields;
use crate::parts::App;
use crate::{deliveries, endpoints, sources};

/// All may be left out; together they narrow it down.
pub(super) const FIELDS: [&str; 7] =
    ["endpoint_id", "source_id", "type", "object_id", "state", "created_after", "created_before"];

/// The longest id of an object, in characters, as ids from outside are indexed.
const MAX_OBJECT_ID_CHARS: usize = 255;

pub(super) fn read(fields: &Fields) -> Result<ReplayQuery, ApiError> {
    let (created_after, created_before) = read_times(fields)?;
    Ok(ReplayQuery {
        endpoint_id: fields.id("endpoint_id")?,
        source_id: fields.id("source_id")?,
        event_type: read_type(fields)?,
        object_id: read_object_id(fields)?,
        state: fields.word("state")?,
        created_after,
        created_before,
    })
}

fn read_type(fields: &Fields) -> Result<Option<String>, ApiError> {
    let Some(name) = fields.text("type", event_type::MAX_BYTES)? else { return Ok(None) };
    check_well_formed("type", name)?;
    Ok(Some(name.to_owned()))
}

fn read_object_id(fields: &Fields) -> Result<Option<String>, ApiError> {
    let Some(id) = fields.text("object_id", MAX_OBJECT_ID_CHARS)? else { return Ok(None) };
    if is_indexable(id) {
        return Ok(Some(id.to_owned()));
    }
    let message = "`object_id` must be printable ASCII characters without blanks, as in `resp_123`";
    Err(ApiError::invalid_value("object_id", message))
}

/// From the first on, and before the second.
fn read_times(fields: &Fields) -> Result<(Option<Timestamp>, Option<Timestamp>), ApiError> {
    let after = fields.unix_secs("created_after")?;
    let before = fields.unix_secs("created_before")?;
    if let (Some(after), Some(before)) = (after, before)
        && after >= before
    {
        let message = "`created_before` must be later than `created_after`: nothing lies between them";
        return Err(ApiError::invalid_value("created_before", message));
    }
    Ok((after.map(Timestamp::from_unix_secs), before.map(Timestamp::from_unix_secs)))
}

/// Refuses an endpoint or a source that the project has not, and a disabled endpoint, unless it is not
/// called: with another URL.
pub(super) fn check_names(
    app: &App,
    caller: &Caller,
    query: &ReplayQuery,
    to_target: bool,
) -> Result<(), ApiError> {
    if let Some(id) = query.endpoint_id {
        let endpoint = match to_target {
            true => endpoints::find(app, caller, id),
            false => deliveries::open_endpoint(app, caller, id),
        };
        endpoint.map_err(|error| error.param("endpoint_id"))?;
    }
    if let Some(id) = query.source_id {
        sources::find(app, caller, id).map_err(|error| error.param("source_id"))?;
    }
    Ok(())
}
