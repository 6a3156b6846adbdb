//! Values that come as texts, in a body or a query: words of an enumeration, and ids.

use std::str::FromStr;

use ringback_domain::{ParseIdError, TypedId, UnknownWord};

use crate::error::ApiError;
use crate::nearest::{did_you_mean, shown};

/// One of an enumeration's words. Any other is told all of them, and the nearest.
pub(crate) fn word<T>(name: &'static str, text: &str) -> Result<T, ApiError>
where
    T: FromStr<Err = UnknownWord>,
{
    text.parse().map_err(|UnknownWord { expected, .. }| {
        let meant = did_you_mean(text, expected.iter().copied());
        let (text, expected) = (shown(text), expected.join("`, `"));
        ApiError::invalid_value(name, format!("`{name}` must be one of `{expected}`, not `{text}`{meant}"))
    })
}

/// An id, of whatever project.
pub(crate) fn id<I>(name: &'static str, text: &str) -> Result<I, ApiError>
where
    I: TypedId + FromStr<Err = ParseIdError>,
{
    text.parse().map_err(|error| {
        ApiError::invalid_value(name, format!("`{name}` must be the id of a {}; {error}", I::NOUN))
    })
}

#[cfg(test)]
mod tests {
    use ringback_domain::{EndpointId, ReplayFilter};

    use super::*;

    fn message<T>(result: Result<T, ApiError>) -> String {
        let error: serde_json::Value =
            serde_json::from_slice(&result.err().unwrap().to_json("req_1")).unwrap();
        assert_eq!(
            (&error["error"]["param"], &error["error"]["code"]),
            (&"x".into(), &"invalid_value".into())
        );
        error["error"]["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn an_unknown_word_is_told_the_known_ones_and_the_nearest() {
        assert_eq!(word::<ReplayFilter>("x", "missed").unwrap(), ReplayFilter::Missed);
        assert_eq!(
            message(word::<ReplayFilter>("x", "mised")),
            "`x` must be one of `pending`, `delivered`, `dead`, `cancelled`, `missed`, not `mised`; did you mean `missed`?"
        );
        assert!(message(word::<ReplayFilter>("x", &"y".repeat(1000))).len() < 200);
    }

    #[test]
    fn what_is_no_id_is_told_what_one_looks_like() {
        let id_of = |text: &str| id::<EndpointId>("x", text);
        assert!(id_of("whe_01jy00000000000000000000ab").is_ok());
        let expected =
            "`x` must be the id of a webhook endpoint; ids of this kind are `whe_` and 26 characters";
        assert_eq!(message(id_of("whev_01jy00000000000000000000ab")), expected);
    }
}
