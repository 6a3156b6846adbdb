//! On whose behalf a request of the API acts.
//!
//! There are two kinds of keys. The *admin key* acts on the project `default`, or on the one that the header
//! `OpenAI-Project` names, and administers all of them. A *project's key* acts on its project and nowhere
//! else.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::{ApiKey, ApiKeyId, Project, ProjectId, Timestamp};
use ringback_store::Config;

use crate::error::ApiError;
use crate::parts::Shared;
use crate::sha256::sha256;

/// OpenAI's header that names a project.
const OPENAI_PROJECT: &str = "openai-project";

/// How exact the time of a key's last use is. Noting each use would cost a write each.
const LAST_USE_STEP: Duration = Duration::from_secs(60);

/// A caller who showed a key. The only way for a handler to a project's id, so none can forget to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    /// The project to act on.
    pub(crate) project_id: ProjectId,
    /// Whether it was the admin key.
    pub(crate) is_admin: bool,
}

/// A caller who showed the admin key, for what is not within one project.
pub(crate) struct Admin;

/// Whose key was shown.
enum Key<'a> {
    Admin,
    Project(&'a ApiKey),
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        let config = app.store().config();
        let key = find_key(&parts.headers, &config).map_err(challenge)?;
        let project = find_project(&parts.headers, &config, &key).map_err(challenge)?;
        check_not_archived(project, &key, &parts.method)?;
        if let Key::Project(key) = key {
            note_use(app, key);
        }
        Ok(Self { project_id: project.id, is_admin: matches!(key, Key::Admin) })
    }
}

impl FromRequestParts<Shared> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        match find_key(&parts.headers, &app.store().config()).map_err(challenge)? {
            Key::Admin => Ok(Self),
            Key::Project(_) => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "admin_key_required",
                "a project's key cannot administer projects and keys; use the admin key",
            )),
        }
    }
}

/// Says how to show a key (RFC 9110, section 11.6.1).
fn challenge(error: ApiError) -> ApiError {
    error.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

fn find_key<'a>(headers: &HeaderMap, config: &'a Config) -> Result<Key<'a>, ApiError> {
    let key = bearer(headers).ok_or_else(|| {
        ApiError::unauthorized(
            "missing_api_key",
            "no API key was given; send it as the header `Authorization: Bearer KEY`",
        )
    })?;
    // What is compared and looked up is the hash, so that the time it takes tells nothing of how much of the
    // key was right.
    let sha256 = sha256(key);
    let is_admin =
        config.admin_key_sha256().is_some_and(|expected| verify_slices_are_equal(&sha256, expected).is_ok());
    if is_admin {
        return Ok(Key::Admin);
    }
    let found = config.api_key_by_sha256(&sha256).map(|key| Key::Project(key));
    found.ok_or_else(|| ApiError::unauthorized("invalid_api_key", "the API key is not right"))
}

/// The key of the header `Authorization`, if that has one. The scheme's name is read in any case (RFC 9110,
/// section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked("Bearer ".len())?;
    let key = key.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !key.is_empty()).then_some(key)
}

/// The header may hold a project's id or its name. An empty one counts as none. A project's key may name its
/// own project only.
fn find_project<'a>(headers: &HeaderMap, config: &'a Config, key: &Key<'_>) -> Result<&'a Project, ApiError> {
    let named = headers.get(OPENAI_PROJECT).map(HeaderValue::as_bytes).filter(|value| !value.is_empty());
    // An id never means a project of that name, which may be older than the rule that there is none.
    let id = named.and_then(|named| str::from_utf8(named).ok()?.parse::<ProjectId>().ok());
    let is_named = |project: &Project, named: &[u8]| match id {
        Some(id) => project.id == id,
        None => project.name.as_bytes() == named,
    };
    let mut projects = config.projects().map(|project| &project.project);
    let found = match key {
        Key::Admin => {
            let named = named.unwrap_or(DEFAULT_PROJECT_NAME.as_bytes());
            projects.find(|project| is_named(project, named))
        }
        Key::Project(key) => projects
            .find(|project| project.id == key.project_id)
            .filter(|project| named.is_none_or(|named| is_named(project, named))),
    };
    found.ok_or_else(|| {
        let message = match key {
            Key::Admin => "the header `OpenAI-Project` names no project here",
            Key::Project(_) => {
                "the header `OpenAI-Project` does not name the project that the API key belongs to"
            }
        };
        ApiError::unauthorized("mismatched_project", message)
    })
}

/// The admin may still look at what an archived project has, and delete it.
fn check_not_archived(project: &Project, key: &Key<'_>, method: &Method) -> Result<(), ApiError> {
    match (project.archived_at, key) {
        (None, _) => Ok(()),
        (Some(_), Key::Project(_)) => Err(challenge(ApiError::unauthorized(
            "project_archived",
            "the project that the API key belongs to is archived",
        ))),
        (Some(_), Key::Admin) if method == Method::POST => Err(ApiError::bad_request(
            "project_archived",
            "this project is archived: nothing in it can be made or changed",
        )),
        (Some(_), Key::Admin) => Ok(()),
    }
}

/// The keys whose use is being noted, so that many requests at once note it once.
#[derive(Default)]
pub(crate) struct KeyUses(Mutex<HashSet<ApiKeyId>>);

impl KeyUses {
    fn lock(&self) -> MutexGuard<'_, HashSet<ApiKeyId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps when a key was last shown, beside the request: nobody waits for it, and a failure is made good by
/// the next use.
fn note_use(app: &Shared, key: &ApiKey) {
    let now: Timestamp = app.now();
    let is_recent = key.last_used_at.is_some_and(|last| now.since(last) < LAST_USE_STEP);
    if is_recent || !app.key_uses.lock().insert(key.id) {
        return;
    }
    let (app, project_id, id) = (Arc::clone(app), key.project_id, key.id);
    app.clone().side_lane.tasks().spawn(async move {
        if let Err(error) = app.store().note_api_key_use(project_id, id, now).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the use of an API key was not noted");
        }
        app.key_uses.lock().remove(&id);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(authorization))])
    }

    #[test]
    fn a_key_is_read_from_a_bearer_alone() {
        for right in ["Bearer right", "bearer right", "Bearer  right"] {
            assert_eq!(bearer(&headers(right)), Some(&b"right"[..]), "{right:?}");
        }
        for missing in ["", "Bearer", "Bearer ", "Basic right", "right", "Bearerright"] {
            assert_eq!(bearer(&headers(missing)), None, "{missing:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[test]
    fn without_a_key_set_nobody_passes() {
        let error = find_key(&headers("Bearer x"), &Config::default()).err().map(|error| error.code());
        assert_eq!(error, Some("invalid_api_key"));
    }
}
