//! Taking in one call: verified, read, made durable.

use bytes::Bytes;
use http::HeaderMap;
use ringback_delivery::{Entry, IncomingEvent};
use ringback_domain::indexed::is_indexable;
use ringback_domain::{Disposition, EventId, KeptCall, ReceiptId, SecretId, Source, Timestamp};
use ringback_store::Appended;
use ringback_webhook::{EnvelopeHead, WEBHOOK_ID};
use serde::Serialize;

use super::signed::Signed;
use super::{content, kept, signed};
use crate::error::ApiError;
use crate::json::Text;
use crate::parts::App;
use crate::sha256::sha256;

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
    dispatch(app, source, event).await
}

/// Takes in a call that was refused before, whose signature by `secret_id` is known to be right. `Ok` once it
/// is durable.
pub(crate) async fn admit_refused(
    app: &App,
    source: &Source,
    receipt_id: ReceiptId,
    secret_id: SecretId,
    call: &KeptCall,
) -> Result<Receipt, ApiError> {
    let headers = kept::read_headers(&call.headers);
    let webhook_id = headers.get(WEBHOOK_ID).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    let signed = Signed { webhook_id, secret_id };
    let head = content::read(&headers, &call.body)?;
    // The time of admission: an event is as old as Ringback's knowledge of it.
    let event = IncomingEvent {
        entry: Entry::Admitted(receipt_id, secret_id),
        ..incoming(source, &signed, head, call.body.clone(), app.now())
    };
    dispatch(app, source, event).await
}

async fn dispatch(app: &App, source: &Source, event: IncomingEvent) -> Result<Receipt, ApiError> {
    let (webhook_id, payload_bytes) = (event.webhook_id.clone(), event.payload.len());
    let appended = app.parts.dispatcher.dispatch(event).await?;
    log_received(source, &webhook_id, payload_bytes, &appended);
    Ok(Receipt::new(&appended))
}

fn incoming(
    source: &Source,
    signed: &Signed<'_>,
    head: EnvelopeHead<'_>,
    payload: Bytes,
    received_at: Timestamp,
) -> IncomingEvent {
    let payload_sha256 = sha256(&payload);
    IncomingEvent {
        project_id: source.project_id,
        source_id: source.id,
        entry: Entry::Call(signed.secret_id),
        received_at,
        event_type: head.event_type.into_owned(),
        webhook_id: signed.webhook_id.to_owned(),
        // The payload keeps what cannot be indexed; only looking it up by that is not possible.
        upstream_event_id: head.id.filter(|id| is_indexable(id)).map(Into::into),
        object_id: head.object_id.filter(|id| is_indexable(id)).map(Into::into),
        payload,
        payload_sha256,
    }
}

/// The one line of an event's arrival: ids and sizes, nothing of its content.
fn log_received(source: &Source, webhook_id: &str, payload_bytes: usize, appended: &Appended) {
    tracing::info!(
        project.id = %source.project_id,
        source.id = %source.id,
        event.id = %appended.event_id,
        webhook.id = webhook_id,
        receipt.disposition = appended.disposition.as_str(),
        event.payload_bytes = payload_bytes,
        event.deliveries = appended.leased.len() + appended.due.len(),
        "event.received"
    );
}

impl Receipt {
    fn new(appended: &Appended) -> Self {
        // That the bytes of a duplicate differ is between the sender and the operator.
        let status = if appended.disposition == Disposition::Accepted { "accepted" } else { "duplicate" };
        Self { object: "webhook_receipt", status, event_id: Text(appended.event_id) }
    }
}
