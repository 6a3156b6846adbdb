//! The verifier by the system's clock. Feature `verify_now`: the only place in this crate that asks what time
//! it is.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{
    headers::HeaderLookup,
    receive::{ReceiveError, Received},
    time::UnixSeconds,
    verify::{Verified, Verifier, VerifyError},
};

impl Verifier {
    /// [`Verifier::verify`] at the present time. Needs the feature `verify_now`.
    ///
    /// # Errors
    /// Those of [`Verifier::verify`].
    pub fn verify_now<'h, H: HeaderLookup + ?Sized>(
        &self,
        headers: &'h H,
        body: &[u8],
    ) -> Result<Verified<'h>, VerifyError> {
        self.verify(headers, body, now())
    }

    /// [`Verifier::receive`] at the present time. Needs the feature `verify_now`.
    ///
    /// # Errors
    /// Those of [`Verifier::receive`].
    pub fn receive_now<H: HeaderLookup + ?Sized>(
        &self,
        headers: &H,
        body: &[u8],
    ) -> Result<Received, ReceiveError> {
        self.receive(headers, body, now())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "whoever switches this feature on asks for the system's clock, which is for programs without one of their own"
)]
fn now() -> UnixSeconds {
    floored(SystemTime::now())
}

/// Rounds down, as every library of this standard does.
fn floored(time: SystemTime) -> UnixSeconds {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        // A clock that was never set can stand before 1970.
        Err(before) => {
            let before = before.duration();
            let whole = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            (-whole).saturating_sub(i64::from(before.subsec_nanos() > 0))
        }
    };
    UnixSeconds(seconds)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{floored, now};
    use crate::{SigningSecret, UnixSeconds, Verifier, VerifyError, WEBHOOK_ID, WEBHOOK_TIMESTAMP, sign};

    const BODY: &[u8] = br#"{"type":"a.b","data":{}}"#;

    #[test]
    fn a_call_of_this_second_is_received_and_one_of_last_hour_is_not() {
        let secret = SigningSecret::from_key_bytes(&[7; 32]).unwrap();
        let at = |time| {
            let mut headers = http::HeaderMap::new();
            sign([&secret], "wh_1", time, BODY).unwrap().apply(&mut headers);
            headers
        };
        let verifier = Verifier::new([secret.clone()]);
        let fresh = at(now());
        assert_eq!(fresh[WEBHOOK_ID], "wh_1");
        assert_eq!(
            verifier.verify_now(&fresh, BODY).unwrap().timestamp.to_string(),
            fresh[WEBHOOK_TIMESTAMP]
        );
        assert_eq!(verifier.receive_now(&fresh, BODY).unwrap().event.event_type, "a.b");
        let late = at(UnixSeconds(now().0 - 3600));
        assert!(matches!(verifier.verify_now(&late, BODY), Err(VerifyError::TimestampTooOld { .. })));
        assert_eq!(verifier.receive_now(&late, BODY).unwrap_err().code(), "timestamp_too_old");
    }

    #[test]
    fn fractions_are_rounded_down_on_both_sides_of_1970() {
        let half = Duration::from_millis(500);
        assert_eq!(floored(UNIX_EPOCH + half), UnixSeconds(0));
        assert_eq!(floored(UNIX_EPOCH - half), UnixSeconds(-1));
        assert_eq!(floored(UNIX_EPOCH - Duration::from_secs(2)), UnixSeconds(-2));
        assert_eq!(floored(UNIX_EPOCH + Duration::from_secs(3) + half), UnixSeconds(3));
    }
}
