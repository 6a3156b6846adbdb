//! One attempt: sign afresh, send, report.
//!
//! Each attempt is signed with the endpoint's present secrets and the attempt's own timestamp, so that a
//! receiver accepts it at any age of the event. The payload bytes are sent unchanged. No transaction is open
//! meanwhile.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, header};
use ringback_domain::{
    Advice, AttemptOutcome, AttemptReport, Authentication, Endpoint, ExtraHeader, Timestamp,
};
use ringback_egress::{Answer, Client, ResponseLimits, SendError};
use ringback_store::Claimed;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::advice::advice;

/// Makes attempts over the guarded client.
pub(crate) struct Sender {
    client: Client,
    user_agent: HeaderValue,
}

/// Why an attempt is not even sent. Neither happens with rows that the API made.
enum Unsendable {
    Signing(ringback_webhook::SignError),
    Request(http::Error),
}

impl Sender {
    /// A sender that announces itself as `user_agent`.
    pub(crate) fn new(client: Client, user_agent: &str) -> Self {
        let user_agent = HeaderValue::from_str(user_agent).unwrap_or(HeaderValue::from_static("Ringback"));
        Self { client, user_agent }
    }

    /// Tries once to deliver. Takes at most the endpoint's time-out; never fails, failure is a report too.
    pub(crate) async fn attempt(
        &self,
        endpoint: &Endpoint,
        claimed: &Claimed,
        now: Timestamp,
    ) -> (AttemptReport, Advice) {
        let begun = Instant::now();
        let verdict = match self.request(endpoint, claimed, now) {
            Ok(request) => {
                let limits = ResponseLimits {
                    timeout: Duration::from_secs(endpoint.timeout_secs.into()),
                    ..ResponseLimits::DEFAULT
                };
                match self.client.send(request, limits).await {
                    Ok(answer) => Verdict::answered(answer, now),
                    Err(error) => Verdict::failed(&error),
                }
            }
            Err(error) => Verdict::unsendable(&error),
        };
        let report = AttemptReport {
            outcome: verdict.outcome,
            status_code: verdict.status_code,
            error: verdict.error,
            response_body: verdict.response_body,
            started_at: now,
            duration_ms: u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX),
        };
        (report, verdict.advice)
    }

    fn request(
        &self,
        endpoint: &Endpoint,
        claimed: &Claimed,
        now: Timestamp,
    ) -> Result<Request<Bytes>, Unsendable> {
        let signed = ringback_webhook::sign(
            endpoint.signers(now),
            &claimed.webhook_id,
            now.to_wire(),
            &claimed.payload,
        )
        .map_err(Unsendable::Signing)?;
        let mut request = Request::post(&endpoint.url);
        if let Some(authentication) = &endpoint.authentication {
            request = request.header(header::AUTHORIZATION, authorization(authentication)?);
        }
        for ExtraHeader { name, value } in &endpoint.headers {
            request = request.header(name, sensitive(value)?);
        }
        let mut request = request
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(header::USER_AGENT, &self.user_agent)
            .body(claimed.payload.clone())
            .map_err(Unsendable::Request)?;
        signed.apply(request.headers_mut());
        Ok(request)
    }
}

/// The value of the header `Authorization`.
fn authorization(authentication: &Authentication) -> Result<HeaderValue, Unsendable> {
    match authentication {
        Authentication::Bearer { token } => sensitive(&Zeroizing::new(format!("Bearer {token}"))),
        Authentication::Basic { username, password } => {
            let pair = Zeroizing::new(format!("{username}:{password}"));
            sensitive(&Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes()))))
        }
    }
}

/// A value that `Debug` does not show.
fn sensitive(text: &str) -> Result<HeaderValue, Unsendable> {
    let mut value = HeaderValue::from_str(text).map_err(|error| Unsendable::Request(error.into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a report says beside its times.
struct Verdict {
    outcome: AttemptOutcome,
    status_code: Option<u16>,
    error: Option<String>,
    response_body: Bytes,
    advice: Advice,
}

impl Verdict {
    fn answered(answer: Answer, now: Timestamp) -> Self {
        let status = answer.status.as_u16();
        Self {
            outcome: AttemptOutcome::of_status(status),
            status_code: Some(status),
            error: None,
            advice: advice(&answer.headers, now),
            response_body: answer.body_start,
        }
    }

    fn failed(error: &SendError) -> Self {
        let outcome = match error {
            SendError::Timeout { .. } => AttemptOutcome::Timeout,
            SendError::Unreachable { .. } => AttemptOutcome::Unreachable,
            SendError::Blocked(_) => AttemptOutcome::Blocked,
        };
        Self::without_answer(outcome, error.to_string())
    }

    fn unsendable(error: &Unsendable) -> Self {
        let error = match error {
            Unsendable::Signing(error) => format!("the call cannot be signed: {error}"),
            Unsendable::Request(error) => format!("the endpoint's URL cannot be called: {error}"),
        };
        Self::without_answer(AttemptOutcome::Blocked, error)
    }

    fn without_answer(outcome: AttemptOutcome, error: String) -> Self {
        Self {
            outcome,
            status_code: None,
            error: Some(error),
            response_body: Bytes::new(),
            advice: Advice::default(),
        }
    }
}
