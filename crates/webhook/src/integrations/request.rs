//! Signing an [`http::Request`]: what hyper, hyper-util, tower-http and most other clients send.

use http::Request;

use crate::{SignError, UnixSeconds, sign, sign::Signer};

/// Signs the body of `request` with each of `signers` and sets the three headers, in place of any that are
/// there.
///
/// Sign again for every attempt, with that attempt's `timestamp` and the same `webhook_id` ([`sign`]).
/// Whatever changes the body afterwards, such as a layer that compresses, makes the signature wrong.
///
/// # Errors
/// Those of [`sign`]; the request is then as it was.
///
/// ```
/// use ringback_webhook::integrations::request::sign_request;
/// use ringback_webhook::{SigningSecret, UnixSeconds, WEBHOOK_SIGNATURE};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = SigningSecret::parse("whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ==")?;
/// let body = r#"{"type":"response.completed","data":{"id":"resp_1"}}"#;
/// let mut request = http::Request::post("https://app.example/webhook")
///     .header(http::header::CONTENT_TYPE, "application/json")
///     .body(body)?;
/// sign_request(&mut request, [&secret], "wh_1", UnixSeconds(1_750_287_078))?;
/// assert!(request.headers().contains_key(WEBHOOK_SIGNATURE));
/// # Ok(())
/// # }
/// ```
pub fn sign_request<'a, S: Signer + ?Sized + 'a, B: AsRef<[u8]>>(
    request: &mut Request<B>,
    signers: impl IntoIterator<Item = &'a S>,
    webhook_id: &str,
    timestamp: UnixSeconds,
) -> Result<(), SignError> {
    let signed = sign(signers, webhook_id, timestamp, request.body().as_ref())?;
    signed.apply(request.headers_mut());
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::sign_request;
    use crate::{SignError, SigningSecret, UnixSeconds, Verifier, WEBHOOK_ID};

    const NOW: UnixSeconds = UnixSeconds(1_750_287_078);

    #[test]
    fn what_is_signed_verifies_for_each_secret() {
        let secrets = [1, 2].map(|byte| SigningSecret::from_key_bytes(&[byte; 32]).unwrap());
        let mut request = Request::post("/").header(WEBHOOK_ID, "stale").body(b"{}".to_vec()).unwrap();
        sign_request(&mut request, &secrets, "wh_1", NOW).unwrap();
        for secret in secrets {
            let verified = Verifier::new([secret]).verify(request.headers(), request.body(), NOW).unwrap();
            assert_eq!(verified.webhook_id, "wh_1");
        }
    }

    #[test]
    fn a_request_that_cannot_be_signed_stays_as_it_was() {
        let mut request = Request::post("/").header(WEBHOOK_ID, "earlier").body("{}").unwrap();
        assert_eq!(
            sign_request::<SigningSecret, _>(&mut request, [], "wh_1", NOW),
            Err(SignError::NoSecrets)
        );
        assert_eq!(
            (request.headers().len(), &request.headers()[WEBHOOK_ID]),
            (1, &"earlier".parse().unwrap())
        );
    }
}
