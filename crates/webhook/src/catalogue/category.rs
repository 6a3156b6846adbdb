//! The families of event types.

use std::fmt;

/// A family of event types, for grouping them in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// Background responses.
    Response,
    /// Batches.
    Batch,
    /// Fine-tuning jobs.
    FineTuning,
    /// Eval runs.
    Eval,
    /// Calls to the Realtime API.
    Realtime,
    /// Video generation.
    Video,
    /// Agent environments and sessions.
    Agent,
    /// Safety notices about an account or its users.
    Safety,
    /// Live sessions.
    Live,
}

impl Category {
    /// A stable name, in `snake_case`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Batch => "batch",
            Self::FineTuning => "fine_tuning",
            Self::Eval => "eval",
            Self::Realtime => "realtime",
            Self::Video => "video",
            Self::Agent => "agent",
            Self::Safety => "safety",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
