//! The tenant.

use crate::{ProjectId, Timestamp};

/// The name of the project that always exists.
pub const DEFAULT_PROJECT_NAME: &str = "default";

/// A tenant: sources, endpoints, events and keys belong to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// `proj_…`.
    pub id: ProjectId,
    /// Unique; `default` always exists.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}
