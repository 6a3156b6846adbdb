//! Where events go.

use ringback_webhook::SigningSecret;

use crate::{EndpointId, EventPattern, ProjectId, SecretId, Timestamp};

/// Time-out of one attempt when an endpoint names none, in seconds. An endpoint may set 1 to 60.
pub const DEFAULT_TIMEOUT_SECS: u8 = 10;

/// One of an endpoint's signing secrets.
#[derive(Debug, Clone)]
pub struct EndpointSecret {
    /// Names the secret without showing it.
    pub id: SecretId,
    /// The secret itself.
    pub secret: SigningSecret,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops signing; `None` for the current one. Set by a rotation with overlap.
    pub expires_at: Option<Timestamp>,
}

/// A user's app, as OpenAI's `webhook_endpoint` has it, with Ringback's settings.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// `whe_…`.
    pub id: EndpointId,
    /// Whose it is.
    pub project_id: ProjectId,
    /// For people; 1 to 256 characters.
    pub name: String,
    /// Where attempts are sent; at most 2,048 bytes.
    pub url: String,
    /// What it wants; never empty.
    pub event_types: Vec<EventPattern>,
    /// Time-out of one attempt in seconds, 1 to 60.
    pub timeout_secs: u8,
    /// Newest last. All that have not expired sign.
    pub secrets: Vec<EndpointSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its configuration or secrets last changed; a no-op update does not move it (OpenAI's API reference, webhook endpoints).
    pub updated_at: Timestamp,
    /// Since when deliveries are created and held, if it is paused.
    pub paused_at: Option<Timestamp>,
    /// Since when none are created and pending ones are held, if it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
}

impl Endpoint {
    /// Whether an event of this type becomes a delivery to this endpoint.
    #[must_use]
    pub fn wants(&self, event_type: &str) -> bool {
        self.disabled_at.is_none() && self.event_types.iter().any(|pattern| pattern.matches(event_type))
    }

    /// Whether pending deliveries may be attempted now; if not, they are held.
    #[must_use]
    pub fn may_attempt(&self) -> bool {
        self.paused_at.is_none() && self.disabled_at.is_none()
    }

    /// The secrets that sign an attempt made at `now`.
    pub fn signing_secrets(&self, now: Timestamp) -> impl Iterator<Item = &SigningSecret> {
        // Newest first, so that a receiver which stops at the first token it knows is on the new one.
        let live = move |s: &&EndpointSecret| s.expires_at.is_none_or(|at| now < at);
        self.secrets.iter().rev().filter(live).map(|s| &s.secret)
    }
}
