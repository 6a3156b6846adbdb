//! Reading the body of a request, within a size and a time.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::error::ApiError;

/// Refuses a body that announces more than `max_bytes`, before a byte of it is read.
pub(crate) fn check_announced(body: &Body, max_bytes: usize) -> Result<(), ApiError> {
    let max = u64::try_from(max_bytes).unwrap_or(u64::MAX);
    if body.size_hint().lower() > max { Err(too_large(max_bytes)) } else { Ok(()) }
}

/// The whole body, if it has at most `max_bytes` and is there within `timeout`.
pub(crate) async fn read(body: Body, max_bytes: usize, timeout: Duration) -> Result<Bytes, ApiError> {
    check_announced(&body, max_bytes)?;
    match tokio::time::timeout(timeout, Limited::new(body, max_bytes).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(fault)) if fault.is::<LengthLimitError>() => Err(too_large(max_bytes)),
        Ok(Err(_)) => Err(ApiError::bad_request("body_incomplete", "the body broke off")),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            format!("the body did not arrive within {} s", timeout.as_secs_f32()),
        )),
    }
}

fn too_large(max_bytes: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        format!("the body is larger than the {max_bytes} bytes that are taken"),
    )
}
