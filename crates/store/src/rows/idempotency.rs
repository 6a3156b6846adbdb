//! The place of an answer under an `Idempotency-Key`.

use crate::idempotency::IdempotencyKey;

/// Names a process among those that used the database.
pub(crate) type RunId = [u8; 16];

/// Binds an answer to its row.
pub(crate) fn place(key: &IdempotencyKey) -> String {
    // A line break is in none of them.
    format!("idempotency_keys/{}\n{}\n{}", key.project_id, key.route, key.key)
}
