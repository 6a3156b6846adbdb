//! The text form of signatures: `v1,<base64 of 32 bytes>`, several of them in one header.
//!
//! A token is read strictly (standard alphabet, padded, canonical), so that one signature has one spelling;
//! the list around the tokens is read leniently, because a token that cannot be used must not hide one that
//! can. What is lenient can only ever *offer* a signature for comparison: whether it is right is decided by
//! the bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Bytes of an HMAC-SHA256.
pub(crate) const MAC_BYTES: usize = 32;

/// An HMAC-SHA256 over `id.timestamp.body`.
pub(crate) type Mac = [u8; MAC_BYTES];

/// Characters of [`MAC_BYTES`] in padded base64.
const BASE64_CHARS: usize = MAC_BYTES.div_ceil(3) * 4;

/// Room that the decoder wants for [`BASE64_CHARS`], before it knows that one character is padding.
const DECODE_BYTES: usize = BASE64_CHARS / 4 * 3;

/// The label of HMAC-SHA256 signatures. `v1a` is ed25519, which OpenAI does not offer.
const LABEL: &str = "v1,";

/// The signatures in a `webhook-signature` value that could be HMAC-SHA256 ones, in their order.
///
/// Tokens are separated by ASCII white space. One trailing comma is ignored: it is what remains when a proxy
/// folded a repeated header into `a, b`. A token without a label counts as `v1`, as in every OpenAI SDK; one
/// with another label, or that is not 32 bytes in canonical base64, is skipped.
pub(crate) fn candidates(header: &[u8]) -> impl Iterator<Item = Mac> {
    header.split(u8::is_ascii_whitespace).filter_map(candidate)
}

fn candidate(token: &[u8]) -> Option<Mac> {
    let token = token.strip_suffix(b",").unwrap_or(token);
    let text = token.strip_prefix(LABEL.as_bytes()).unwrap_or(token);
    if text.len() != BASE64_CHARS {
        return None;
    }
    let mut decoded = [0; DECODE_BYTES];
    let len = STANDARD.decode_slice(text, &mut decoded).ok()?;
    decoded[..len].try_into().ok()
}

/// Appends the token of `mac` to a header value in the making, after a blank if it is not the first.
pub(crate) fn push_token(header: &mut String, mac: &Mac) {
    if !header.is_empty() {
        header.push(' ');
    }
    header.push_str(LABEL);
    STANDARD.encode_string(mac, header);
}

#[cfg(test)]
mod tests {
    use super::{Mac, candidates, push_token};

    const ONE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const TWO: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    fn read(header: &str) -> Vec<Mac> {
        candidates(header.as_bytes()).collect()
    }

    #[test]
    fn writes_what_it_reads() {
        let mut header = String::new();
        push_token(&mut header, &[1; 32]);
        push_token(&mut header, &[2; 32]);
        assert_eq!(header, format!("v1,{ONE} v1,{TWO}"));
        assert_eq!(read(&header), [[1; 32], [2; 32]]);
    }

    #[test]
    fn any_ascii_white_space_separates() {
        for blank in [" ", "\t", "  ", " \t "] {
            assert_eq!(read(&format!("v1,{ONE}{blank}v1,{TWO}")).len(), 2, "{blank:?}");
        }
    }

    #[test]
    fn a_bare_token_counts_and_a_folding_comma_does_not() {
        assert_eq!(read(ONE), [[1; 32]]);
        assert_eq!(read(&format!("v1, {ONE}")), [[1; 32]]);
        assert_eq!(read(&format!("v1,{ONE}, v1,{TWO}")), [[1; 32], [2; 32]]);
    }

    #[test]
    fn other_labels_and_spellings_are_skipped() {
        for label in ["v1a,", "v2,", "V1,", "v1=", "v1,v1,", ",", "v1:"] {
            assert!(read(&format!("{label}{ONE}")).is_empty(), "{label}");
        }
        for text in ["", "v1", "v1,", &ONE[..43], &ONE[..40], &format!("{ONE}="), &format!("v1,{ONE},x")] {
            assert!(read(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn base64_must_be_standard_padded_and_canonical() {
        let non_canonical = ONE.replace("AQE=", "AQF=");
        let url_safe = "-_EBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        let thirty_three = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";
        let thirty_one = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==";
        for text in [&non_canonical, url_safe, thirty_three, thirty_one] {
            assert_eq!(text.len(), 44);
            assert!(read(&format!("v1,{text}")).is_empty(), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_skipped() {
        let mut header = b"\xff\xfe v1,\xe9 ".to_vec();
        header.extend_from_slice(ONE.as_bytes());
        assert_eq!(candidates(&header).count(), 1);
    }
}
