//! The body of a publication, within a size and within the memory for what is being taken in.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use crate::body;
use crate::error::ApiError;
use crate::parts::{App, Shared};

/// The body with one event: as large as an ingest call's may be.
pub(crate) struct EventBody(Held);

/// The body with a batch of events.
pub(crate) struct BatchBody(Held);

/// Bytes, and the room they take up until they are dropped.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl EventBody {
    pub(super) fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }
}

impl BatchBody {
    pub(super) fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }
}

impl FromRequest<Shared> for EventBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        read(request, app, app.settings().max_body_bytes).await.map(Self)
    }
}

impl FromRequest<Shared> for BatchBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, ApiError> {
        read(request, app, app.settings().max_batch_bytes).await.map(Self)
    }
}

async fn read(request: Request, app: &App, max_bytes: usize) -> Result<Held, ApiError> {
    let body = request.into_body();
    body::check_announced(&body, max_bytes)?;
    let room = app.ingest_room.reserve(&body, max_bytes)?;
    let bytes = body::read(body, max_bytes, app.settings().body_timeout).await?;
    Ok(Held { bytes, _room: room })
}
