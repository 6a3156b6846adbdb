//! `/v1/webhook_event_types`: the types that endpoints may name, apart from the rest of the catalogue and
//! wildcards.

use std::collections::BTreeSet;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use ringback_domain::delivery_rules::MAX_AGE_SECS;
use ringback_store::MaxAgeChange;
use ringback_webhook::{catalogue, event_type};
use serde::Serialize;
use url::form_urlencoded;

use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{Fields, JsonBody, required, unknown_parameter};
use crate::json;
use crate::nearest::shown;
use crate::parts::{App, Shared};

/// How many types that only this project has are listed.
const MAX_OWN: usize = 1000;

/// A list of bare names, as OpenAI answers it: no cursor, always whole.
#[derive(Serialize)]
struct Names {
    object: &'static str,
    data: Vec<String>,
}

/// The object `webhook_event_type`.
#[derive(Serialize)]
struct EventTypeView<'a> {
    object: &'static str,
    name: &'a str,
    /// How old an event of it may be when it is attempted; `null` is at any age.
    max_age_secs: Option<u64>,
    /// Whether this project has registered it, as those of the catalogue need not be.
    registered: bool,
}

/// `GET /v1/webhook_event_types`: the 27 types of OpenAI's webhook-endpoint API, then those that this project
/// has registered, received or published besides.
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    if let Some((name, _)) = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).next() {
        return Err(unknown_parameter(&name, &[]));
    }
    let config = app.store().config();
    let registered = config.project(caller.project_id).into_iter().flat_map(|project| project.event_types());
    let mut own: BTreeSet<String> = registered.map(str::to_owned).collect();
    own.extend(app.store().seen_types(caller.project_id, MAX_OWN).await?);
    let data =
        catalogue::entries().iter().filter(|entry| entry.subscribable).map(|entry| entry.name.to_owned());
    let own = own.into_iter().filter(|name| catalogue::find(name).is_none()).take(MAX_OWN);
    Ok(json::answer(&Names { object: "list", data: data.chain(own).collect() }))
}

/// `POST /v1/webhook_event_types {name, max_age_secs?}`: endpoints may name it from now on, and its events
/// age so fast. Again is no error. A type of the catalogue needs no registration and is stored for its age
/// alone.
pub(crate) async fn register(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["name", "max_age_secs"])?;
    let name = event_type::canonical(read_name(&fields)?);
    let max_age = read_max_age(&fields)?;
    if catalogue::find(name).is_none() || max_age != MaxAgeChange::Keep {
        app.store().register_event_type(caller.project_id, name.to_owned(), max_age, app.now()).await?;
    }
    Ok(answer(&app, &caller, name))
}

/// `GET /v1/webhook_event_types/{name}`: how fast it ages. Any type may be asked for: what was never sent may
/// be tomorrow.
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let name = path.ok().map(|Path(name)| name).filter(|name| event_type::is_well_formed(name));
    let name = name.ok_or_else(|| ApiError::not_found("what is named here can be no event type"))?;
    Ok(answer(&app, &caller, event_type::canonical(&name)))
}

fn answer(app: &App, caller: &Caller, name: &str) -> Response {
    let config = app.store().config();
    let project = config.project(caller.project_id);
    json::answer(&EventTypeView {
        object: "webhook_event_type",
        name,
        max_age_secs: project.and_then(|project| project.max_age(name)).map(|age| age.as_secs()),
        registered: project.is_some_and(|project| project.has_event_type(name)),
    })
}

fn read_name(fields: &Fields) -> Result<&str, ApiError> {
    let name = required("name", fields.text("name", event_type::MAX_BYTES)?)?;
    check_well_formed("name", name)?;
    Ok(name)
}

/// 0 is no limit, `null` the catalogue's.
fn read_max_age(fields: &Fields) -> Result<MaxAgeChange, ApiError> {
    let given = fields.or_null("max_age_secs", |fields, name| fields.integer(name, 0..=MAX_AGE_SECS))?;
    Ok(match given {
        None => MaxAgeChange::Keep,
        Some(None) => MaxAgeChange::Default,
        Some(Some(secs)) => MaxAgeChange::Secs(secs),
    })
}

/// Refuses what cannot be an event's type, such as a wildcard.
pub(crate) fn check_well_formed(field: &'static str, name: &str) -> Result<(), ApiError> {
    if event_type::is_well_formed(name) {
        return Ok(());
    }
    let message = format!(
        "`{}` is no event type: that is words of letters, digits and underscores with full stops between, as in \
         `order.paid`",
        shown(name)
    );
    Err(ApiError::invalid_value(field, message))
}
