//! Taking in one call: verified, read, made durable.

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::HeaderMap;
use ringback_delivery::IncomingEvent;
use ringback_domain::indexed::is_indexable;
use ringback_domain::{Disposition, EventId, Source, Timestamp};
use ringback_store::Appended;
use ringback_webhook::EnvelopeHead;
use serde::Serialize;

use super::signed::Signed;
use super::{content, signed};
use crate::error::ApiError;
use crate::json::Text;
use crate::parts::App;

/// The answer to a call that was taken.
#[derive(Serialize)]
pub(crate) struct Receipt {
    object: &'static str,
    /// `accepted`, or `duplicate` when its `webhook-id` was known.
    status: &'static str,
    /// The event: the new one, or the one this call repeats.
    pub(crate) event_id: Text<EventId>,
}

/// Takes in a call for a source, however it came. `Ok` once it is durable.
pub(crate) async fn admit(
    app: &App,
    source: &Source,
    headers: &HeaderMap,
    body: Bytes,
    received_at: Timestamp,
) -> Result<Receipt, ApiError> {
    let signed = signed::check(source, headers, &body, received_at)?;
    let head = content::read(headers, &body)?;
    let event = incoming(source, &signed, head, body.clone(), received_at);
    let appended = app.parts.dispatcher.dispatch(event).await?;
    log_received(source, signed.webhook_id, body.len(), &appended);
    Ok(Receipt::new(&appended))
}

fn incoming(
    source: &Source,
    signed: &Signed<'_>,
    head: EnvelopeHead<'_>,
    payload: Bytes,
    received_at: Timestamp,
) -> IncomingEvent {
    let sha256 = digest(&SHA256, &payload);
    IncomingEvent {
        project_id: source.project_id,
        source_id: source.id,
        secret_id: signed.secret_id,
        received_at,
        event_type: head.event_type.into_owned(),
        webhook_id: signed.webhook_id.to_owned(),
        // The payload keeps what cannot be indexed; only looking it up by that is not possible.
        upstream_event_id: head.id.filter(|id| is_indexable(id)).map(Into::into),
        object_id: head.object_id.filter(|id| is_indexable(id)).map(Into::into),
        payload,
        payload_sha256: sha256.as_ref().try_into().expect("SHA-256 has 32 bytes"),
    }
}

/// The one line of an event's arrival: ids and sizes, nothing of its content.
fn log_received(source: &Source, webhook_id: &str, payload_bytes: usize, appended: &Appended) {
    tracing::info!(
        project_id = %source.project_id,
        source_id = %source.id,
        event_id = %appended.event_id,
        webhook_id,
        disposition = appended.disposition.as_str(),
        payload_bytes,
        deliveries = appended.leased.len() + appended.due.len(),
        "event.received"
    );
}

impl Receipt {
    fn new(appended: &Appended) -> Self {
        let status = match appended.disposition {
            Disposition::Accepted => "accepted",
            // That the bytes differ is between the sender and the operator; the call is a duplicate all the same.
            Disposition::Duplicate | Disposition::PayloadDiffers => "duplicate",
        };
        Self { object: "webhook_receipt", status, event_id: Text(appended.event_id) }
    }
}
