//! Ids in paths.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use ringback_domain::{ParseIdError, TypedId};

use crate::error::ApiError;

/// An id out of the path. The route's parameter is named by the prefix of the ids, e.g. `{whsrc}`.
///
/// What is no id of the noun cannot exist, so it is answered as what does not: 404.
pub(crate) struct PathId<I>(pub(crate) I);

impl<I, S> FromRequestParts<S> for PathId<I>
where
    I: TypedId + FromStr<Err = ParseIdError>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let unknown = || ApiError::not_found(format!("there is no such {}", I::NOUN));
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| unknown())?;
        let (_, text) = params.iter().find(|(name, _)| *name == I::PREFIX).ok_or_else(unknown)?;
        text.parse().map(Self).map_err(|error: ParseIdError| {
            ApiError::not_found(format!("there is no such {}; {error}", I::NOUN))
        })
    }
}
