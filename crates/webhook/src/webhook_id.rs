//! What a `webhook-id` must look like before it is sent or stored under an index.
//!
//! Verification is laxer on purpose (see [`crate::verification`]): an id outside this form can still carry a
//! right signature, and whether to keep such a call is the receiver's decision.

/// The longest well-formed id, in bytes.
pub const MAX_BYTES: usize = 255;

/// Whether `id` is 1 to [`MAX_BYTES`] printable ASCII characters without blanks: `[\x21-\x7e]{1,255}`.
///
/// A full stop passes, because a gateway hands on the ids of others unchanged. A sender that *mints* ids must
/// never put one in: the signed text is `id.timestamp.body`, and a full stop would let its parts shift
/// (Standard Webhooks 1.0.0, "Signature scheme").
///
/// ```
/// assert!(ringback_webhook::webhook_id::is_well_formed("wh_6853"));
/// assert!(!ringback_webhook::webhook_id::is_well_formed("wh 6853"));
/// ```
#[must_use]
pub fn is_well_formed(id: &str) -> bool {
    (1..=MAX_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, is_well_formed};

    #[test]
    fn length_is_bounded_on_both_sides() {
        assert!(!is_well_formed(""));
        assert!(is_well_formed("a"));
        assert!(is_well_formed(&"a".repeat(MAX_BYTES)));
        assert!(!is_well_formed(&"a".repeat(MAX_BYTES + 1)));
    }

    #[test]
    fn only_printable_ascii_without_blanks() {
        assert!(is_well_formed("wh_1.2!~"));
        for id in ["a b", "a\t", "a\n", "\u{7f}", "wh_é", "\0"] {
            assert!(!is_well_formed(id), "{id:?}");
        }
    }
}
