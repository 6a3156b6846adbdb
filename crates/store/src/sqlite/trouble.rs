//! What keeps the database from its work, said so that a person knows what to do.

use std::error::Error;
use std::sync::Arc;

use rusqlite::ErrorCode;

/// A fault that a person can put right.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Another program writes, or keeps all others from writing.
    #[error("another program has locked the database: wait for it or end it (a backup, a shell on the file)")]
    Locked(#[source] rusqlite::Error),
    /// The file is not what was written.
    #[error("the database is damaged: stop Ringback, put a backup in its place, and start it anew")]
    Damaged(#[source] rusqlite::Error),
    /// The same, as somebody else met with before.
    #[error("damage was seen in the database: stop Ringback, put a backup in its place, and start it anew")]
    DamageSeen,
}

/// Whether another program holds the lock.
pub(super) fn is_locked(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Whether the file is not what was written.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// The cause for the log: what to do, where that is known, and what the database said.
pub(super) fn explain(error: rusqlite::Error) -> Arc<dyn Error + Send + Sync> {
    if is_locked(&error) {
        Arc::new(Trouble::Locked(error))
    } else if is_damage(&error) {
        Arc::new(Trouble::Damaged(error))
    } else {
        Arc::new(error)
    }
}
