//! `/v1/organization/projects`: the tenants, as OpenAI's administration API has them.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::{Project, ProjectId};
use ringback_store::{NewProject, ProjectChange};
use serde::Serialize;

use crate::caller::Admin;
use crate::error::ApiError;
use crate::fields::{Fields, JsonBody, required};
use crate::json::{self, Text};
use crate::list::{self, ListQuery};
use crate::parts::Shared;
use crate::path_id::PathId;
use crate::sources::MAX_NAME_CHARS;

/// OpenAI's object `organization.project`.
#[derive(Serialize)]
struct ProjectView<'a> {
    id: Text<ProjectId>,
    object: &'static str,
    name: &'a str,
    created_at: i64,
    archived_at: Option<i64>,
    status: &'static str,
}

impl<'a> ProjectView<'a> {
    fn of(project: &'a Project) -> Self {
        Self {
            id: Text(project.id),
            object: "organization.project",
            name: &project.name,
            created_at: project.created_at.as_unix_secs(),
            archived_at: project.archived_at.map(ringback_domain::Timestamp::as_unix_secs),
            status: if project.archived_at.is_some() { "archived" } else { "active" },
        }
    }
}

/// `POST /v1/organization/projects {name}`
pub(crate) async fn create(
    State(app): State<Shared>,
    _admin: Admin,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["name"])?;
    let name = required("name", read_name(&fields)?)?;
    let now = app.now();
    let project = NewProject { id: app.new_id(now), name, publish_source_id: app.new_id(now), now };
    let project = app.store().create_project(project).await?;
    Ok(json::answer(&ProjectView::of(&project)))
}

/// `GET /v1/organization/projects?include_archived=`
pub(crate) async fn list(
    State(app): State<Shared>,
    _admin: Admin,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let mut query = ListQuery::parse(query.as_deref(), &["include_archived"])?;
    let include_archived = match query.take_filter("include_archived").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            let message = "`include_archived` must be `true` or `false`";
            return Err(ApiError::invalid_value("include_archived", message));
        }
    };
    let page = app.store().config().list_projects(include_archived, query.page);
    Ok(list::answer(&page, |config| config.project.id, |config| ProjectView::of(&config.project)))
}

/// `GET /v1/organization/projects/{id}`
pub(crate) async fn retrieve(
    State(app): State<Shared>,
    _admin: Admin,
    PathId(id): PathId<ProjectId>,
) -> Result<Response, ApiError> {
    let config = app.store().config();
    let config = config.project(id).ok_or_else(|| ApiError::not_found("there is no such project"))?;
    Ok(json::answer(&ProjectView::of(&config.project)))
}

/// `POST /v1/organization/projects/{id} {name?}`
pub(crate) async fn update(
    State(app): State<Shared>,
    _admin: Admin,
    PathId(id): PathId<ProjectId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&["name"])?;
    let name = read_name(&fields)?;
    if config_of(&app, id).is_some_and(|project| project.archived_at.is_some()) {
        return Err(ApiError::bad_request("project_archived", "this project is archived and stays as it is"));
    }
    let renames_default = name.is_some() && is_default(&app, id);
    if renames_default {
        return Err(ApiError::invalid_value(
            "name",
            "the project `default` keeps its name: it is found by it",
        ));
    }
    let project = app.store().update_project(id, ProjectChange { name, archive: false }, app.now()).await?;
    Ok(json::answer(&ProjectView::of(&project)))
}

/// `POST /v1/organization/projects/{id}/archive`: for good. Its keys open nothing and its sources take
/// nothing in from now on; what was taken in before is delivered.
pub(crate) async fn archive(
    State(app): State<Shared>,
    _admin: Admin,
    PathId(id): PathId<ProjectId>,
) -> Result<Response, ApiError> {
    if is_default(&app, id) {
        let message = "the project `default` cannot be archived";
        return Err(ApiError::bad_request("default_project", message));
    }
    let project =
        app.store().update_project(id, ProjectChange { name: None, archive: true }, app.now()).await?;
    Ok(json::answer(&ProjectView::of(&project)))
}

/// Whoever names a project does so by its id or its name, so that no name may look like an id.
fn read_name(fields: &Fields) -> Result<Option<String>, ApiError> {
    let name = fields.line("name", MAX_NAME_CHARS)?;
    if name.is_some_and(|name| name.starts_with("proj_")) {
        let message = "`name` must not begin with `proj_`, as ids do: projects are named by either";
        return Err(ApiError::invalid_value("name", message));
    }
    Ok(name.map(str::to_owned))
}

fn config_of(app: &Shared, id: ProjectId) -> Option<Project> {
    app.store().config().project(id).map(|config| config.project.clone())
}

fn is_default(app: &Shared, id: ProjectId) -> bool {
    config_of(app, id).is_some_and(|project| project.name == DEFAULT_PROJECT_NAME)
}
