//! The one hash: of keys, of bodies, of what was asked for.

use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of these bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
