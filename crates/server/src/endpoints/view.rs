//! An endpoint as the API shows it.

use ringback_domain::{Endpoint, EndpointId};
use serde::Serialize;

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
    /// In the answer to creation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<&'a str>,
    timeout_secs: u8,
    paused: bool,
    disabled_at: Option<i64>,
    disabled_reason: Option<&'a str>,
}

impl<'a> EndpointView<'a> {
    pub(super) fn of(endpoint: &'a Endpoint) -> Self {
        Self {
            id: Text(endpoint.id),
            object: "webhook_endpoint",
            created_at: endpoint.created_at.as_unix_secs(),
            updated_at: endpoint.updated_at.as_unix_secs(),
            name: &endpoint.name,
            url: &endpoint.url,
            event_types: endpoint.event_types.iter().map(ringback_domain::EventPattern::as_str).collect(),
            signing_secret_hint: endpoint.secrets.last().map(|newest| newest.secret.hint()),
            signing_secret: None,
            timeout_secs: endpoint.timeout_secs,
            paused: endpoint.paused_at.is_some(),
            disabled_at: endpoint.disabled_at.map(ringback_domain::Timestamp::as_unix_secs),
            disabled_reason: endpoint.disabled_reason.as_deref(),
        }
    }

    pub(super) fn with_secret(endpoint: &'a Endpoint, signing_secret: &'a str) -> Self {
        Self { signing_secret: Some(signing_secret), ..Self::of(endpoint) }
    }
}
