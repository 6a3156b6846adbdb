//! On whose behalf a request of the API acts.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::{Project, ProjectId};
use ringback_store::Config;

use crate::error::ApiError;
use crate::parts::Shared;

/// OpenAI's header that names a project.
const OPENAI_PROJECT: &str = "openai-project";

/// A caller who showed the admin key. The only way for a handler to a project's id, so none can forget to ask.
pub(crate) struct Caller {
    /// The project to act on: `default`, or the one that the header `OpenAI-Project` names.
    pub(crate) project_id: ProjectId,
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        let config = app.store().config();
        let project = check_key(&parts.headers, config.admin_key_sha256())
            .and_then(|()| project(&parts.headers, &config))
            .map_err(|error| error.header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))?;
        Ok(Self { project_id: project.id })
    }
}

fn check_key(headers: &HeaderMap, admin_key_sha256: Option<&[u8; 32]>) -> Result<(), ApiError> {
    let key = bearer(headers).ok_or_else(|| {
        ApiError::unauthorized(
            "missing_api_key",
            "no API key was given; send it as the header `Authorization: Bearer KEY`",
        )
    })?;
    // What is compared is the hash, so that the time it takes tells nothing of how much of the key was right.
    let right = admin_key_sha256
        .is_some_and(|expected| verify_slices_are_equal(digest(&SHA256, key).as_ref(), expected).is_ok());
    if right { Ok(()) } else { Err(ApiError::unauthorized("invalid_api_key", "the API key is not right")) }
}

/// The key of the header `Authorization`, if that has one. The scheme's name is read in any case (RFC 9110, section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, key) = value.split_at_checked("Bearer ".len())?;
    let key = key.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !key.is_empty()).then_some(key)
}

/// The header may hold a project's id or its name. An empty one counts as none.
fn project<'a>(headers: &HeaderMap, config: &'a Config) -> Result<&'a Project, ApiError> {
    let named = headers.get(OPENAI_PROJECT).map(HeaderValue::as_bytes).filter(|value| !value.is_empty());
    let named = named.unwrap_or(DEFAULT_PROJECT_NAME.as_bytes());
    config
        .projects()
        .map(|project| &project.project)
        .find(|project| project.id.to_string().as_bytes() == named || project.name.as_bytes() == named)
        .ok_or_else(|| {
            ApiError::unauthorized("mismatched_project", "the header `OpenAI-Project` names no project here")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(authorization))])
    }

    #[test]
    fn only_a_bearer_with_the_right_key_passes() {
        let sha256: [u8; 32] = digest(&SHA256, b"right").as_ref().try_into().unwrap();
        let code = |value| check_key(&headers(value), Some(&sha256)).err().map(|error| error.code());
        assert_eq!(code("Bearer right"), None);
        assert_eq!(code("bearer right"), None);
        assert_eq!(code("Bearer  right"), None);
        assert_eq!(code("Bearer wrong"), Some("invalid_api_key"));
        assert_eq!(code("Bearer righ"), Some("invalid_api_key"));
        for missing in ["", "Bearer", "Bearer ", "Basic right", "right", "Bearerright"] {
            assert_eq!(code(missing), Some("missing_api_key"), "{missing:?}");
        }
        assert_eq!(check_key(&HeaderMap::new(), Some(&sha256)).unwrap_err().code(), "missing_api_key");
    }

    #[test]
    fn without_a_key_set_nobody_passes() {
        assert_eq!(check_key(&headers("Bearer x"), None).unwrap_err().code(), "invalid_api_key");
    }
}
