//! The body of a publication, within a size and within the memory for what is being published.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use bytes::Bytes;
use ringback_domain::ProjectId;
use tokio::sync::OwnedSemaphorePermit;

use crate::body;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::ingest::{Share, needed};
use crate::parts::{App, Shared};

/// The body with one event: as large as an ingest call's may be.
pub(crate) struct EventBody(Held);

/// The body with a batch of events.
pub(crate) struct BatchBody(Held);

/// Bytes, and the place they take up until they are dropped.
struct Held {
    bytes: Bytes,
    _place: Arc<Place>,
}

/// Room for a body, over all and of its project's share.
pub(crate) struct Place {
    _share: Share,
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

/// A place for this body, before a byte of it is read.
pub(crate) fn reserve(
    app: &App,
    project_id: ProjectId,
    body: &Body,
    max_bytes: usize,
) -> Result<Place, ApiError> {
    body::check_announced(body, max_bytes)?;
    let source = super::publish_source(app, project_id)?;
    Ok(Place {
        _share: app.publish_shares.take(source.id, needed(body, max_bytes))?,
        _room: app.publish_room.reserve(body, max_bytes)?,
    })
}

/// A body that was read under an `Idempotency-Key` has its place already.
async fn read(request: Request, app: &Shared, max_bytes: usize) -> Result<Held, ApiError> {
    let (mut parts, body) = request.into_parts();
    let place = match parts.extensions.remove::<Arc<Place>>() {
        Some(place) => place,
        None => {
            let caller = Caller::from_request_parts(&mut parts, app).await?;
            Arc::new(reserve(app, caller.project_id, &body, max_bytes)?)
        }
    };
    let bytes = body::read(body, max_bytes, app.settings().body_timeout).await?;
    Ok(Held { bytes, _place: place })
}
