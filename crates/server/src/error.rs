//! The one type of error that leaves the server, and its one envelope: `{"error": {message, type, param,
//! code}}`.
//!
//! Handlers return an [`ApiError`]; the `edge` renders it, because only there the request's id is known.
//! `message` is for the person at the other end; a cause is for the operator's log and never leaves.

mod store;

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::json;

/// Tells the OpenAI SDKs whether to try again, against what the status alone would say.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// How long a caller should wait before trying again what did not fit now.
const RETRY_AFTER_SECS: u16 = 5;

/// An answer other than 2xx. Boxed, because it travels in every `Result`.
#[derive(Debug, Clone)]
pub(crate) struct ApiError(Box<Fault>);

#[derive(Debug, Clone)]
struct Fault {
    status: StatusCode,
    code: &'static str,
    message: Cow<'static, str>,
    param: Option<Cow<'static, str>>,
    headers: HeaderMap,
    cause: Option<Arc<dyn Error + Send + Sync>>,
    /// Whether what was asked for may have happened all the same.
    leaves_doubt: bool,
}

/// The envelope.
#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: &'static str,
}

impl ApiError {
    /// Any error. `code` is stable, in snake case; `message` is a sentence for a person.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Fault {
            status,
            code,
            message: message.into(),
            param: None,
            headers: HeaderMap::new(),
            cause: None,
            leaves_doubt: false,
        }))
    }

    /// 400: the request must be changed.
    pub(crate) fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 400 because of the value of a parameter.
    pub(crate) fn invalid_value(
        param: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::bad_request("invalid_value", message).param(param)
    }

    /// 401: who is calling is not shown.
    pub(crate) fn unauthorized(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message)
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 405, with the methods that there are, separated by commas. Without a list the router adds it.
    pub(crate) fn method_not_allowed(allow: Option<&'static str>) -> Self {
        let error = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "this URL does not know this method; the header `allow` lists those it knows",
        );
        match allow {
            Some(methods) => error.header(header::ALLOW, HeaderValue::from_static(methods)),
            None => error,
        }
    }

    /// 409: how things stand forbids it, and the same again would fail again.
    pub(crate) fn conflict(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message).final_answer()
    }

    /// 503: nothing was kept, and trying again soon is right.
    pub(crate) fn unavailable(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
            .header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS))
    }

    /// 500: not the caller's fault, and the same again would fail again. When it came about is not known, so
    /// it leaves doubt.
    pub(crate) fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "something went wrong in Ringback")
            .final_answer()
            .cause(cause)
            .leaving_doubt(true)
    }

    /// Names the parameter that is wrong.
    pub(crate) fn param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// Says within which part of the body the parameter lies.
    pub(crate) fn within(mut self, part: &str) -> Self {
        self.0.param = Some(match self.0.param {
            Some(param) => format!("{part}.{param}").into(),
            None => part.to_owned().into(),
        });
        self
    }

    /// Adds a header to the answer.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Keeps the SDKs, which repeat 409 and 5xx, from repeating what fails every time.
    pub(crate) fn final_answer(self) -> Self {
        self.header(X_SHOULD_RETRY, HeaderValue::from_static("false"))
    }

    /// Keeps what happened, for the log.
    pub(crate) fn cause(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// Says whether what was asked for may have happened although this is the answer, as when something is
    /// read after it was written. Without a word to it, it did not.
    pub(crate) fn leaving_doubt(mut self, leaves_doubt: bool) -> Self {
        self.0.leaves_doubt = leaves_doubt;
        self
    }

    /// Whether it may have happened.
    pub(crate) fn leaves_doubt(&self) -> bool {
        self.0.leaves_doubt
    }

    /// The status it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// What happened, if it is the operator's business.
    pub(crate) fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }

    /// The answer.
    pub(crate) fn render(&self, request_id: &str) -> Response {
        let mut response = json::bytes(self.to_json(request_id));
        *response.status_mut() = self.0.status;
        response.headers_mut().extend(self.0.headers.clone());
        response
    }

    /// The envelope. What went wrong on this side names the request, so that it can be found in the log.
    pub(crate) fn to_json(&self, request_id: &str) -> Vec<u8> {
        let Fault { status, code, message, param, .. } = &*self.0;
        let message: Cow<'_, str> = match status.is_server_error() {
            true => format!("{message} (request {request_id})").into(),
            false => message.as_ref().into(),
        };
        let r#type = if status.is_server_error() { "server_error" } else { "invalid_request_error" };
        let body = Body { message: &message, r#type, param: param.as_deref(), code };
        serde_json::to_vec(&Envelope { error: body }).expect("a struct of texts is JSON")
    }
}

impl IntoResponse for ApiError {
    /// The status alone, and the error beside it for the `edge` to render.
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_side_s_failures_name_the_request_and_none_shows_its_cause() {
        let theirs = ApiError::invalid_value("name", "no");
        assert_eq!(theirs.render("req_1").status(), StatusCode::BAD_REQUEST);
        assert!(theirs.source().is_none());

        let ours = ApiError::internal(std::io::Error::other("the disk says no"));
        assert_eq!(ours.source().unwrap().to_string(), "the disk says no");
        let response = ours.render("req_1");
        assert_eq!(response.headers()[X_SHOULD_RETRY], "false");
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
