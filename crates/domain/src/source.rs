//! Where events enter: ingest URLs that senders call, and the publish API.

use std::fmt;

use ringback_webhook::SigningSecret;

use crate::words::words;
use crate::{ProjectId, SecretId, SourceId, Timestamp};

/// What kind of sender calls a source, which settles how its secrets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// OpenAI: a secret without `whsec_` means its UTF-8 bytes, as the official SDKs read it.
    OpenAi,
    /// Any other Standard Webhooks sender: secrets are `whsec_` and base64.
    StandardWebhooks,
    /// The publish API, and tests of endpoints: one source of this kind comes with each project, without a
    /// URL and without secrets, because the API's callers show a key.
    Publish,
}

words!("source kind", SourceKind {
    OpenAi = "openai",
    StandardWebhooks = "standard_webhooks",
    Publish = "publish",
});

impl SourceKind {
    /// Whether a source of this kind has an ingest URL. One that has none can be neither made nor changed by
    /// hand.
    #[must_use]
    pub const fn has_ingest_url(self) -> bool {
        !matches!(self, Self::Publish)
    }
}

/// Whether a source takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceStatus {
    /// Calls are verified and accepted.
    Active,
    /// Calls are answered 404; everything received stays.
    Archived,
}

words!("source status", SourceStatus {
    Active = "active",
    Archived = "archived",
});

/// What a source does with a call whose signature is right and whose timestamp is more than five minutes old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StalePolicy {
    /// It is answered 401 and may be admitted by hand. The default.
    Reject,
    /// It is taken in. Safe against replays for as long as the dedupe table remembers, which is longer than
    /// senders retry.
    Admit,
}

words!("stale policy", StalePolicy {
    Reject = "reject",
    Admit = "admit",
});

/// How many signing secrets one source may hold at once: enough for a rotation that overlaps another.
pub const MAX_SOURCE_SECRETS: usize = 5;

/// One of a source's signing secrets.
#[derive(Debug, Clone)]
pub struct SourceSecret {
    /// Names the secret without showing it.
    pub id: SecretId,
    /// The secret itself.
    pub secret: SigningSecret,
    /// When it was added.
    pub created_at: Timestamp,
}

/// An ingest URL and the secrets that calls to it are verified with. `Debug` does not show the URL's token.
#[derive(Clone)]
pub struct Source {
    /// `whsrc_…`.
    pub id: SourceId,
    /// Whose it is.
    pub project_id: ProjectId,
    /// For people; 1 to 256 characters.
    pub name: String,
    /// Who calls.
    pub kind: SourceKind,
    /// Whether calls are taken.
    pub status: SourceStatus,
    /// What is done with authentic calls that come late.
    pub stale_policy: StalePolicy,
    /// The unguessable last part of the ingest URL, `/in/{token}`; `None` if it has no URL.
    pub token: Option<String>,
    /// Oldest first; any of them may match.
    pub secrets: Vec<SourceSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name, status or secrets last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, project_id, name, kind, status, stale_policy, token, secrets, created_at, updated_at } =
            self;
        f.debug_struct("Source")
            .field("id", id)
            .field("project_id", project_id)
            .field("name", name)
            .field("kind", kind)
            .field("status", status)
            .field("stale_policy", stale_policy)
            .field("token", &token.as_ref().map(|_| "[REDACTED]"))
            .field("secrets", secrets)
            .field("created_at", created_at)
            .field("updated_at", updated_at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TypedId;

    #[test]
    fn debug_shows_no_token() {
        let source = Source {
            id: SourceId::from_bytes([1; 16]),
            project_id: ProjectId::from_bytes([1; 16]),
            name: "prod".into(),
            kind: SourceKind::OpenAi,
            status: SourceStatus::Active,
            stale_policy: StalePolicy::Reject,
            token: Some("unguessable".into()),
            secrets: Vec::new(),
            created_at: Timestamp::from_unix_secs(1),
            updated_at: Timestamp::from_unix_secs(1),
        };
        let shown = format!("{source:?}");
        assert!(shown.contains("prod") && !shown.contains("unguessable"), "{shown}");
    }
}
