//! The one unit of time on the wire. This crate never asks what time it is: every `now` is an argument.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment as whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Any `i64` is a valid value; arithmetic on two of them inside this crate never overflows. In JSON it is a
/// plain integer, as in OpenAI's `created_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

impl fmt::Display for UnixSeconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<i64> for UnixSeconds {
    fn from(seconds: i64) -> Self {
        Self(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::UnixSeconds;

    #[test]
    fn is_a_plain_integer_in_text_and_json() {
        let moment = UnixSeconds(1_750_287_078);
        assert_eq!(moment.to_string(), "1750287078");
        assert_eq!(serde_json::to_string(&moment).unwrap(), "1750287078");
        assert_eq!(serde_json::from_str::<UnixSeconds>("1750287078").unwrap(), moment);
    }
}
