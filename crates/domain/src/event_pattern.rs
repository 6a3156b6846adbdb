//! What an endpoint subscribes to: event types and wildcards.

use std::fmt;

use ringback_webhook::event_type;

/// One entry of an endpoint's `event_types`: a type, a family (`batch.*`) or everything (`*`).
///
/// `eval.run.cancelled` is kept as `eval.run.canceled`, OpenAI's own spelling, and either spelling of an
/// event matches it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventPattern(String);

/// A text that is neither an event type nor a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an event type: expected segments of letters, digits and `_` joined by dots, a family such as `batch.*`, or `*`"
)]
pub struct ParsePatternError;

impl EventPattern {
    /// Reads a pattern. A family's star stands alone after a dot and is the last segment.
    ///
    /// # Errors
    /// [`ParsePatternError`] when the text has none of the three forms.
    pub fn parse(text: &str) -> Result<Self, ParsePatternError> {
        let well_formed = match text.strip_suffix(".*") {
            // A family may be a single segment, which alone would be no event type.
            Some(family) => event_type::is_well_formed(&format!("{family}.x")),
            None => text == "*" || event_type::is_well_formed(text),
        };
        if well_formed { Ok(Self(event_type::canonical(text).to_owned())) } else { Err(ParsePatternError) }
    }

    /// The pattern as stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is one exact type rather than a wildcard.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        !self.0.ends_with('*')
    }

    /// Whether an event of this type is meant.
    #[must_use]
    pub fn matches(&self, event_type: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => event_type.starts_with(family),
            None => event_type::canonical(event_type) == self.0,
        }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching() {
        let cases = [
            ("*", "anything.at_all", true),
            ("batch.*", "batch.completed", true),
            ("batch.*", "batches.completed", false),
            ("batch.*", "batch", false),
            ("eval.run.*", "eval.run.canceled", true),
            ("response.completed", "response.completed", true),
            ("response.completed", "response.completed.late", false),
            ("eval.run.cancelled", "eval.run.canceled", true),
            ("eval.run.canceled", "eval.run.cancelled", true),
            ("batch.cancelled", "batch.canceled", false),
        ];
        for (pattern, event_type, expected) in cases {
            let pattern = EventPattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(event_type), expected, "{pattern} {event_type}");
        }
    }

    #[test]
    fn malformed() {
        for text in [
            "",
            ".",
            "batch.",
            ".*",
            "**",
            "batch*",
            "*.completed",
            "a..b",
            "a b.c",
            "batch.*.x",
            "é.x",
            "a.b\n",
        ] {
            assert_eq!(EventPattern::parse(text), Err(ParsePatternError), "{text:?}");
        }
    }
}
