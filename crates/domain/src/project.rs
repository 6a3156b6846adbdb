//! The tenant.

use crate::{ProjectId, Timestamp};

/// The name of the project that always exists.
pub const DEFAULT_PROJECT_NAME: &str = "default";

/// A tenant: sources, endpoints, events and keys belong to exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// `proj_…`.
    pub id: ProjectId,
    /// Unique; `default` always exists. 1 to 256 characters.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it takes nothing in and its keys open nothing, if it is archived. Final. What was taken in
    /// before goes on to be delivered.
    pub archived_at: Option<Timestamp>,
}
