//! `/v1/webhook_endpoints`: where events go, as OpenAI's API reference has it, with Ringback's settings as
//! optional fields.

mod authentication;
mod headers;
mod missed;
mod rules;
mod scheme;
mod secrets;
mod statuses;
mod subscription;
mod test_call;
mod view;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::endpoint::DEFAULT_TIMEOUT_SECS;
use ringback_domain::{DeliveryRules, Endpoint, EndpointId, EventPattern, Timestamp};
use ringback_store::{EndpointChange, NewEndpoint};

pub(crate) use scheme::new_key;
pub(crate) use secrets::{revoke, rotate};
pub(crate) use test_call::test;

use self::view::EndpointView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{Fields, JsonBody, required};
use crate::guarded_url;
use crate::json::{self, Deleted};
use crate::list::{self, ListQuery};
use crate::parts::{App, Shared};
use crate::path_id::PathId;
use crate::sources::MAX_NAME_CHARS;

/// OpenAI's fields, then Ringback's.
const FIELDS: [&str; 16] = [
    "name",
    "url",
    "event_types",
    "description",
    "timeout_secs",
    "headers",
    "authentication",
    "no_retry_statuses",
    "retry_delays_secs",
    "max_per_sec",
    "max_concurrency",
    "ordering",
    "ordering_wait_secs",
    "max_age_secs",
    "signature_scheme",
    "paused",
];

/// The longest description of an endpoint, in characters.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// `POST /v1/webhook_endpoints {name, url, event_types, …}`: shows the secret, as a rotation does and nothing
/// else.
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&FIELDS)?;
    let change = read(&app, &caller, &fields).await?;
    let key = new_key(scheme::read(&fields)?.unwrap_or_default());
    let now = app.now();
    let endpoint = NewEndpoint {
        id: app.new_id(now),
        project_id: caller.project_id,
        name: required("name", change.name)?,
        url: required("url", change.url)?,
        event_types: required("event_types", change.event_types)?,
        description: change.description.flatten(),
        timeout_secs: change.timeout_secs.unwrap_or(DEFAULT_TIMEOUT_SECS),
        headers: change.headers.unwrap_or_default(),
        authentication: change.authentication.flatten(),
        no_retry_statuses: change.no_retry_statuses.unwrap_or_default(),
        rules: change.rules.applied_to(&DeliveryRules::default()),
        paused: change.paused.unwrap_or(false),
        secret: (app.new_id(now), key.clone()),
        now,
    };
    let endpoint = app.store().create_endpoint(endpoint).await?;
    Ok(json::answer(&view(&app, &endpoint, now).with_secret(&key)))
}

/// `GET /v1/webhook_endpoints`
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = ListQuery::parse(query.as_deref(), &[])?;
    let page = app.store().list_endpoints(caller.project_id, query.page).await?;
    let now = app.now();
    Ok(list::answer(&page, |endpoint| endpoint.id, |endpoint| view(&app, endpoint, now)))
}

/// `GET /v1/webhook_endpoints/{id}`
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    let endpoint = find(&app, &caller, id)?;
    Ok(json::answer(&view(&app, &endpoint, app.now())))
}

/// Why an endpoint is disabled that a person disabled.
const DISABLED_BY_HAND: &str = "disabled by hand";

/// `POST /v1/webhook_endpoints/{id}`, any of the fields of creation, and `disabled`. Lists and `headers`
/// replace the whole set; `null` takes away what may be missing, and leaves all else as it is. Enabling what
/// was disabled tells what it missed.
pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&[&FIELDS[..], &["disabled"]].concat())?;
    let change = EndpointChange {
        disabled: fields.boolean("disabled")?.map(|disabled| disabled.then(|| DISABLED_BY_HAND.to_owned())),
        ..read(&app, &caller, &fields).await?
    };
    let old = find(&app, &caller, id)?;
    if let Some(wanted) = scheme::read(&fields)? {
        scheme::check_unchanged(&old, wanted)?;
    }
    let now = app.now();
    let endpoint = app.store().update_endpoint(caller.project_id, id, change, now).await?;
    if endpoint.may_attempt() && !old.may_attempt() {
        // What it held is due.
        app.parts.dispatcher.note_due(id);
    }
    let missed = match old.disabled_at {
        Some(at) if endpoint.disabled_at.is_none() => {
            // What it lost while everything failed was lost before.
            let since = old.health.failing_since.map_or(at, |failing| failing.min(at));
            Some(missed::since(&app, &endpoint, since).await)
        }
        _ => None,
    };
    Ok(json::answer(&view(&app, &endpoint, now).with_missed(missed)))
}

/// `DELETE /v1/webhook_endpoints/{id}`
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    app.store().delete_endpoint(caller.project_id, id, app.now()).await?;
    Ok(json::answer(&Deleted::new(id, "webhook_endpoint.deleted")))
}

/// With what this node's deliverer knows of it.
fn view<'a>(app: &App, endpoint: &'a Endpoint, now: Timestamp) -> EndpointView<'a> {
    EndpointView::of(endpoint, &app.parts.dispatcher.breaker(endpoint.id), now)
}

/// An endpoint of the caller's project.
pub(crate) fn find(app: &App, caller: &Caller, id: EndpointId) -> Result<Arc<Endpoint>, ApiError> {
    let config = app.store().config();
    let endpoint = config.project(caller.project_id).and_then(|project| project.endpoint(id)).cloned();
    endpoint.ok_or_else(|| ApiError::not_found("there is no such webhook endpoint"))
}

/// The fields of creation, all optional as in an update.
async fn read(app: &App, caller: &Caller, fields: &Fields) -> Result<EndpointChange, ApiError> {
    Ok(EndpointChange {
        name: fields.line("name", MAX_NAME_CHARS)?.map(str::to_owned),
        url: guarded_url::read(app, fields, "url")?,
        event_types: read_event_types(app, caller, fields).await?,
        description: fields.or_null("description", |fields, name| {
            Ok(fields.line(name, MAX_DESCRIPTION_CHARS)?.map(str::to_owned))
        })?,
        timeout_secs: fields.integer("timeout_secs", 1..=60)?,
        headers: headers::read(fields)?,
        authentication: authentication::read(fields)?,
        no_retry_statuses: statuses::read(fields)?,
        rules: rules::read(fields)?,
        paused: fields.boolean("paused")?,
        disabled: None,
    })
}

async fn read_event_types(
    app: &App,
    caller: &Caller,
    fields: &Fields,
) -> Result<Option<Vec<EventPattern>>, ApiError> {
    match subscription::names(fields)? {
        Some(names) => subscription::read(app.store(), caller.project_id, &names).await.map(Some),
        None => Ok(None),
    }
}
