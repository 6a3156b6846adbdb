//! The keys of a run. They guard nothing: every server of a run is on loopback, and ends with it.

use http::{HeaderMap, HeaderValue, header};
use ringback_webhook::SigningSecret;

/// The admin key that Ringback is started with.
pub(crate) const ADMIN: &str = "sk-bench-admin-key";

/// The headers of a call of the API.
pub(crate) fn bearer() -> HeaderMap {
    let bearer = HeaderValue::from_str(&format!("Bearer {ADMIN}")).expect("the key is visible ASCII");
    HeaderMap::from_iter([(header::AUTHORIZATION, bearer)])
}

/// What the driver signs its calls with.
pub(crate) fn source() -> SigningSecret {
    secret(1)
}

/// What the bare server signs its deliveries with; Ringback makes its own.
pub(crate) fn endpoint() -> SigningSecret {
    secret(2)
}

fn secret(byte: u8) -> SigningSecret {
    SigningSecret::from_key_bytes(&[byte; 32]).expect("32 bytes are a key")
}
