//! Answers in JSON.

use std::fmt;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use serde::{Serialize, Serializer};

use crate::error::ApiError;

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer 200 with this as its body.
pub(crate) fn answer(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => bytes(body),
        Err(error) => ApiError::internal(error).into_response(),
    }
}

/// An answer 200 with a body that is JSON already.
pub(crate) fn bytes(body: impl Into<axum::body::Body>) -> Response {
    ([(header::CONTENT_TYPE, APPLICATION_JSON)], body.into()).into_response()
}

/// Shown in JSON as its text, e.g. an id.
pub(crate) struct Text<T>(pub(crate) T);

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What is left of a thing that was deleted, as OpenAI answers it.
#[derive(Serialize)]
pub(crate) struct Deleted {
    id: String,
    object: &'static str,
    deleted: bool,
}

impl Deleted {
    /// `object` is the noun's, e.g. `webhook_endpoint.deleted`.
    pub(crate) fn new(id: impl fmt::Display, object: &'static str) -> Self {
        Self { id: id.to_string(), object, deleted: true }
    }
}
