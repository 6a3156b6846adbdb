//! The three headers of Standard Webhooks, and how they are found in whatever a framework calls "headers".
//!
//! The rules here are the ones on which receivers disagree most, so they are decided once: blanks at the ends
//! of a value are no part of it (HTTP strips them anyway), an empty value is a missing header, and a header
//! that occurs twice with different values is refused, because first-wins, last-wins and joined readers would
//! see three different calls.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::verify::VerifyError;

pub(crate) const ID: &str = "webhook-id";
pub(crate) const TIMESTAMP: &str = "webhook-timestamp";
pub(crate) const SIGNATURE: &str = "webhook-signature";

/// `webhook-id`: names the event, stays the same over every attempt; the key for deduplication.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static(ID);

/// `webhook-timestamp`: Unix seconds of this attempt, not of the event.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static(TIMESTAMP);

/// `webhook-signature`: one or several `v1,<base64>` tokens, separated by blanks.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static(SIGNATURE);

/// Anything that can list the values of a header.
///
/// Implemented for [`http::HeaderMap`] and for slices, arrays and vectors of `(name, value)` pairs whose name
/// is a text and whose value is a text or bytes.
pub trait HeaderLookup {
    /// Every value of the header `name`, in the order received, as the bytes that came over the wire.
    ///
    /// Names are compared without regard to ASCII case. A header that is not there yields nothing.
    fn header_values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]>;
}

impl HeaderLookup for HeaderMap {
    fn header_values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        // The names that every call is asked for are known beforehand, and need not be read again.
        let values = match name {
            ID => self.get_all(&WEBHOOK_ID),
            TIMESTAMP => self.get_all(&WEBHOOK_TIMESTAMP),
            SIGNATURE => self.get_all(&WEBHOOK_SIGNATURE),
            other => self.get_all(other),
        };
        values.iter().map(HeaderValue::as_bytes)
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> HeaderLookup for [(K, V)] {
    fn header_values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.iter()
            .filter(move |(key, _)| key.as_ref().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>, const N: usize> HeaderLookup for [(K, V); N] {
    fn header_values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.as_slice().header_values(name)
    }
}

impl<K: AsRef<str>, V: AsRef<[u8]>> HeaderLookup for Vec<(K, V)> {
    fn header_values<'h>(&'h self, name: &str) -> impl Iterator<Item = &'h [u8]> {
        self.as_slice().header_values(name)
    }
}

/// The one value of a header, without the blanks around it.
///
/// # Errors
/// [`VerifyError::MissingHeader`] when it is absent or empty, [`VerifyError::AmbiguousHeader`] when it occurs
/// with different values.
pub(crate) fn single<'h, H: HeaderLookup + ?Sized>(
    headers: &'h H,
    name: &'static str,
) -> Result<&'h [u8], VerifyError> {
    let mut values = headers.header_values(name).map(trim_blanks);
    let value = values.next().unwrap_or_default();
    if values.any(|other| other != value) {
        return Err(VerifyError::AmbiguousHeader { name });
    }
    if value.is_empty() { Err(VerifyError::MissingHeader { name }) } else { Ok(value) }
}

/// Removes the optional white space that RFC 9110, section 5.5, does not count as part of a field value.
pub(crate) fn trim_blanks(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{HeaderLookup, ID, WEBHOOK_ID, single, trim_blanks};
    use crate::verify::VerifyError;

    #[test]
    fn names_match_in_any_case() {
        let pairs = [("Webhook-Id", "a"), ("other", "b"), ("WEBHOOK-ID", "c")];
        assert_eq!(pairs.header_values(ID).collect::<Vec<_>>(), [b"a", b"c"]);
        assert_eq!(pairs.to_vec().header_values(ID).count(), 2);
        assert_eq!(single(&[("HTTP_WEBHOOK_ID", "a")], ID), Err(VerifyError::MissingHeader { name: ID }));
    }

    #[test]
    fn a_header_map_yields_every_value() {
        let mut map = HeaderMap::new();
        map.append(WEBHOOK_ID, HeaderValue::from_static("a"));
        map.append(WEBHOOK_ID, HeaderValue::from_static("b"));
        assert_eq!(map.header_values(ID).collect::<Vec<_>>(), [b"a", b"b"]);
    }

    #[test]
    fn empty_is_missing() {
        for value in ["", " ", "\t "] {
            assert_eq!(single(&[(ID, value)], ID), Err(VerifyError::MissingHeader { name: ID }), "{value:?}");
        }
    }

    #[test]
    fn repeated_is_fine_only_when_equal() {
        assert_eq!(single(&[(ID, "a"), (ID, " a ")], ID), Ok(&b"a"[..]));
        for pair in [["a", "b"], ["", "a"], ["a", ""]] {
            let headers = pair.map(|value| (ID, value));
            assert_eq!(single(&headers, ID), Err(VerifyError::AmbiguousHeader { name: ID }), "{pair:?}");
        }
    }

    #[test]
    fn only_blanks_and_tabs_at_the_ends_go() {
        assert_eq!(trim_blanks(b" \t a b\t "), b"a b");
        assert_eq!(trim_blanks(b"\na"), b"\na");
        assert_eq!(trim_blanks(b"  "), b"");
    }
}
