//! What must not be guessable, or must be unique without asking anybody.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Fresh bytes from the cryptographic generator.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // AWS-LC seeds itself from the system and stops the process rather than return without entropy.
    aws_lc_rs::rand::fill(&mut bytes).expect("the generator fills every buffer");
    bytes
}

/// The secret part of an ingest URL: 256 bits, as 43 characters that a URL takes unescaped.
pub(crate) fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes::<32>())
}

/// A unique text after a prefix: 128 bits, as 32 hexadecimal digits.
pub(crate) fn id(prefix: &str) -> String {
    let mut id = String::with_capacity(prefix.len() + 32);
    id.push_str(prefix);
    // One for every request: by hand, because formatting each byte is several times slower.
    for byte in bytes::<16>() {
        id.push(char::from(HEX_DIGITS[usize::from(byte >> 4)]));
        id.push(char::from(HEX_DIGITS[usize::from(byte & 15)]));
    }
    id
}

const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_ids_are_url_safe_and_differ() {
        let (a, b) = (token(), token());
        assert_ne!(a, b);
        assert_eq!(a.len(), 43);
        assert!(a.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'), "{a}");
        let (a, b) = (id("req_"), id("req_"));
        assert_ne!(a, b);
        assert_eq!((a.len(), &a[..4]), (36, "req_"));
        assert!(a[4..].bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)), "{a}");
    }
}
