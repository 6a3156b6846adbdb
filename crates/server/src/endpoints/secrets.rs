//! Rotation and revocation of an endpoint's signing secrets.

use axum::extract::State;
use axum::response::Response;
use ringback_domain::endpoint::ROTATION_OVERLAP;
use ringback_domain::{EndpointId, SecretId};
use ringback_store::Rotation;

use super::scheme;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::fields::JsonBody;
use crate::json;
use crate::parts::Shared;
use crate::path_id::PathId;

const KEEP_OLD: &str = "keep_old_secret_active_for_24_hours";

/// `POST /v1/webhook_endpoints/{id}/rotate_secret {keep_old_secret_active_for_24_hours?, signature_scheme?}`:
/// the answer shows the new secret. Without overlap, which is OpenAI's default, all older secrets end at
/// once.
pub(crate) async fn rotate(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
    body: JsonBody,
) -> Result<Response, ApiError> {
    let fields = body.fields(&[KEEP_OLD, scheme::FIELD])?;
    let overlap = fields.boolean(KEEP_OLD)?.unwrap_or(false);
    let scheme = match scheme::read(&fields)? {
        Some(scheme) => scheme,
        None => super::find(&app, &caller, id)?.signature_scheme(),
    };
    let key = scheme::new_key(scheme);
    let now = app.now();
    let rotation = Rotation {
        secret: (app.new_id(now), key.clone()),
        older_until: overlap.then(|| now.plus(ROTATION_OVERLAP)),
        now,
    };
    let endpoint = app.store().rotate_endpoint_secret(caller.project_id, id, rotation).await?;
    tracing::info!(endpoint.id = %id, secret.overlap = overlap, "a signing secret was rotated");
    Ok(json::answer(&super::view(&app, &endpoint, now).with_secret(&key)))
}

/// `DELETE /v1/webhook_endpoints/{id}/signing_secrets/{secret_id}`: ends an older secret before its time.
pub(crate) async fn revoke(
    State(app): State<Shared>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
    PathId(secret_id): PathId<SecretId>,
) -> Result<Response, ApiError> {
    if super::find(&app, &caller, id)?.secrets.last().is_some_and(|newest| newest.id == secret_id) {
        let message = "this is the newest secret; end it by `rotate_secret`, which makes another";
        return Err(ApiError::bad_request("newest_secret", message));
    }
    let now = app.now();
    let endpoint = app.store().revoke_endpoint_secret(caller.project_id, id, secret_id, now).await?;
    Ok(json::answer(&super::view(&app, &endpoint, now)))
}
