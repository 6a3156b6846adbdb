//! `/v1/organization/projects/{id}/api_keys`: what programs show to act in a project, as OpenAI's
//! administration API has them.
//!
//! OpenAI makes keys in its dashboard only; making one here is an addition.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::{ApiKey, ApiKeyId, ProjectId, Timestamp};
use ringback_store::{NewApiKey, ProjectConfig};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::caller::Admin;
use crate::error::ApiError;
use crate::fields::{JsonBody, required};
use crate::json::{self, Deleted, Text};
use crate::list::{self, ListQuery};
use crate::parts::{App, Shared};
use crate::path_id::PathId;
use crate::random;
use crate::sha256::sha256;
use crate::sources::MAX_NAME_CHARS;

/// What every key begins with, so that one that leaked is recognised.
const PREFIX: &str = "sk-ringback-";

/// OpenAI's object `organization.project.api_key`.
#[derive(Serialize)]
struct KeyView<'a> {
    id: Text<ApiKeyId>,
    object: &'static str,
    name: &'a str,
    created_at: i64,
    last_used_at: Option<i64>,
    redacted_value: &'a str,
    /// Keys do not expire; they are deleted.
    expires_at: Option<i64>,
    owner: Owner<'a>,
    owner_project_access: &'static str,
    /// In the answer to creation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

/// There are no people here: each key is its own service account.
#[derive(Serialize)]
struct Owner<'a> {
    r#type: &'static str,
    service_account: ServiceAccount<'a>,
}

#[derive(Serialize)]
struct ServiceAccount<'a> {
    id: Text<ApiKeyId>,
    name: &'a str,
    role: &'static str,
    created_at: i64,
}

impl<'a> KeyView<'a> {
    fn of(key: &'a ApiKey) -> Self {
        let created_at = key.created_at.as_unix_secs();
        Self {
            id: Text(key.id),
            object: "organization.project.api_key",
            name: &key.name,
            created_at,
            last_used_at: key.last_used_at.map(Timestamp::as_unix_secs),
            redacted_value: &key.hint,
            expires_at: None,
            owner: Owner {
                r#type: "service_account",
                service_account: ServiceAccount {
                    id: Text(key.id),
                    name: &key.name,
                    role: "member",
                    created_at,
                },
            },
            owner_project_access: "active",
            value: None,
        }
    }
}

/// `POST /v1/organization/projects/{id}/api_keys {name}`: the only answer that shows the key.
pub(crate) async fn create(
    State(app): State<Shared>,
    _admin: Admin,
    PathId(project_id): PathId<ProjectId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["name"])?;
    let name = required("name", fields.line("name", MAX_NAME_CHARS)?)?.to_owned();
    if project(&app, project_id)?.project.archived_at.is_some() {
        return Err(ApiError::bad_request(
            "project_archived",
            "this project is archived; its keys open nothing",
        ));
    }
    let key = Zeroizing::new(format!("{PREFIX}{}", random::token()));
    let now = app.now();
    let new = NewApiKey {
        id: app.new_id(now),
        project_id,
        name,
        hint: format!("{PREFIX}…{}", &key[key.len() - 4..]),
        sha256: sha256(key.as_bytes()),
        now,
    };
    let made = app.store().create_api_key(new).await?;
    Ok(json::answer(&KeyView { value: Some(&key), ..KeyView::of(&made) }))
}

/// `GET /v1/organization/projects/{id}/api_keys`
pub(crate) async fn list(
    State(app): State<Shared>,
    _admin: Admin,
    PathId(project_id): PathId<ProjectId>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    // OpenAI's filter by the owner's access: every owner has it.
    let mut query = ListQuery::parse(query.as_deref(), &["owner_project_access"])?;
    let inactive = query.take_filter("owner_project_access").is_some_and(|access| access == "inactive");
    let mut page = project(&app, project_id)?.list_api_keys(query.page);
    if inactive {
        page.items.clear();
        page.has_more = false;
    }
    Ok(list::answer(&page, |key| key.id, |key| KeyView::of(key)))
}

/// `GET /v1/organization/projects/{id}/api_keys/{key_id}`
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    _admin: Admin,
    PathId(project_id): PathId<ProjectId>,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Response, ApiError> {
    let project = project(&app, project_id)?;
    let key = project.api_key(id).ok_or_else(|| ApiError::not_found("there is no such API key"))?;
    Ok(json::answer(&KeyView::of(key)))
}

/// `DELETE /v1/organization/projects/{id}/api_keys/{key_id}`: it opens nothing from now on.
pub(crate) async fn delete(
    State(app): State<Shared>,
    _admin: Admin,
    PathId(project_id): PathId<ProjectId>,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Response, ApiError> {
    app.store().delete_api_key(project_id, id).await?;
    Ok(json::answer(&Deleted::new(id, "organization.project.api_key.deleted")))
}

fn project(app: &App, id: ProjectId) -> Result<Arc<ProjectConfig>, ApiError> {
    app.store().config().project(id).cloned().ok_or_else(|| ApiError::not_found("there is no such project"))
}
