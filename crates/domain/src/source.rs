//! Where events enter: ingest URLs that senders call, and the publish API.

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
    /// The publish API, and tests of endpoints: one source of this kind comes with each project, without a URL and without
    /// secrets, because the API's callers show a key.
    Publish,
}

words!("source kind", SourceKind {
    OpenAi = "openai",
    StandardWebhooks = "standard_webhooks",
    Publish = "publish",
});

impl SourceKind {
    /// Whether a source of this kind has an ingest URL. One that has none can be neither made nor changed by hand.
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
    /// It is taken in. Safe against replays for as long as the dedupe table remembers, which is longer than senders retry.
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

/// An ingest URL and the secrets that calls to it are verified with.
#[derive(Debug, Clone)]
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
