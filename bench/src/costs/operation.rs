//! The operations whose cost is to stay what it is however much is stored.

use serde::Serialize;

/// One call of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    /// One event with its receipt and one delivery.
    Append,
    /// The newest events of a project, 20 of them.
    FirstPage,
    /// 20 events of a project before one in the midst of the history.
    MiddlePage,
    /// The events about one object.
    ByObject,
    /// Four deliveries that are due.
    Claim,
}

impl Operation {
    /// All of them. What writes comes last: it moves what the others read.
    pub(super) const ALL: [Self; 5] =
        [Self::FirstPage, Self::MiddlePage, Self::ByObject, Self::Append, Self::Claim];

    /// Its name, for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::FirstPage => "list, first page",
            Self::MiddlePage => "list, in the middle",
            Self::ByObject => "list ?object_id=",
            Self::Claim => "claim of 4",
        }
    }

    /// Whether it changes something.
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Append | Self::Claim)
    }

    /// Whether the same number again needs the same pages. Claims do not: what was claimed cannot be claimed
    /// again. What they need lies together anyway.
    pub(super) fn can_be_near(self) -> bool {
        self != Self::Claim
    }
}
