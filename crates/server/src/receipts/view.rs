//! A receipt as the API shows it.

use std::collections::BTreeMap;

use ringback_domain::{Disposition, EventId, KeptCall, Receipt, ReceiptId, SecretId, SourceId, Timestamp};
use ringback_store::ReceiptDetail;
use ringback_webhook::WEBHOOK_SIGNATURE;
use serde::Serialize;

use crate::ingest;
use crate::json::Text;

/// The object `webhook_receipt`.
#[derive(Serialize)]
pub(super) struct ReceiptView<'a> {
    id: Text<ReceiptId>,
    object: &'static str,
    created_at: i64,
    source_id: Text<SourceId>,
    /// `accepted`, `duplicate`, `rejected` or `held`.
    status: &'static str,
    /// Whether it is a duplicate whose body differs from the first one's.
    payload_differs: bool,
    /// The code it was refused with.
    reason: Option<&'a str>,
    webhook_id: Option<&'a str>,
    event_id: Option<Text<EventId>>,
    /// Which of the source's secrets signed it; set on a refused call if its signature was right.
    signing_secret_id: Option<Text<SecretId>>,
    admitted_at: Option<i64>,
    /// What is kept of the call, while it is refused; in the answer for one receipt only.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<CallView>,
}

#[derive(Serialize)]
struct CallView {
    headers: BTreeMap<String, String>,
    /// Invalid UTF-8 is shown as replacement characters.
    body: String,
    /// The size of the whole body.
    body_bytes: u64,
    body_complete: bool,
}

impl<'a> ReceiptView<'a> {
    pub(super) fn of(receipt: &'a Receipt) -> Self {
        let status = match receipt.disposition {
            Disposition::PayloadDiffers => Disposition::Duplicate,
            other => other,
        };
        Self {
            id: Text(receipt.id),
            object: "webhook_receipt",
            created_at: receipt.received_at.as_unix_secs(),
            source_id: Text(receipt.source_id),
            status: status.as_str(),
            payload_differs: receipt.disposition == Disposition::PayloadDiffers,
            reason: receipt.reason.as_deref(),
            webhook_id: receipt.webhook_id.as_deref(),
            event_id: receipt.event_id.map(Text),
            signing_secret_id: receipt.secret_id.map(Text),
            admitted_at: receipt.admitted_at.map(Timestamp::as_unix_secs),
            call: None,
        }
    }

    pub(super) fn with_call(detail: &'a ReceiptDetail) -> Self {
        Self { call: detail.call.as_ref().map(CallView::of), ..Self::of(&detail.receipt) }
    }
}

impl CallView {
    fn of(call: &KeptCall) -> Self {
        let mut headers = BTreeMap::<String, String>::new();
        for (name, value) in &ingest::read_headers(&call.headers) {
            // A signature is good for five minutes, and for nobody's eyes.
            let shown = if name == WEBHOOK_SIGNATURE {
                "[REDACTED]".into()
            } else {
                String::from_utf8_lossy(value.as_bytes())
            };
            let entry = headers.entry(name.to_string()).or_default();
            if !entry.is_empty() {
                entry.push_str(", ");
            }
            entry.push_str(&shown);
        }
        Self {
            headers,
            body: String::from_utf8_lossy(&call.body).into_owned(),
            body_bytes: call.body_bytes,
            body_complete: call.is_whole(),
        }
    }
}
