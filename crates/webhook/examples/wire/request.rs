//! One request, one answer.
//!
//! | request | answer |
//! |---|---|
//! | `{"op":"sign", "secrets":[…], "id":…, "timestamp":…, "body_base64":…}` | `{"headers":[[name, value], …]}` |
//! | `{"op":"verify", "secrets":[…], "headers":[[name, value], …], "body_base64":…, "now":…}` | `{"verdict":"accept", "secret_index":…}` or `{"verdict":"reject", "cause":…}` |
//!
//! Secrets are texts with `whsec_`, times are Unix seconds, and a cause is the code of a
//! [`VerifyError`](ringback_webhook::VerifyError).

use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use ringback_webhook::{SecretError, SignError, SigningSecret, UnixSeconds, Verifier, sign};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    Sign { secrets: Vec<String>, id: String, timestamp: UnixSeconds, body_base64: String },
    Verify { secrets: Vec<String>, headers: Vec<(String, String)>, body_base64: String, now: UnixSeconds },
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    Signed { headers: Vec<(String, String)> },
    Judged(Verdict),
}

#[derive(Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Verdict {
    Accept { secret_index: usize },
    Reject { cause: &'static str },
}

/// Why a request has no answer. What was wrong is in the source; none repeats a piece of a secret or a body.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswerable {
    #[error("the secret with the index {index} cannot be used")]
    Secret { index: usize, source: SecretError },
    #[error("the body is not base64")]
    Body(#[from] DecodeError),
    #[error("the call cannot be signed")]
    Sign(#[from] SignError),
}

impl Request {
    pub(crate) fn answer(self) -> Result<Answer, Unanswerable> {
        match self {
            Self::Sign { secrets, id, timestamp, body_base64 } => {
                let body = STANDARD.decode(body_base64)?;
                let mut headers = HeaderMap::new();
                sign(&parse(&secrets)?, &id, timestamp, &body)?.apply(&mut headers);
                Ok(Answer::Signed { headers: pairs(&headers) })
            }
            Self::Verify { secrets, headers, body_base64, now } => {
                let body = STANDARD.decode(body_base64)?;
                let verified = Verifier::new(parse(&secrets)?).verify(&headers, &body, now);
                Ok(Answer::Judged(match verified {
                    Ok(verified) => Verdict::Accept { secret_index: verified.secret_index },
                    Err(error) => Verdict::Reject { cause: error.code() },
                }))
            }
        }
    }
}

fn parse(secrets: &[String]) -> Result<Vec<SigningSecret>, Unanswerable> {
    let parsed = secrets.iter().enumerate().map(|(index, text)| {
        SigningSecret::parse(text).map_err(|source| Unanswerable::Secret { index, source })
    });
    parsed.collect()
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}
