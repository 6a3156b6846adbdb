//! Why a call is turned away, and what its sender is told about it: the status, and nothing that the status
//! does not say.

use std::{error::Error, sync::Arc};

use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

use crate::ReceiveError;

/// Why a call is turned away.
///
/// `Display`, [`Rejection::code`] and `source()` are for the operator's log. The caller gets
/// [`Rejection::status`] and [`Rejection::public_body`], which do not tell a wrong signature from an old one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The body is announced, or turned out, to be larger than [`Receiver::max_body_bytes`](super::Receiver).
    /// It was not read any further.
    #[error("the body is larger than the {limit_bytes} bytes allowed")]
    BodyTooLarge {
        /// What the receiver allows, in bytes.
        limit_bytes: usize,
    },
    /// The body broke off, mostly because the caller went away.
    #[error("the body did not arrive whole")]
    BodyUnreadable {
        /// What the framework says about it.
        #[source]
        cause: Arc<dyn Error + Send + Sync>,
    },
    /// The signature is right, but the body is packed (`content-encoding`). Apps behind would get bytes that
    /// they cannot tell from others.
    #[error("the body is encoded; only identity is read")]
    UnsupportedContentEncoding,
    /// The signature is right, but the `content-type` is there and not one of JSON.
    #[error("the content type is not JSON")]
    UnsupportedContentType,
    /// The call does not verify, or carries no event.
    #[error(transparent)]
    Refused(#[from] ReceiveError),
    /// The application has no [`Receiver`](super::Receiver) where the integration looks for it: its mistake,
    /// not the caller's. Only the feature `actix` can report this; with the others such a program does not
    /// compile.
    #[error("the application has no `Receiver` in its data")]
    NotConfigured,
}

impl Rejection {
    /// A stable name of the cause, in `snake_case`, for logs and counters.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyUnreadable { .. } => "body_unreadable",
            Self::UnsupportedContentEncoding => "unsupported_content_encoding",
            Self::UnsupportedContentType => "unsupported_content_type",
            Self::Refused(error) => error.code(),
            Self::NotConfigured => "receiver_not_configured",
        }
    }

    /// The status to answer: 400, 401, 413 or 415, and 500 for [`Rejection::NotConfigured`].
    ///
    /// Whichever it is, a sender of webhooks takes it for a failed attempt and tries again later.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BodyTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyUnreadable { .. } => StatusCode::BAD_REQUEST,
            Self::UnsupportedContentEncoding | Self::UnsupportedContentType => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::Refused(error) => error.status(),
            Self::NotConfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The JSON to answer: the status in words.
    #[must_use]
    pub fn public_body(&self) -> &'static str {
        match self.status() {
            StatusCode::UNAUTHORIZED => r#"{"error":"unauthorized"}"#,
            StatusCode::PAYLOAD_TOO_LARGE => r#"{"error":"payload_too_large"}"#,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => r#"{"error":"unsupported_media_type"}"#,
            StatusCode::INTERNAL_SERVER_ERROR => r#"{"error":"internal_server_error"}"#,
            _ => r#"{"error":"bad_request"}"#,
        }
    }

    /// The whole answer, in whatever a framework calls a body. The rejection itself is in the response's
    /// extensions, for layers outside that log it.
    #[must_use]
    pub fn to_response<B: From<&'static str>>(&self) -> Response<B> {
        let mut response = Response::new(B::from(self.public_body()));
        *response.status_mut() = self.status();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.extensions_mut().insert(self.clone());
        response
    }
}
