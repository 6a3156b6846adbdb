//! Why does this call not verify? For the person who set a receiver up, not for the caller.
//!
//! A verifier says *that* no signature matches. Here the mistakes that people make with webhooks are tried
//! one after the other, until one is found without which the call would have verified: a secret that was
//! pasted with its quotes, a body that a framework wrote again, a clock in another time zone. Each is one row
//! of [`hypotheses`]; the answer is a sentence that names what to change.
//!
//! ```
//! use ringback_webhook::{SigningSecret, UnixSeconds, explain::{ExplainInput, explain}, sign};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let sender = SigningSecret::parse("whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ==")?;
//! let now = UnixSeconds(1_750_287_078);
//! let mut headers = http::HeaderMap::new();
//! sign([&sender], "wh_1", now, br#"{"type": "a.b"}"#)?.apply(&mut headers);
//!
//! // The secret came out of a file with its quotes, and a framework wrote the body again.
//! let explanation = explain(&ExplainInput {
//!     secrets: &["\"whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ==\""],
//!     ..ExplainInput::new(&headers, br#"{"type":"a.b"}"#, now)
//! });
//! assert_eq!(explanation.codes().collect::<Vec<_>>(), ["secret_quoted", "body_respaced"]);
//! assert!(explanation.is_certain());
//! println!("{explanation}");
//! # Ok(())
//! # }
//! ```
//!
//! # The answer is for the operator
//!
//! Never send it to the caller: it tells how near a forged call came, which secrets exist and how far the
//! clock is off. Show it where secrets may be configured, and only there. It holds no secret, no signature
//! and no piece of the call.
//!
//! # Limits
//!
//! One mistake in the secret and one in the body are found together; one in the headers is found alone.
//! Whatever the input, at most [`MAX_HMACS`] are computed besides one for each secret, over bodies of at most
//! [`MAX_BODY_BYTES`] (three times that after escaping); of a larger body only the call itself is judged.
//! What was not tried is admitted in [`Facts::complete`]. Only secrets are tried, not public keys.

mod answers;
mod bodies;
mod clock;
mod explanation;
mod hypotheses;
mod json;
mod readings;
mod search;
mod secrets;

pub use self::{
    explanation::{Explanation, Facts, Finding},
    hypotheses::hypotheses,
};
use crate::{
    headers::HeaderLookup,
    secret::SigningSecret,
    time::UnixSeconds,
    verify::{DEFAULT_TOLERANCE_SECS, Verifier, VerifyError},
};

/// How many HMACs one explanation computes at most, besides one for each secret to judge the call as it is.
pub const MAX_HMACS: u32 = 512;

/// The largest body in which mistakes are looked for, in bytes: 64 KiB. OpenAI's are under 1 KiB, and
/// Standard Webhooks 1.0.0 recommends at most about 20 kB.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// How many secrets are considered, counted over [`ExplainInput::secrets`] and then
/// [`ExplainInput::other_secrets`].
pub const MAX_SECRETS: usize = 8;

/// The longest text that is taken for a secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 1024;

/// A call that was refused, and what is known around it. Begin with [`ExplainInput::new`].
#[derive(Clone, Copy)]
pub struct ExplainInput<'a, H: ?Sized> {
    /// The headers as received; all others than the three of Standard Webhooks are ignored.
    pub headers: &'a H,
    /// The body as the verifier got it.
    pub body: &'a [u8],
    /// The receiver's clock when the call came.
    pub now: UnixSeconds,
    /// The secrets that the call should verify with, as texts as they were configured, malformed ones too.
    pub secrets: &'a [&'a str],
    /// Secrets that are configured elsewhere, such as those of other endpoints or of the test system.
    pub other_secrets: &'a [&'a str],
    /// What the verifier allows, in seconds. Default [`DEFAULT_TOLERANCE_SECS`].
    pub tolerance_secs: u32,
    /// By how much other calls of this sender were off when they came, in seconds of `now - timestamp`, if
    /// any are known whose signature was right. They tell a wrong clock from a single call that was late or
    /// recorded.
    pub recent_offsets_secs: &'a [i64],
}

impl<'a, H: ?Sized> ExplainInput<'a, H> {
    /// A call without secrets, which are to be added, and with the defaults.
    pub fn new(headers: &'a H, body: &'a [u8], now: UnixSeconds) -> Self {
        Self {
            headers,
            body,
            now,
            secrets: &[],
            other_secrets: &[],
            tolerance_secs: DEFAULT_TOLERANCE_SECS,
            recent_offsets_secs: &[],
        }
    }
}

/// Says why a call does not verify, or that it does. Never fails; what cannot be explained is an answer too.
#[must_use]
pub fn explain<H: HeaderLookup + ?Sized>(input: &ExplainInput<'_, H>) -> Explanation {
    let (usable, fault) = secrets::read(input.secrets);
    let (places, usable): (Vec<_>, Vec<_>) = usable.into_iter().unzip();
    let verdict = Verifier::new(usable).with_tolerance_secs(input.tolerance_secs).verify(
        input.headers,
        input.body,
        input.now,
    );
    let raw = readings::Raw::read(input.headers);
    let mut facts = Facts::of(input, &raw);
    facts.secret_error = fault.map(|error| error.code());
    match verdict {
        Ok(verified) => {
            facts.secret_index = places.get(verified.secret_index).copied();
            Explanation::certain([&answers::VERIFIES], facts)
        }
        Err(VerifyError::TimestampTooOld { .. } | VerifyError::TimestampTooNew { .. }) => {
            clock::explain(input, facts)
        }
        Err(VerifyError::BodyNotUtf8) => Explanation::certain([answers::not_text(input.body)], facts),
        Err(VerifyError::MissingHeader { name }) => {
            facts.header = Some(name);
            Explanation::certain([&answers::MISSING_HEADER], facts)
        }
        Err(error) => search::run(input, &raw, error, facts),
    }
}

/// One text as the verifier would read it.
fn read_as_configured(text: &str) -> Option<SigningSecret> {
    (text.len() <= MAX_SECRET_BYTES).then(|| SigningSecret::parse_openai(text).ok()).flatten()
}

#[cfg(test)]
mod tests;
