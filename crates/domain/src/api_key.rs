//! What a program shows to act in a project.

use crate::{ApiKeyId, ProjectId, Timestamp};

/// A key of one project. The key itself is shown once, when it is made; what is kept is its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// `key_…`.
    pub id: ApiKeyId,
    /// The project that it opens, and no other.
    pub project_id: ProjectId,
    /// For people; 1 to 256 characters.
    pub name: String,
    /// A masked form for people to tell keys apart by.
    pub hint: String,
    /// The SHA-256 of the key.
    pub sha256: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last shown, to about a minute; `None` if never.
    pub last_used_at: Option<Timestamp>,
}
