//! The text form of signatures: `v1,<base64 of 32 bytes>` or `v1a,<base64 of 64 bytes>`, several of them in
//! one header.
//!
//! A token is read strictly (standard alphabet, padded, canonical), so that one signature has one spelling;
//! the list around the tokens is read leniently, because a token that cannot be used must not hide one that
//! can. What is lenient can only ever *offer* a signature for comparison: whether it is right is decided by
//! the bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use subtle::{Choice, ConstantTimeEq as _};

/// Bytes of an HMAC-SHA256.
pub(crate) const MAC_BYTES: usize = 32;

/// An HMAC-SHA256 over `id.timestamp.body`.
pub(crate) type Mac = [u8; MAC_BYTES];

/// An ed25519 signature of `id.timestamp.body`.
#[cfg(feature = "ed25519")]
pub(crate) type AsymmetricSignature = [u8; ASYMMETRIC_BYTES];

/// Bytes of an ed25519 signature.
pub(crate) const ASYMMETRIC_BYTES: usize = 64;

/// Room for the longest signature and what its last quantum of base64 could hold beyond it.
const DECODE_BYTES: usize = ASYMMETRIC_BYTES.div_ceil(3) * 3;

/// The label of HMAC-SHA256 signatures.
const LABEL: &str = "v1,";

/// The label of ed25519 signatures.
#[cfg(feature = "ed25519")]
const ASYMMETRIC_LABEL: &str = "v1a,";

/// The signatures in a `webhook-signature` value that could be HMAC-SHA256 ones, in their order.
///
/// Tokens are separated by ASCII white space. One trailing comma is ignored: it is what remains when a proxy
/// folded a repeated header into `a, b`. A token without a label counts as `v1`, as in every OpenAI SDK; one
/// with another label, or that is not 32 bytes in canonical base64, is skipped.
pub(crate) fn candidates(header: &[u8]) -> impl Iterator<Item = Mac> + Clone {
    let candidate = |token: &[u8]| decode(token.strip_prefix(LABEL.as_bytes()).unwrap_or(token));
    // Nearly always the header is one token; then there is no white space to look for.
    let whole = candidate(header);
    let listed = if whole.is_some() { &[] } else { header };
    whole.into_iter().chain(tokens(listed).filter_map(candidate))
}

/// The signatures that could be ed25519 ones: as [`candidates`], but labelled `v1a` always, and 64 bytes
/// long.
#[cfg(feature = "ed25519")]
pub(crate) fn asymmetric_candidates(header: &[u8]) -> impl Iterator<Item = AsymmetricSignature> {
    tokens(header).filter_map(|token| decode(token.strip_prefix(ASYMMETRIC_LABEL.as_bytes())?))
}

fn tokens(header: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    header.split(u8::is_ascii_whitespace).map(|token| token.strip_suffix(b",").unwrap_or(token))
}

fn decode<const BYTES: usize>(text: &[u8]) -> Option<[u8; BYTES]> {
    if text.len() != BYTES.div_ceil(3) * 4 {
        return None;
    }
    let mut decoded = [0; DECODE_BYTES];
    let len = STANDARD.decode_slice(text, &mut decoded).ok()?;
    decoded[..len].try_into().ok()
}

/// Whether two signatures are the same, in a time that does not depend on where they differ.
///
/// By words of 8 bytes, which takes a quarter of the time that single bytes take.
pub(crate) fn same(given: &Mac, expected: &Mac) -> Choice {
    words(given).ct_eq(&words(expected))
}

fn words(mac: &Mac) -> [u64; MAC_BYTES / 8] {
    let (words, _) = mac.as_chunks::<8>();
    std::array::from_fn(|index| u64::from_ne_bytes(words[index]))
}

/// Appends the token of `mac` to a header value in the making, after a blank if it is not the first.
pub(crate) fn push_token(header: &mut String, mac: &Mac) {
    push(header, LABEL, mac);
}

/// The same for an ed25519 signature.
#[cfg(feature = "ed25519")]
pub(crate) fn push_asymmetric_token(header: &mut String, signature: &AsymmetricSignature) {
    push(header, ASYMMETRIC_LABEL, signature);
}

fn push(header: &mut String, label: &str, signature: &[u8]) {
    if !header.is_empty() {
        header.push(' ');
    }
    header.push_str(label);
    STANDARD.encode_string(signature, header);
}

#[cfg(test)]
mod tests {
    use super::{MAC_BYTES, Mac, candidates, push_token, same};

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
    fn a_difference_of_one_bit_anywhere_is_seen() {
        let mac: Mac = std::array::from_fn(|index| index.to_le_bytes()[0]);
        assert!(bool::from(same(&mac, &mac.clone())));
        for bit in 0..MAC_BYTES * 8 {
            let mut other = mac;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!bool::from(same(&mac, &other)), "bit {bit}");
        }
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
