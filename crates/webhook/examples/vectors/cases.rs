//! Files of verification vectors, read and judged.
//!
//! A file is a JSON object. `vectors` lists the cases; `tolerance_seconds` is optional (300). A case has
//! `name`, `secret` (read as the OpenAI SDKs do; `null` for none), `headers` (an object; a list as a value is
//! a repeated header, and two spellings of one name may occur), the body as `body` (text) or `body_base64`,
//! and `now`, the receiver's clock in Unix seconds, rounded down if fractional. Other fields are ignored.

use base64::{DecodeError, Engine as _, engine::general_purpose::STANDARD};
use ringback_webhook::{DEFAULT_TOLERANCE_SECS, SigningSecret, UnixSeconds, Verifier};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One case, ready to be judged.
pub(crate) struct Case {
    /// Its name in the file.
    pub(crate) name: String,
    secret: Option<String>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    now: UnixSeconds,
    tolerance_secs: u32,
}

/// Why a file is not one of vectors.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CasesError {
    /// It is not JSON of the right form.
    #[error("it is not of the form expected")]
    Form(#[from] serde_json::Error),
    /// A header is neither a text nor a list of texts.
    #[error("the header {header} of {name} is neither a text nor a list of texts")]
    Header {
        /// The case.
        name: String,
        /// The header.
        header: String,
    },
    /// There is no body, or two.
    #[error("{name} must have either body or body_base64")]
    Body {
        /// The case.
        name: String,
    },
    /// `body_base64` is not base64.
    #[error("the body of {name} is not base64")]
    Base64 {
        /// The case.
        name: String,
        /// Where it goes wrong.
        source: DecodeError,
    },
}

#[derive(Deserialize)]
struct RawFile {
    #[serde(default = "default_tolerance")]
    tolerance_seconds: u32,
    vectors: Vec<RawCase>,
}

#[derive(Deserialize)]
struct RawCase {
    name: String,
    secret: Option<String>,
    headers: Map<String, Value>,
    body: Option<String>,
    body_base64: Option<String>,
    now: f64,
}

fn default_tolerance() -> u32 {
    DEFAULT_TOLERANCE_SECS
}

/// Reads a whole file; one bad case spoils it, so that no case is passed over in silence.
pub(crate) fn read(text: &str) -> Result<Vec<Case>, CasesError> {
    let file: RawFile = serde_json::from_str(text)?;
    file.vectors.into_iter().map(|raw| case(raw, file.tolerance_seconds)).collect()
}

fn case(raw: RawCase, tolerance_secs: u32) -> Result<Case, CasesError> {
    let RawCase { name, secret, headers, body, body_base64, now } = raw;
    let mut pairs = Vec::new();
    for (header, value) in headers {
        let values =
            texts(value).ok_or_else(|| CasesError::Header { name: name.clone(), header: header.clone() })?;
        pairs.extend(values.into_iter().map(|value| (header.clone(), value)));
    }
    let body = match (body, body_base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(encoded)) => {
            STANDARD.decode(encoded).map_err(|source| CasesError::Base64 { name: name.clone(), source })?
        }
        _ => return Err(CasesError::Body { name }),
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a clock beyond 64 bits saturates, which is far from any timestamp"
    )]
    let now = UnixSeconds(now.floor() as i64);
    Ok(Case { name, secret, headers: pairs, body, now, tolerance_secs })
}

fn texts(value: Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

impl Case {
    /// Accepts, or names the cause of the rejection; causes that lie in the secret begin with `secret_`.
    pub(crate) fn verdict(&self) -> Result<(), &'static str> {
        let text = self.secret.as_deref().ok_or("secret_missing")?;
        let secret = SigningSecret::parse_openai(text).map_err(|error| error.code())?;
        let verifier = Verifier::new([secret]).with_tolerance_secs(self.tolerance_secs);
        verifier.verify(&self.headers, &self.body, self.now).map(drop).map_err(|error| error.code())
    }
}
