//! Trying the mistakes, one after the other and then by two, within a budget.

use std::borrow::Cow;

use super::{
    ExplainInput, Explanation, Facts, Finding, MAX_BODY_BYTES, MAX_HMACS, MAX_SECRET_BYTES, MAX_SECRETS,
    answers::{self, Secrets},
    hypotheses::{How, TABLE},
    read_as_configured,
    readings::{Raw, Reading},
};
use crate::{secret::SigningSecret, signature, verify::VerifyError};

/// A secret that the sender may have used, and the mistake that it supposes.
struct Key {
    mistake: Option<&'static Finding>,
    secret: SigningSecret,
    /// Counted over `secrets` and then `other_secrets`.
    index: usize,
}

/// A body that the sender may have signed, and the mistake that it supposes.
struct Body<'b> {
    mistake: Option<&'static Finding>,
    bytes: Cow<'b, [u8]>,
}

/// Why a call that `error` was said of does not verify.
pub(super) fn run<H: ?Sized>(
    input: &ExplainInput<'_, H>,
    raw: &Raw<'_>,
    error: VerifyError,
    mut facts: Facts,
) -> Explanation {
    let keys = keys(input);
    let configured = match (input.secrets.is_empty(), keys.iter().any(|key| key.mistake.is_none())) {
        (true, _) => Secrets::None,
        (false, false) => Secrets::Unreadable,
        (false, true) => Secrets::Some,
    };
    let body_too_large = input.body.len() > MAX_BODY_BYTES;
    if body_too_large {
        facts.complete = false;
    } else if let Some(found) = (Search { facts: &mut facts }).search(input.body, raw, &keys) {
        return found.into_explanation(input, facts);
    }
    if let Some(row) = TABLE.iter().find(|row| matches!(row.how, How::Sight(seen) if seen(input.body))) {
        return Explanation::guess([&row.finding], facts);
    }
    let answer = answers::last_resort(error, configured, body_too_large);
    Explanation::guess([answer], facts)
}

/// Every reading of every secret, the ones without a mistake first, each once.
fn keys<H: ?Sized>(input: &ExplainInput<'_, H>) -> Vec<Key> {
    let own = || input.secrets.iter().enumerate().take(MAX_SECRETS);
    let plain = own()
        .filter_map(|(index, text)| Some(Key { mistake: None, secret: read_as_configured(text)?, index }));
    let mut keys: Vec<_> = plain.collect();
    for row in &TABLE {
        let mistake = &row.finding;
        match row.how {
            How::Secret(undo) => own().for_each(|(index, text)| {
                push_new(
                    &mut keys,
                    reading(text, undo).map(|secret| Key { mistake: Some(mistake), secret, index }),
                );
            }),
            How::OtherSecret => others(input, mistake).for_each(|key| push_new(&mut keys, Some(key))),
            _ => {}
        }
    }
    keys
}

fn reading(text: &str, undo: fn(&str) -> Option<SigningSecret>) -> Option<SigningSecret> {
    let text = text.trim();
    (text.len() <= MAX_SECRET_BYTES).then(|| undo(text)).flatten()
}

fn push_new(keys: &mut Vec<Key>, key: Option<Key>) {
    keys.extend(key.filter(|key| !keys.iter().any(|known| known.secret.has_text_of(&key.secret))));
}

fn others<'i, H: ?Sized>(
    input: &ExplainInput<'i, H>,
    mistake: &'static Finding,
) -> impl Iterator<Item = Key> + use<'i, H> {
    let own = input.secrets.len();
    let others = input.other_secrets.iter().take(MAX_SECRETS.saturating_sub(own)).enumerate();
    others.filter_map(move |(index, text)| {
        Some(Key { mistake: Some(mistake), secret: read_as_configured(text)?, index: own + index })
    })
}

/// The body as it came.
fn plain(body: &[u8]) -> Body<'_> {
    Body { mistake: None, bytes: Cow::Borrowed(body) }
}

/// Every other body that may have been signed, each once.
fn changed(body: &[u8]) -> Vec<Body<'_>> {
    let mut bodies: Vec<Body<'_>> = Vec::new();
    for row in &TABLE {
        let How::Body(undo) = row.how else { continue };
        for bytes in undo(body) {
            if bytes != body && bodies.iter().all(|known| *known.bytes != bytes) {
                bodies.push(Body { mistake: Some(&row.finding), bytes: Cow::Owned(bytes) });
            }
        }
    }
    bodies
}

/// The mistakes without which the signature is right, in the order in which they are told.
struct Found {
    mistakes: [Option<&'static Finding>; 2],
    secret_index: usize,
    /// The timestamp that was signed, if it is one.
    seconds: Option<i64>,
}

struct Search<'f> {
    facts: &'f mut Facts,
}

impl Search<'_> {
    fn search(&mut self, body: &[u8], raw: &Raw<'_>, keys: &[Key]) -> Option<Found> {
        self.in_headers(body, raw, keys).or_else(|| self.in_secret_and_body(body, &raw.as_sent()?, keys))
    }

    fn in_headers(&mut self, body: &[u8], raw: &Raw<'_>, keys: &[Key]) -> Option<Found> {
        TABLE.iter().find_map(|row| {
            let How::Headers(undo) = row.how else { return None };
            undo(raw).iter().find_map(|reading| {
                let keys = keys.iter().filter(|key| key.mistake.is_none());
                let found = self.first(reading, keys, &[plain(body)])?;
                Some(Found { mistakes: [Some(&row.finding), None], ..found })
            })
        })
    }

    /// One mistake before two.
    fn in_secret_and_body(&mut self, body: &[u8], reading: &Reading, keys: &[Key]) -> Option<Found> {
        let plain_keys = || keys.iter().filter(|key| key.mistake.is_none());
        let other_keys = || keys.iter().filter(|key| key.mistake.is_some());
        let changed = changed(body);
        self.first(reading, other_keys(), &[plain(body)])
            .or_else(|| self.first(reading, plain_keys(), &changed))
            .or_else(|| self.first(reading, other_keys(), &changed))
    }

    fn first<'k>(
        &mut self,
        reading: &Reading,
        keys: impl Iterator<Item = &'k Key>,
        bodies: &[Body<'_>],
    ) -> Option<Found> {
        for key in keys {
            if let Some(body) = bodies.iter().find(|body| self.is_signed(reading, key, body)) {
                let mistakes = match (key.mistake, body.mistake) {
                    (None, mistake) => [mistake, None],
                    (first, second) => [first, second],
                };
                return Some(Found { mistakes, secret_index: key.index, seconds: reading.seconds() });
            }
        }
        None
    }

    fn is_signed(&mut self, reading: &Reading, key: &Key, body: &Body<'_>) -> bool {
        if reading.signatures.is_empty() {
            return false;
        }
        if self.facts.hmacs == MAX_HMACS {
            self.facts.complete = false;
            return false;
        }
        self.facts.hmacs += 1;
        let expected = key.secret.mac(&reading.id, &reading.timestamp, &body.bytes);
        reading.signatures.iter().any(|given| signature::same(given, &expected).into())
    }
}

impl Found {
    fn into_explanation<H: ?Sized>(self, input: &ExplainInput<'_, H>, mut facts: Facts) -> Explanation {
        facts.secret_index = Some(self.secret_index);
        facts.set_time(input, self.seconds);
        match self.mistakes {
            [Some(first), Some(second)] => Explanation::certain([first, second], facts),
            [Some(only), None] | [None, Some(only)] => Explanation::certain([only], facts),
            // Never searched for, since such a call verifies.
            [None, None] => Explanation::certain([&answers::VERIFIES], facts),
        }
    }
}
