//! The answers that no hypothesis stands behind.

use super::explanation::Finding;
use crate::verify::VerifyError;

/// What a gzip stream begins with (RFC 1952, section 2.3.1), with the only method in use.
pub(super) const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";

pub(super) static VERIFIES: Finding = Finding {
    code: "verifies",
    sentence: "Nothing is wrong: the call verifies with these secrets, at this time.",
};

pub(super) static MISSING_HEADER: Finding = Finding {
    code: "missing_header",
    sentence: "The header {header} is missing or empty: either a proxy in between drops it and has to be told to pass it on, or this call is no webhook of this standard.",
};

pub(super) static NO_SECRET: Finding = Finding {
    code: "no_secret",
    sentence: "The receiver has no signing secret, so nothing can verify: configure the one that the sender shows.",
};

static SECRET_UNREADABLE: Finding = Finding {
    code: "secret_unreadable",
    sentence: "No configured secret can be read ({secret_error}): copy it from the sender once more, whole.",
};

static BODY_TOO_LARGE: Finding = Finding {
    code: "body_too_large_to_explain",
    sentence: "No signature matches, and the body is too large to look for the mistake: send a small event and explain that one.",
};

static BODY_NOT_TEXT: Finding = Finding {
    code: "body_not_utf8",
    sentence: "The signature is right, but the body is not UTF-8, which no receiver of this standard accepts: the sender has to send UTF-8.",
};

static BODY_PACKED_AND_SIGNED: Finding = Finding {
    code: "body_signed_gzip",
    sentence: "The signature is right, but it was made of the compressed body: the sender has to sign the body before it is compressed.",
};

static UNEXPLAINED: Finding = Finding {
    code: "unexplained",
    sentence: "No known mistake explains it. Compare the end of the secret with what the sender shows; if they agree, the body was changed before it was verified: verify the bytes as they came from the connection, before any parser or middleware.",
};

static UNUSABLE_SIGNATURE: Finding = Finding {
    code: "unusable_signature",
    sentence: "The header webhook-signature holds no v1 signature that could be checked with a secret: it was cut or written again on the way, or the sender signs with a key pair (v1a) and its public key is needed.",
};

static AMBIGUOUS_HEADER: Finding = Finding {
    code: "ambiguous_header",
    sentence: "A header occurs several times with different values, and no single one of them makes the call right: find out who adds the second one.",
};

static MALFORMED_HEADER: Finding = Finding {
    code: "malformed_header",
    sentence: "The header webhook-id is not text without control characters: it was damaged on the way.",
};

static MALFORMED_TIMESTAMP: Finding = Finding {
    code: "malformed_timestamp",
    sentence: "The header webhook-timestamp is not a whole number of seconds in digits: the sender has to send Unix seconds.",
};

/// A right signature over something that is not UTF-8.
pub(super) fn not_text(body: &[u8]) -> &'static Finding {
    if body.starts_with(GZIP_MAGIC) { &BODY_PACKED_AND_SIGNED } else { &BODY_NOT_TEXT }
}

/// What is left to say when no hypothesis holds.
pub(super) fn last_resort(error: VerifyError, secrets: Secrets, body_too_large: bool) -> &'static Finding {
    match error {
        VerifyError::AmbiguousHeader { .. } => &AMBIGUOUS_HEADER,
        VerifyError::MalformedHeader { .. } => &MALFORMED_HEADER,
        VerifyError::MalformedTimestamp => &MALFORMED_TIMESTAMP,
        VerifyError::UnusableSignature => &UNUSABLE_SIGNATURE,
        _ => match secrets {
            Secrets::None => &NO_SECRET,
            Secrets::Unreadable => &SECRET_UNREADABLE,
            Secrets::Some if body_too_large => &BODY_TOO_LARGE,
            Secrets::Some => &UNEXPLAINED,
        },
    }
}

/// What is configured.
#[derive(Clone, Copy)]
pub(super) enum Secrets {
    /// Nothing.
    None,
    /// Texts of which none is a secret.
    Unreadable,
    /// At least one that can be used.
    Some,
}
