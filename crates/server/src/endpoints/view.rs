//! An endpoint as the API shows it.

use std::collections::BTreeMap;

use ringback_delivery::BreakerView;
use ringback_domain::{
    Authentication, Endpoint, EndpointId, EndpointKey, EndpointSecret, EventPattern, ExtraHeader, SecretId,
    Timestamp,
};
use serde::Serialize;
use zeroize::Zeroizing;

use super::missed::MissedView;
use super::rules::RulesView;
use crate::json::Text;

/// OpenAI's object `webhook_endpoint`, and after it Ringback's fields.
#[derive(Serialize)]
pub(super) struct EndpointView<'a> {
    id: Text<EndpointId>,
    object: &'static str,
    created_at: i64,
    updated_at: i64,
    name: &'a str,
    url: &'a str,
    event_types: Vec<&'a str>,
    /// Of the newest secret.
    signing_secret_hint: Option<String>,
    /// What the receiver verifies with. In the answers to creation and rotation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<Zeroizing<String>>,
    description: Option<&'a str>,
    timeout_secs: u8,
    headers: BTreeMap<&'a str, &'a str>,
    authentication: Option<AuthenticationView<'a>>,
    no_retry_statuses: &'a [u16],
    #[serde(flatten)]
    rules: RulesView<'a>,
    signature_scheme: &'static str,
    /// Those that sign now, oldest first.
    signing_secrets: Vec<SecretView>,
    paused: bool,
    disabled_at: Option<i64>,
    disabled_reason: Option<&'a str>,
    /// When it was last resumed or enabled.
    resumed_at: Option<i64>,
    /// Since when every attempt has failed.
    failing_since: Option<i64>,
    breaker: Breaker,
    /// In the answer to an update that enables it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<MissedView>,
}

/// How this node's circuit breaker stands.
#[derive(Serialize)]
struct Breaker {
    state: &'static str,
    /// When the next attempt is let through to see how things are.
    probe_at: Option<i64>,
}

/// Without the token or the password.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AuthenticationView<'a> {
    Bearer,
    Basic { username: &'a str },
}

/// The object `webhook_endpoint.signing_secret`: never the secret itself.
#[derive(Serialize)]
struct SecretView {
    id: Text<SecretId>,
    object: &'static str,
    hint: String,
    created_at: i64,
    /// When it stops signing; `null` for the newest.
    expires_at: Option<i64>,
}

impl<'a> EndpointView<'a> {
    pub(super) fn of(endpoint: &'a Endpoint, breaker: &BreakerView, now: Timestamp) -> Self {
        Self {
            id: Text(endpoint.id),
            object: "webhook_endpoint",
            created_at: endpoint.created_at.as_unix_secs(),
            updated_at: endpoint.updated_at.as_unix_secs(),
            name: &endpoint.name,
            url: &endpoint.url,
            event_types: endpoint.event_types.iter().map(EventPattern::as_str).collect(),
            signing_secret_hint: endpoint.secrets.last().map(|newest| newest.key.hint()),
            signing_secret: None,
            description: endpoint.description.as_deref(),
            timeout_secs: endpoint.timeout_secs,
            headers: endpoint.headers.iter().map(|ExtraHeader { name, value }| (&**name, &**value)).collect(),
            authentication: endpoint.authentication.as_ref().map(AuthenticationView::of),
            no_retry_statuses: &endpoint.no_retry_statuses,
            rules: RulesView::of(&endpoint.rules),
            signature_scheme: endpoint.signature_scheme().as_str(),
            signing_secrets: endpoint.live_secrets(now).map(SecretView::of).collect(),
            paused: endpoint.paused_at.is_some(),
            disabled_at: endpoint.disabled_at.map(Timestamp::as_unix_secs),
            disabled_reason: endpoint.disabled_reason.as_deref(),
            resumed_at: endpoint.resumed_at.map(Timestamp::as_unix_secs),
            failing_since: endpoint.health.failing_since.map(Timestamp::as_unix_secs),
            breaker: Breaker {
                state: breaker.state.as_str(),
                probe_at: breaker.probe_at.map(Timestamp::as_unix_secs),
            },
            missed: None,
        }
    }

    /// With the secret itself.
    pub(super) fn with_secret(self, key: &EndpointKey) -> Self {
        Self { signing_secret: Some(key.reveal_to_receiver()), ..self }
    }

    /// With what it missed while it was disabled.
    pub(super) fn with_missed(self, missed: Option<MissedView>) -> Self {
        Self { missed, ..self }
    }
}

impl<'a> AuthenticationView<'a> {
    fn of(authentication: &'a Authentication) -> Self {
        match authentication {
            Authentication::Bearer { .. } => Self::Bearer,
            Authentication::Basic { username, .. } => Self::Basic { username },
        }
    }
}

impl SecretView {
    fn of(secret: &EndpointSecret) -> Self {
        Self {
            id: Text(secret.id),
            object: "webhook_endpoint.signing_secret",
            hint: secret.key.hint(),
            created_at: secret.created_at.as_unix_secs(),
            expires_at: secret.expires_at.map(Timestamp::as_unix_secs),
        }
    }
}
