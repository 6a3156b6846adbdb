//! The columns that hold ciphertexts for good: one list, so that no backend leaves one out when the
//! operator's keys are rotated.

use ringback_domain::{EndpointId, SecretId, TypedId};

use super::{extras, secrets};

/// A column of ciphertexts.
pub(crate) struct Column {
    pub(crate) table: &'static str,
    pub(crate) name: &'static str,
    /// What the ciphertext in the row of this id is bound to.
    pub(crate) place: fn([u8; 16]) -> String,
}

/// All that are kept for good. Answers under an `Idempotency-Key` are not: they are gone within a day.
pub(crate) const COLUMNS: [Column; 3] = [
    Column {
        table: "source_secrets",
        name: "ciphertext",
        place: |id| secrets::source_place(SecretId::from_bytes(id)),
    },
    Column {
        table: "endpoint_secrets",
        name: "ciphertext",
        place: |id| secrets::endpoint_place(SecretId::from_bytes(id)),
    },
    Column { table: "endpoints", name: "extras", place: |id| extras::place(EndpointId::from_bytes(id)) },
];
