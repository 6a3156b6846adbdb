//! Where events go.

use std::fmt;
use std::time::Duration;

use ringback_webhook::Signer;

use crate::{
    DeliveryRules, EndpointHealth, EndpointId, EndpointKey, EventPattern, ProjectId, ReplayId, SecretId,
    SignatureScheme, Timestamp,
};

/// Time-out of one attempt when an endpoint names none, in seconds. An endpoint may set 1 to 60.
pub const DEFAULT_TIMEOUT_SECS: u8 = 10;

/// How many secrets of an endpoint may sign at once. A rotation beyond it ends the oldest.
pub const MAX_LIVE_SECRETS: usize = 3;

/// How long the older secrets go on signing after a rotation with overlap (OpenAI's API reference, webhook
/// endpoints).
pub const ROTATION_OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// One of an endpoint's signing secrets.
#[derive(Debug, Clone)]
pub struct EndpointSecret {
    /// Names the secret without showing it.
    pub id: SecretId,
    /// The secret itself.
    pub key: EndpointKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops signing; `None` for the current one. Set by a rotation with overlap.
    pub expires_at: Option<Timestamp>,
}

/// A header that goes with every attempt to an endpoint.
///
/// `Debug` shows its name only: values are often keys.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtraHeader {
    /// In lower case; none that HTTP, the signature or the authentication need for themselves.
    pub name: String,
    /// Printable ASCII.
    pub value: String,
}

impl fmt::Debug for ExtraHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: [REDACTED]", self.name)
    }
}

/// How Ringback shows an endpoint who is calling, beside the signature: the header `Authorization`.
///
/// `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Authentication {
    /// `Bearer TOKEN` (RFC 6750).
    Bearer {
        /// The token.
        token: String,
    },
    /// `Basic BASE64` (RFC 7617).
    Basic {
        /// Without a colon.
        username: String,
        /// May be empty.
        password: String,
    },
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bearer { .. } => "Bearer [REDACTED]",
            Self::Basic { .. } => "Basic [REDACTED]",
        })
    }
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
    /// For people, at more length; up to 1,024 characters.
    pub description: Option<String>,
    /// Where attempts are sent; at most 2,048 bytes.
    pub url: String,
    /// What it wants; never empty.
    pub event_types: Vec<EventPattern>,
    /// Time-out of one attempt in seconds, 1 to 60.
    pub timeout_secs: u8,
    /// Sent with every attempt, each name once.
    pub headers: Vec<ExtraHeader>,
    /// Sent with every attempt.
    pub authentication: Option<Authentication>,
    /// Statuses, none of them 2xx, after which a delivery is dead at once.
    pub no_retry_statuses: Vec<u16>,
    /// When, how fast and in what order it wants its deliveries.
    pub rules: DeliveryRules,
    /// Since when nothing has succeeded, if that is so.
    pub health: EndpointHealth,
    /// Newest last. All that have not expired sign.
    pub secrets: Vec<EndpointSecret>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its configuration or secrets last changed; a no-op update does not move it (OpenAI's API
    /// reference, webhook endpoints).
    pub updated_at: Timestamp,
    /// Since when deliveries are created and held, if it is paused.
    pub paused_at: Option<Timestamp>,
    /// Since when none are created and pending ones are held, if it is disabled.
    pub disabled_at: Option<Timestamp>,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// When it was last resumed or enabled: what it held until then is released at a bounded rate.
    pub resumed_at: Option<Timestamp>,
    /// The replay that it was made for, if it is that one's `target_url`. Such an endpoint is in no list,
    /// gets no event but the replay's, and goes with it.
    pub replay_id: Option<ReplayId>,
}

impl Endpoint {
    /// Whether an event of this type becomes a delivery to this endpoint.
    #[must_use]
    pub fn wants(&self, event_type: &str) -> bool {
        self.disabled_at.is_none() && self.subscribes_to(event_type)
    }

    /// Whether its subscription has this type, disabled or not.
    #[must_use]
    pub fn subscribes_to(&self, event_type: &str) -> bool {
        self.replay_id.is_none() && self.event_types.iter().any(|pattern| pattern.matches(event_type))
    }

    /// Whether pending deliveries may be attempted now; if not, they are held.
    #[must_use]
    pub fn may_attempt(&self) -> bool {
        self.paused_at.is_none() && self.disabled_at.is_none()
    }

    /// The secrets that are live at `now`, oldest first.
    pub fn live_secrets(&self, now: Timestamp) -> impl DoubleEndedIterator<Item = &EndpointSecret> {
        self.secrets.iter().filter(move |secret| secret.expires_at.is_none_or(|at| now < at))
    }

    /// The secrets that sign an attempt made at `now`.
    pub fn signers(&self, now: Timestamp) -> impl Iterator<Item = &dyn Signer> {
        // Newest first, so that a receiver which stops at the first token it knows is on the new one.
        self.live_secrets(now).rev().map(|secret| secret.key.signer())
    }

    /// How attempts are signed: by the scheme of the newest secret, and during an overlap by the older ones'
    /// too.
    #[must_use]
    pub fn signature_scheme(&self) -> SignatureScheme {
        self.secrets.last().map_or_else(SignatureScheme::default, |newest| newest.key.scheme())
    }
}
