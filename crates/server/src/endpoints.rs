//! `/v1/webhook_endpoints`: where events go, as OpenAI's API reference has it, with Ringback's settings as optional fields.

mod subscription;
mod view;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::endpoint::DEFAULT_TIMEOUT_SECS;
use ringback_domain::{EndpointId, EventPattern};
use ringback_store::{EndpointChange, NewEndpoint};
use ringback_webhook::SigningSecret;

use self::view::EndpointView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{Fields, JsonBody, required};
use crate::json::{self, Deleted};
use crate::list::{self, ListQuery};
use crate::parts::{App, Shared};
use crate::path_id::PathId;
use crate::random;
use crate::sources::MAX_NAME_CHARS;

const FIELDS: [&str; 4] = ["name", "url", "event_types", "timeout_secs"];

/// `POST /v1/webhook_endpoints {name, url, event_types, timeout_secs?}`: the only answer that shows the secret.
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let change = read(&app, &caller, &body.fields(&FIELDS)?).await?;
    let secret = SigningSecret::from_key_bytes(&random::bytes::<32>()).map_err(ApiError::internal)?;
    let now = app.now();
    let endpoint = NewEndpoint {
        id: app.new_id(now),
        project_id: caller.project_id,
        name: required("name", change.name)?,
        url: required("url", change.url)?,
        event_types: required("event_types", change.event_types)?,
        timeout_secs: change.timeout_secs.unwrap_or(DEFAULT_TIMEOUT_SECS),
        secret: (app.new_id(now), secret.clone()),
        now,
    };
    let endpoint = app.store().create_endpoint(endpoint).await?;
    Ok(json::answer(&EndpointView::with_secret(&endpoint, &secret.reveal())))
}

/// `GET /v1/webhook_endpoints`
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = ListQuery::parse(query.as_deref(), &[])?;
    let page = app.store().list_endpoints(caller.project_id, query.page).await?;
    Ok(list::answer(&page, |endpoint| endpoint.id, |endpoint| EndpointView::of(endpoint)))
}

/// `GET /v1/webhook_endpoints/{id}`
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
) -> Result<Response, ApiError> {
    let config = app.store().config();
    let endpoint =
        config.project(caller.project_id).and_then(|project| project.endpoint(id)).map(Arc::as_ref);
    let endpoint = endpoint.ok_or_else(|| ApiError::not_found("there is no such webhook endpoint"))?;
    Ok(json::answer(&EndpointView::of(endpoint)))
}

/// Why an endpoint is disabled that a person disabled.
const DISABLED_BY_HAND: &str = "disabled by hand";

/// `POST /v1/webhook_endpoints/{id}`, any of the fields of creation, and `paused` and `disabled`; `event_types` replaces the whole
/// set.
pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&[&FIELDS[..], &["paused", "disabled"]].concat())?;
    let change = EndpointChange {
        paused: fields.boolean("paused")?,
        disabled: fields.boolean("disabled")?.map(|disabled| disabled.then(|| DISABLED_BY_HAND.to_owned())),
        ..read(&app, &caller, &fields).await?
    };
    let endpoint = app.store().update_endpoint(caller.project_id, id, change, app.now()).await?;
    Ok(json::answer(&EndpointView::of(&endpoint)))
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

/// The fields of creation, all optional as in an update.
async fn read(app: &App, caller: &Caller, fields: &Fields) -> Result<EndpointChange, ApiError> {
    Ok(EndpointChange {
        name: fields.line("name", MAX_NAME_CHARS)?.map(str::to_owned),
        url: read_url(app, fields)?,
        event_types: read_event_types(app, caller, fields).await?,
        timeout_secs: fields.integer("timeout_secs", 1..=60)?,
        ..EndpointChange::default()
    })
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
