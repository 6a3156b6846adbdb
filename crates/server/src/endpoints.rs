//! `/v1/webhook_endpoints`: where events go, as OpenAI's API reference has it, with Ringback's settings as optional fields.

mod authentication;
mod headers;
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
use ringback_domain::{Endpoint, EndpointId, EventPattern};
use ringback_store::{EndpointChange, NewEndpoint};

pub(crate) use secrets::{revoke, rotate};
pub(crate) use test_call::test;

use self::view::EndpointView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{Fields, JsonBody, required};
use crate::json::{self, Deleted};
use crate::list::{self, ListQuery};
use crate::parts::{App, Shared};
use crate::path_id::PathId;
use crate::sources::MAX_NAME_CHARS;

/// OpenAI's fields, then Ringback's.
const FIELDS: [&str; 10] = [
    "name",
    "url",
    "event_types",
    "description",
    "timeout_secs",
    "headers",
    "authentication",
    "no_retry_statuses",
    "signature_scheme",
    "paused",
];

/// The longest description of an endpoint, in characters.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// `POST /v1/webhook_endpoints {name, url, event_types, …}`: shows the secret, as a rotation does and nothing else.
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&FIELDS)?;
    let change = read(&app, &caller, &fields).await?;
    let key = scheme::new_key(scheme::read(&fields)?.unwrap_or_default());
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
        paused: change.paused.unwrap_or(false),
        secret: (app.new_id(now), key.clone()),
        now,
    };
    let endpoint = app.store().create_endpoint(endpoint).await?;
    Ok(json::answer(&EndpointView::with_secret(&endpoint, &key, now)))
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
    Ok(list::answer(&page, |endpoint| endpoint.id, |endpoint| EndpointView::of(endpoint, now)))
}

/// `GET /v1/webhook_endpoints/{id}`
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    let endpoint = find(&app, &caller, id)?;
    Ok(json::answer(&EndpointView::of(&endpoint, app.now())))
}

/// Why an endpoint is disabled that a person disabled.
const DISABLED_BY_HAND: &str = "disabled by hand";

/// `POST /v1/webhook_endpoints/{id}`, any of the fields of creation, and `disabled`. `event_types`, `headers` and
/// `no_retry_statuses` replace the whole set; `null` takes `description` and `authentication` away and leaves all else as it is.
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
    if let Some(wanted) = scheme::read(&fields)? {
        scheme::check_unchanged(&*find(&app, &caller, id)?, wanted)?;
    }
    let now = app.now();
    let endpoint = app.store().update_endpoint(caller.project_id, id, change, now).await?;
    Ok(json::answer(&EndpointView::of(&endpoint, now)))
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

fn find(app: &App, caller: &Caller, id: EndpointId) -> Result<Arc<Endpoint>, ApiError> {
    let config = app.store().config();
    let endpoint = config.project(caller.project_id).and_then(|project| project.endpoint(id)).cloned();
    endpoint.ok_or_else(|| ApiError::not_found("there is no such webhook endpoint"))
}

/// The fields of creation, all optional as in an update.
async fn read(app: &App, caller: &Caller, fields: &Fields) -> Result<EndpointChange, ApiError> {
    Ok(EndpointChange {
        name: fields.line("name", MAX_NAME_CHARS)?.map(str::to_owned),
        url: read_url(app, fields)?,
        event_types: read_event_types(app, caller, fields).await?,
        description: read_description(fields)?,
        timeout_secs: fields.integer("timeout_secs", 1..=60)?,
        headers: headers::read(fields)?,
        authentication: authentication::read(fields)?,
        no_retry_statuses: statuses::read(fields)?,
        paused: fields.boolean("paused")?,
        disabled: None,
    })
}

fn read_description(fields: &Fields) -> Result<Option<Option<String>>, ApiError> {
    if fields.is_null("description") {
        return Ok(Some(None));
    }
    Ok(fields.line("description", MAX_DESCRIPTION_CHARS)?.map(|text| Some(text.to_owned())))
}

/// In its normal form, which is what will be called. Its length is the policy's to judge.
fn read_url(app: &App, fields: &Fields) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text("url", usize::MAX)? else { return Ok(None) };
    match app.parts.egress_policy.check_url(text) {
        Ok(url) => Ok(Some(url.into())),
        Err(refusal) => Err(ApiError::bad_request(refusal.code(), refusal.to_string()).param("url")),
    }
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
