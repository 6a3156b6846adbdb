//! How an endpoint's calls are signed, which is settled by its newest secret.

use ringback_domain::{Endpoint, EndpointKey, SignatureScheme};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::random;

pub(super) const FIELD: &str = "signature_scheme";

/// `signature_scheme`.
pub(super) fn read(fields: &Fields) -> Result<Option<SignatureScheme>, ApiError> {
    fields.word(FIELD)
}

/// A fresh secret.
pub(crate) fn new_key(scheme: SignatureScheme) -> EndpointKey {
    EndpointKey::from_random(scheme, &random::bytes::<32>())
}

/// Another scheme means another secret, which only a rotation can show.
pub(super) fn check_unchanged(endpoint: &Endpoint, wanted: SignatureScheme) -> Result<(), ApiError> {
    if endpoint.signature_scheme() == wanted {
        return Ok(());
    }
    let message = "another `signature_scheme` needs another secret: change it with `POST \
                   /v1/webhook_endpoints/{id}/rotate_secret {\"signature_scheme\": …}`, whose answer shows that";
    Err(ApiError::invalid_value(FIELD, message))
}
