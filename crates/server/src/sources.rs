//! `/v1/webhook_sources`: where events enter.

mod secret;
mod test_call;
mod view;

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::{SecretId, Source, SourceId, SourceKind};
use ringback_store::{NewSource, SourceChange};

pub(crate) use test_call::test;

use self::view::SourceView;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::{JsonBody, required};
use crate::json::{self, Deleted};
use crate::list::{self, ListQuery};
use crate::parts::{App, Shared};
use crate::path_id::PathId;
use crate::{random, receipts};

/// The longest name of a source or an endpoint, in characters.
pub(crate) const MAX_NAME_CHARS: usize = 256;

/// `POST /v1/webhook_sources {name, kind?, signing_secret?}`
pub(crate) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["name", "kind", "signing_secret"])?;
    let name = required("name", fields.line("name", MAX_NAME_CHARS)?)?;
    let kind = fields.word("kind")?.unwrap_or(SourceKind::OpenAi);
    if !kind.has_ingest_url() {
        let message = "the one source of the kind `publish` comes with the project; make one of `openai` or `standard_webhooks`";
        return Err(ApiError::invalid_value("kind", message));
    }
    let secret = secret::read(&fields, kind)?;
    let now = app.now();
    let source = NewSource {
        id: app.new_id(now),
        project_id: caller.project_id,
        name: name.to_owned(),
        kind,
        token: random::token(),
        secret: secret.map(|secret| (app.new_id(now), secret)),
        now,
    };
    let source = app.store().create_source(source).await?;
    Ok(json::answer(&SourceView::of(&source, &app.settings().public_url)))
}

/// `GET /v1/webhook_sources`
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = ListQuery::parse(query.as_deref(), &[])?;
    let page = app.store().list_sources(caller.project_id, query.page).await?;
    let public_url = &app.settings().public_url;
    Ok(list::answer(&page, |source| source.id, |source| SourceView::of(source, public_url)))
}

/// `GET /v1/webhook_sources/{id}`
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<SourceId>,
) -> Result<Response, ApiError> {
    let source = find(&app, &caller, id)?;
    Ok(json::answer(&SourceView::of(&source, &app.settings().public_url)))
}

/// `POST /v1/webhook_sources/{id} {name?, status?, stale_policy?}`
pub(crate) async fn update(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<SourceId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["name", "status", "stale_policy"])?;
    find_changeable(&app, &caller, id)?;
    let change = SourceChange {
        name: fields.line("name", MAX_NAME_CHARS)?.map(str::to_owned),
        status: fields.word("status")?,
        stale_policy: fields.word("stale_policy")?,
    };
    let source = app.store().update_source(caller.project_id, id, change, app.now()).await?;
    Ok(json::answer(&SourceView::of(&source, &app.settings().public_url)))
}

/// `DELETE /v1/webhook_sources/{id}`
pub(crate) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<SourceId>,
) -> Result<Response, ApiError> {
    find_changeable(&app, &caller, id)?;
    app.store().delete_source(caller.project_id, id, app.now()).await?;
    Ok(json::answer(&Deleted::new(id, "webhook_source.deleted")))
}

/// `POST /v1/webhook_sources/{id}/signing_secrets {signing_secret}`
pub(crate) async fn add_secret(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<SourceId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["signing_secret"])?;
    // How a secret is read depends on the kind of its source, and a kind never changes.
    let kind = find_changeable(&app, &caller, id)?.kind;
    let secret = required("signing_secret", secret::read(&fields, kind)?)?;
    let now = app.now();
    let secret = (app.new_id(now), secret);
    let source = app.store().add_source_secret(caller.project_id, id, secret, now).await?;
    // Calls that came before it may be right by it.
    receipts::admit_held(&app, Arc::clone(&source)).await;
    Ok(json::answer(&SourceView::of(&source, &app.settings().public_url)))
}

/// `DELETE /v1/webhook_sources/{id}/signing_secrets/{secret_id}`
pub(crate) async fn remove_secret(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<SourceId>,
    PathId(secret_id): PathId<SecretId>,
) -> Result<Response, ApiError> {
    let source = app.store().remove_source_secret(caller.project_id, id, secret_id, app.now()).await?;
    Ok(json::answer(&SourceView::of(&source, &app.settings().public_url)))
}

/// A source that was made by hand.
fn find_changeable(app: &Shared, caller: &Caller, id: SourceId) -> Result<Arc<Source>, ApiError> {
    let source = find(app, caller, id)?;
    if source.kind.has_ingest_url() {
        return Ok(source);
    }
    let message =
        "this source comes with the project, for what is published; it takes no calls and cannot be changed";
    Err(ApiError::bad_request("source_built_in", message))
}

/// A source of the caller's project.
pub(crate) fn find(app: &App, caller: &Caller, id: SourceId) -> Result<Arc<Source>, ApiError> {
    let config = app.store().config();
    let found = config.project(caller.project_id).and_then(|project| project.source(id)).cloned();
    found.ok_or_else(|| ApiError::not_found("there is no such webhook source"))
}
