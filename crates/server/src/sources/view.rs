//! A source as the API shows it.

use ringback_domain::{SecretId, Source, SourceId, SourceSecret};
use serde::Serialize;
use url::Url;

use crate::json::Text;

/// The object `webhook_source`.
#[derive(Serialize)]
pub(super) struct SourceView<'a> {
    id: Text<SourceId>,
    object: &'static str,
    created_at: i64,
    updated_at: i64,
    name: &'a str,
    kind: &'static str,
    status: &'static str,
    stale_policy: &'static str,
    /// Where to call; `null` for the source of what is published.
    url: Option<String>,
    /// Of the newest secret.
    signing_secret_hint: Option<String>,
    signing_secrets: Vec<SecretView>,
}

/// The object `webhook_source.signing_secret`: never the secret itself.
#[derive(Serialize)]
struct SecretView {
    id: Text<SecretId>,
    object: &'static str,
    hint: String,
    created_at: i64,
}

impl<'a> SourceView<'a> {
    pub(super) fn of(source: &'a Source, public_url: &Url) -> Self {
        Self {
            id: Text(source.id),
            object: "webhook_source",
            created_at: source.created_at.as_unix_secs(),
            updated_at: source.updated_at.as_unix_secs(),
            name: &source.name,
            kind: source.kind.as_str(),
            status: source.status.as_str(),
            stale_policy: source.stale_policy.as_str(),
            url: source.token.as_deref().map(|token| ingest_url(public_url, token)),
            signing_secret_hint: source.secrets.last().map(|newest| newest.secret.hint()),
            signing_secrets: source.secrets.iter().map(SecretView::of).collect(),
        }
    }
}

impl SecretView {
    fn of(secret: &SourceSecret) -> Self {
        Self {
            id: Text(secret.id),
            object: "webhook_source.signing_secret",
            hint: secret.secret.hint(),
            created_at: secret.created_at.as_unix_secs(),
        }
    }
}

fn ingest_url(public_url: &Url, token: &str) -> String {
    format!("{}/in/{token}", public_url.as_str().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_keeps_the_path_of_a_proxy() {
        for (base, expected) in [
            ("http://127.0.0.1:4600", "http://127.0.0.1:4600/in/t"),
            ("https://hooks.example.com/ringback/", "https://hooks.example.com/ringback/in/t"),
            ("https://hooks.example.com/ringback", "https://hooks.example.com/ringback/in/t"),
        ] {
            assert_eq!(ingest_url(&Url::parse(base).unwrap(), "t"), expected);
        }
    }
}
