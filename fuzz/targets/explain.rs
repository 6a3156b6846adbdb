//! Any call with any texts for secrets before `explain`.
//!
//! An input is header fields, one a line, an empty line, and the body. The fields `secret` and `other` (there
//! may be several of each) are the texts that the receiver has, everything after the colon; `key` is the
//! sender's secret, `now`, `tolerance` and `recent` are for the judgement, all others are the call's.
//! `{signature}` is made with `key` over what stands in the body after `{signed}`, or over the whole body.
//!
//! What holds: it never panics and keeps to its bound; it says that a call verifies exactly when the verifier
//! does; the same call gets the same answer; and the answer holds no secret and no signature, neither given
//! nor right.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback_fuzz::reference::{self, Headers};
use ringback_fuzz::{NOW, script};
use ringback_webhook::explain::{
    ExplainInput, Explanation, MAX_HMACS, MAX_SECRET_BYTES, MAX_SECRETS, explain,
};
use ringback_webhook::{DEFAULT_TOLERANCE_SECS, SigningSecret, UnixSeconds, Verifier};

/// The shortest text that is looked for in answers, in bytes. A shorter one can be a word of theirs, and
/// libFuzzer finds those.
const TELLING_BYTES: usize = 24;

/// What an answer takes at most, in bytes: two of the longest sentences, and what is said of time and limits.
const MAX_ANSWER_BYTES: usize = 1500;

const SETTINGS: [&str; 6] = ["secret", "other", "key", "now", "tolerance", "recent"];

fuzz_target!(|input: &[u8]| Case::read(input).check());

struct Case {
    headers: Headers,
    body: Vec<u8>,
    key: Vec<u8>,
    secrets: Vec<String>,
    others: Vec<String>,
    now: i64,
    tolerance_secs: u32,
    recent: Vec<i64>,
}

impl Case {
    fn read(input: &[u8]) -> Self {
        let (head, rest) = script::halves(input, b"\n\n");
        let (body, signed) = script::halves(rest, b"{signed}");
        let signed = if signed.is_empty() { body } else { signed };
        let head = script::replace(head, b"{now}", NOW.to_string().as_bytes());
        let key = texts(&script::fields(&head), "key").first().and_then(|text| reference::key(text.trim()));
        let key = key.unwrap_or_else(|| b"no key".to_vec());
        let head = script::sign(&head, signed, &key);
        let (settings, headers): (Headers, Headers) =
            script::fields(&head).into_iter().partition(|(name, _)| SETTINGS.contains(&name.as_str()));
        let number = |name| texts(&settings, name).first().and_then(|text| text.trim().parse().ok());
        Self {
            headers,
            body: body.to_vec(),
            key,
            secrets: texts(&settings, "secret"),
            others: texts(&settings, "other"),
            now: number("now").unwrap_or(NOW),
            tolerance_secs: number("tolerance")
                .and_then(|secs| u32::try_from(secs).ok())
                .unwrap_or(DEFAULT_TOLERANCE_SECS),
            recent: texts(&settings, "recent").iter().filter_map(|text| text.trim().parse().ok()).collect(),
        }
    }

    fn explain(&self) -> Explanation {
        let secrets: Vec<_> = self.secrets.iter().map(String::as_str).collect();
        let others: Vec<_> = self.others.iter().map(String::as_str).collect();
        explain(&ExplainInput {
            secrets: &secrets,
            other_secrets: &others,
            tolerance_secs: self.tolerance_secs,
            recent_offsets_secs: &self.recent,
            ..ExplainInput::new(&self.headers, &self.body, UnixSeconds(self.now))
        })
    }

    fn check(&self) {
        let explanation = self.explain();
        assert!(explanation.facts().hmacs <= MAX_HMACS, "more work than promised");
        assert!(!explanation.code().is_empty());
        assert_eq!(explanation, self.explain(), "another answer to the same question");
        assert_eq!(explanation.code() == "verifies", self.verifies(), "{}", explanation.code());
        self.check_secrecy(&explanation);
    }

    fn verifies(&self) -> bool {
        let read = |text: &String| {
            (text.len() <= MAX_SECRET_BYTES).then(|| SigningSecret::parse_openai(text).ok()).flatten()
        };
        let verifier = Verifier::new(self.secrets.iter().take(MAX_SECRETS).filter_map(read));
        let verifier = verifier.with_tolerance_secs(self.tolerance_secs);
        verifier.verify(&self.headers, &self.body, UnixSeconds(self.now)).is_ok()
    }

    fn check_secrecy(&self, explanation: &Explanation) {
        let json = serde_json::to_string(explanation).expect("an explanation can be written");
        let shown = format!("{explanation} {explanation:?} {json}");
        assert!(explanation.to_string().len() <= MAX_ANSWER_BYTES);
        for text in self.secrets.iter().chain(&self.others) {
            assert!(!shows(&shown, text.as_bytes()), "an answer shows a secret");
        }
        for (_, value) in &self.headers {
            assert!(!shows(&shown, value), "an answer quotes a header");
        }
        let (id, timestamp) = (
            reference::first(&self.headers, "webhook-id"),
            reference::first(&self.headers, "webhook-timestamp"),
        );
        let signature = reference::signature(&self.key, id, timestamp, &self.body);
        assert!(!shows(&shown, signature.as_bytes()), "an answer shows the right signature");
    }
}

/// All values of a field, as texts.
fn texts(fields: &Headers, name: &str) -> Vec<String> {
    let values = fields.iter().filter(|(given, _)| given == name);
    values.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
}

fn shows(shown: &str, private: &[u8]) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let mut pieces = private.windows(TELLING_BYTES);
    pieces.any(|piece| piece.iter().all(base64) && reference::contains(shown.as_bytes(), piece))
}
