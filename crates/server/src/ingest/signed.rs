//! Is this call from the source's sender, and is it fresh?

use http::{HeaderMap, HeaderValue};
use ringback_domain::indexed::is_indexable;
use ringback_domain::{SecretId, Source, StalePolicy, Timestamp};
use ringback_webhook::{DEFAULT_TOLERANCE_SECS, Verifier, VerifyError, WEBHOOK_ID};

use crate::error::ApiError;

/// What is known of a call whose signature is right.
#[derive(Debug)]
pub(super) struct Signed<'h> {
    /// The `webhook-id`, indexable.
    pub(super) webhook_id: &'h str,
    /// Which of the source's secrets it was signed with.
    pub(super) secret_id: SecretId,
}

/// Checks headers, signature and timestamp, in this order. A late call passes where the source's policy says
/// so.
pub(super) fn check<'h>(
    source: &Source,
    headers: &'h HeaderMap,
    body: &[u8],
    received_at: Timestamp,
) -> Result<Signed<'h>, ApiError> {
    check_id(headers)?;
    match verify(source, headers, body, received_at, DEFAULT_TOLERANCE_SECS) {
        Err(VerifyError::TimestampTooOld { .. }) if source.stale_policy == StalePolicy::Admit => {
            verify(source, headers, body, received_at, ANY_AGE)
        }
        other => other,
    }
    .map_err(|error| rejection(error, source.secrets.is_empty()))
}

/// Which secret signed a call, whatever its age; `None` when none did.
pub(super) fn signer(
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
    received_at: Timestamp,
) -> Option<SecretId> {
    check_id(headers).ok()?;
    verify(source, headers, body, received_at, ANY_AGE).ok().map(|signed| signed.secret_id)
}

/// Which secret signed a call that was fresh when it was received; `None` when none did.
pub(crate) fn signer_in_time(
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
    received_at: Timestamp,
) -> Option<SecretId> {
    check(source, headers, body, received_at).ok().map(|signed| signed.secret_id)
}

/// A tolerance that no timestamp of this century exceeds.
const ANY_AGE: u32 = u32::MAX;

fn verify<'h>(
    source: &Source,
    headers: &'h HeaderMap,
    body: &[u8],
    received_at: Timestamp,
    tolerance_secs: u32,
) -> Result<Signed<'h>, VerifyError> {
    // Made anew for each call, which costs one small list: the secrets in it are references, their keys are
    // prepared.
    let verifier = Verifier::new(source.secrets.iter().map(|secret| secret.secret.clone()));
    let verified =
        verifier.with_tolerance_secs(tolerance_secs).verify(headers, body, received_at.to_wire())?;
    // The index is one into the very list the verifier was made of.
    Ok(Signed { webhook_id: verified.webhook_id, secret_id: source.secrets[verified.secret_index].id })
}

/// The id will be a key of the database, so its form is stricter than what can be signed. None at all is for
/// the verifier.
fn check_id(headers: &HeaderMap) -> Result<(), ApiError> {
    let id = headers.get(WEBHOOK_ID).map(HeaderValue::as_bytes).unwrap_or_default().trim_ascii();
    let well_formed = std::str::from_utf8(id).is_ok_and(is_indexable);
    if id.is_empty() || well_formed {
        return Ok(());
    }
    let message = "the header webhook-id is not 1 to 255 printable ASCII characters without blanks";
    Err(ApiError::bad_request("malformed_header", message))
}

/// The answer to a call that does not verify. 401 where another secret or another time could have made it
/// right, 400 where nothing could.
fn rejection(error: VerifyError, without_secret: bool) -> ApiError {
    let code = error.code();
    match error {
        VerifyError::AmbiguousHeader { .. }
        | VerifyError::MalformedHeader { .. }
        | VerifyError::MalformedTimestamp
        | VerifyError::BodyNotUtf8 => ApiError::bad_request(code, error.to_string()),
        VerifyError::UnusableSignature | VerifyError::SignatureMismatch if without_secret => {
            ApiError::unauthorized(
                super::SOURCE_UNCONFIGURED,
                "this source has no signing secret yet, so nothing can be verified; add the one that the sender shows",
            )
        }
        VerifyError::SignatureMismatch => ApiError::unauthorized(
            code,
            "no signature matches: the call was signed with another secret, or its body was changed on the way",
        ),
        VerifyError::TimestampTooOld { .. } | VerifyError::TimestampTooNew { .. } => ApiError::unauthorized(
            code,
            format!(
                "the signature is right, but {error}; if it was sent just now, a clock is wrong: this machine's or the sender's"
            ),
        ),
        // Missing headers, unusable signatures, and whatever a later version of the verifier tells apart.
        _ => ApiError::unauthorized(code, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn the_form_of_an_id_is_judged_before_its_signature() {
        let with =
            |value: &[u8]| HeaderMap::from_iter([(WEBHOOK_ID, HeaderValue::from_bytes(value).unwrap())]);
        for good in [&b""[..], b" ", b"wh_1", b" wh_1 ", b"!~", &[b'x'; 255]] {
            assert!(check_id(&with(good)).is_ok(), "{good:?}");
        }
        for bad in [&b"a b"[..], "wh_é".as_bytes(), b"\xff", b"a\tb", &[b'x'; 256]] {
            assert_eq!(check_id(&with(bad)).unwrap_err().code(), "malformed_header", "{bad:?}");
        }
        assert!(
            check_id(&HeaderMap::from_iter([(HeaderName::from_static("x"), HeaderValue::from(1))])).is_ok()
        );
    }

    #[test]
    fn every_fault_has_its_status() {
        let old = VerifyError::TimestampTooOld { age_secs: 301, tolerance_secs: 300 };
        let new = VerifyError::TimestampTooNew { ahead_secs: 301, tolerance_secs: 300 };
        for (error, without_secret, status, code) in [
            (VerifyError::MissingHeader { name: "webhook-id" }, true, 401, "missing_header"),
            (VerifyError::AmbiguousHeader { name: "webhook-id" }, true, 400, "ambiguous_header"),
            (VerifyError::MalformedTimestamp, true, 400, "malformed_timestamp"),
            (VerifyError::UnusableSignature, false, 401, "unusable_signature"),
            (VerifyError::UnusableSignature, true, 401, "source_unconfigured"),
            (VerifyError::SignatureMismatch, false, 401, "signature_mismatch"),
            (VerifyError::SignatureMismatch, true, 401, "source_unconfigured"),
            (old, false, 401, "timestamp_too_old"),
            (new, false, 401, "timestamp_too_new"),
            (VerifyError::BodyNotUtf8, false, 400, "body_not_utf8"),
        ] {
            let answer = rejection(error, without_secret);
            assert_eq!((answer.render("req_1").status().as_u16(), answer.code()), (status, code));
        }
    }
}
