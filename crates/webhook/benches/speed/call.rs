//! The call that everything is measured on: signed, fresh, and in every way like one of OpenAI's.

use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use ringback_webhook::{SigningSecret, UnixSeconds, sign};

/// As long as OpenAI's: 32 bytes.
pub(crate) const KEY: [u8; 32] = *b"a signing key of 32 random bytes";

pub(crate) const WEBHOOK_ID: &str = "wh_6853a1f2c4e881908e5f9d3b7a0c6f24";

const BODY_HEAD: &str = r#"{"object":"event","id":"evt_6853a1f2c4e881908e5f9d3b7a0c6f24","type":"response.completed","created_at":1750287018,"data":{"id":"resp_6853a1f2c4e88190","note":""#;
const BODY_TAIL: &str = r#""}}"#;

/// A call with a body of a chosen size, and what its receiver and its sender have at hand.
pub(crate) struct Call {
    pub(crate) secret: SigningSecret,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The signed text in one piece: `id.timestamp.body`.
    pub(crate) message: Vec<u8>,
    /// When it was signed, which is also the receiver's clock.
    pub(crate) now: UnixSeconds,
}

impl Call {
    /// A call at the present time, because `standardwebhooks` asks the machine's clock. It is good for 300 s.
    pub(crate) fn new(body_bytes: usize) -> Self {
        let padding = body_bytes.saturating_sub(BODY_HEAD.len() + BODY_TAIL.len());
        let body = [BODY_HEAD, &"a".repeat(padding), BODY_TAIL].concat().into_bytes();
        let secret = SigningSecret::from_key_bytes(&KEY).expect("the key is not empty");
        let now = unix_now();
        let mut headers = HeaderMap::new();
        sign([&secret], WEBHOOK_ID, now, &body).expect("the id is well-formed").apply(&mut headers);
        headers.extend(other_headers());
        let message = [WEBHOOK_ID.as_bytes(), b".", now.to_string().as_bytes(), b".", &body].concat();
        Self { secret, headers, body, message, now }
    }
}

/// What else a call of OpenAI carries, so that a header is looked up among others.
fn other_headers() -> HeaderMap {
    use http::{HeaderValue, header};
    HeaderMap::from_iter([
        (header::HOST, HeaderValue::from_static("hooks.example.com")),
        (
            header::USER_AGENT,
            HeaderValue::from_static("OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)"),
        ),
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::CONTENT_LENGTH, HeaderValue::from_static("500")),
        (header::ACCEPT, HeaderValue::from_static("*/*")),
    ])
}

/// The machine's clock, in whole seconds.
#[expect(
    clippy::disallowed_methods,
    reason = "a composition root of its own: there is nobody to pass the time in"
)]
pub(crate) fn unix_now() -> UnixSeconds {
    let secs = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    UnixSeconds(i64::try_from(secs).unwrap_or(i64::MAX))
}
