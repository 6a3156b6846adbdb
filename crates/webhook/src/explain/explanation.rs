//! What comes out: findings from fixed tables, and numbers. No text of the call or of a secret has a way in
//! here.

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{ExplainInput, MAX_SECRET_BYTES, MAX_SECRETS, readings::Raw};

/// One sentence that a person can act on.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    pub(super) code: &'static str,
    /// With `{secs}`, `{header}` and `{secret_error}` where a fact belongs.
    pub(super) sentence: &'static str,
}

impl Finding {
    /// A stable name, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The sentence. A name in braces, such as `{secs}`, stands where `Display` of an [`Explanation`] writes
    /// the fact.
    #[must_use]
    pub fn sentence(&self) -> &'static str {
        self.sentence
    }
}

/// Why a call does not verify. `Display` is the whole of it, as one to three sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    findings: [Option<&'static Finding>; 2],
    certain: bool,
    facts: Facts,
}

/// What was seen and done on the way to an [`Explanation`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Facts {
    /// Length of the body, in bytes.
    pub body_bytes: usize,
    /// How many HMACs were computed to find a mistake, at most [`MAX_HMACS`](super::MAX_HMACS).
    pub hmacs: u32,
    /// Whether every known mistake was tried; if not, a limit of this module was reached.
    pub complete: bool,
    /// `now - timestamp`, in seconds, if the timestamp can be read: positive for a call that seems old.
    /// Capped at the ends of 64 bits.
    pub offset_secs: Option<i64>,
    /// Whether the timestamp is out of tolerance as well.
    pub out_of_time: bool,
    /// The header that is missing, in lower case.
    pub header: Option<&'static str>,
    /// Which secret the call was signed with, if one was found: counted from 0 over the `secrets` of the
    /// input, and then over its `other_secrets`.
    pub secret_index: Option<usize>,
    /// Why the first unreadable one of the `secrets` cannot be read:
    /// [`SecretError::code`](crate::SecretError::code).
    pub secret_error: Option<&'static str>,
}

impl Facts {
    pub(super) fn of<H: ?Sized>(input: &ExplainInput<'_, H>, raw: &Raw<'_>) -> Self {
        let mut texts = input.secrets.iter().chain(input.other_secrets);
        let too_long = texts.clone().any(|text| text.len() > MAX_SECRET_BYTES);
        let mut facts = Self {
            body_bytes: input.body.len(),
            hmacs: 0,
            complete: raw.is_whole() && !too_long && texts.nth(MAX_SECRETS).is_none(),
            offset_secs: None,
            out_of_time: false,
            header: None,
            secret_index: None,
            secret_error: None,
        };
        facts.set_time(input, raw.seconds());
        facts
    }

    /// Judges the timestamp `seconds`, if it is one.
    pub(super) fn set_time<H: ?Sized>(&mut self, input: &ExplainInput<'_, H>, seconds: Option<i64>) {
        self.offset_secs = seconds.map(|seconds| input.now.0.saturating_sub(seconds));
        self.out_of_time =
            seconds.is_some_and(|seconds| input.now.0.abs_diff(seconds) > input.tolerance_secs.into());
    }
}

impl Explanation {
    /// An answer that the signature, or what is missing of the call, proves.
    pub(super) fn certain<const N: usize>(findings: [&'static Finding; N], facts: Facts) -> Self {
        Self { certain: true, ..Self::guess(findings, facts) }
    }

    /// An answer for which something speaks, no more.
    pub(super) fn guess<const N: usize>(findings: [&'static Finding; N], facts: Facts) -> Self {
        let mut findings = findings.into_iter();
        Self { findings: [findings.next(), findings.next()], certain: false, facts }
    }

    /// The code of the first, mostly the only, finding.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.codes().next().unwrap_or_default()
    }

    /// The codes of all findings: one, or two if a mistake in the secret and one in the body came together.
    pub fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.findings().map(Finding::code)
    }

    /// The findings, each with its code and sentence.
    pub fn findings(&self) -> impl Iterator<Item = &'static Finding> {
        self.findings.iter().copied().flatten()
    }

    /// Whether it is proven: without these mistakes the signature would have been right. Otherwise it is the
    /// most that can be said.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.certain
    }

    /// What was seen and done on the way.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, sentence: &str) -> fmt::Result {
        let mut rest = sentence;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            f.write_str(text)?;
            match name {
                "secs" => write!(f, "{}", self.facts.offset_secs.unwrap_or_default().unsigned_abs())?,
                "header" => f.write_str(self.facts.header.unwrap_or("webhook-signature"))?,
                "secret_error" => f.write_str(self.facts.secret_error.unwrap_or("unknown"))?,
                other => f.write_str(other)?,
            }
            rest = after;
        }
        f.write_str(rest)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings().enumerate() {
            f.write_str(if index == 0 { "" } else { " " })?;
            self.write(f, finding.sentence)?;
        }
        let about_time = self.findings().any(|finding| finding.sentence.contains("{secs}"));
        if self.certain && self.facts.out_of_time && self.facts.secret_index.is_some() && !about_time {
            self.write(
                f,
                " Besides, the timestamp is {secs} s from this machine's clock, which is out of tolerance.",
            )?;
        }
        if !self.certain && !self.facts.complete {
            f.write_str(" Not every known mistake was tried, because a limit was reached.")?;
        }
        Ok(())
    }
}

/// As an object with `code`, `codes`, `message`, `certain` and `facts`.
impl Serialize for Explanation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Explanation", 5)?;
        object.serialize_field("code", self.code())?;
        object.serialize_field("codes", &self.codes().collect::<Vec<_>>())?;
        object.serialize_field("message", &self.to_string())?;
        object.serialize_field("certain", &self.certain)?;
        object.serialize_field("facts", &self.facts)?;
        object.end()
    }
}
