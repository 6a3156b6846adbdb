//! One event as it was asked to be published.

use bytes::Bytes;
use ringback_domain::Timestamp;
use ringback_webhook::{event_type, webhook_id};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::fields::{Fields, required};
use crate::nearest::shown;
use crate::random;
use crate::sha256::sha256;

/// An event to be published.
pub(crate) struct Publication {
    /// In the spelling it came with.
    pub(crate) event_type: String,
    /// The same over every attempt, and the key of deduplication.
    pub(crate) webhook_id: String,
    /// The envelope, byte for byte.
    pub(crate) payload: Bytes,
    /// The SHA-256 of what was asked for; `None` for an event that nobody can repeat.
    pub(crate) request_sha256: Option<[u8; 32]>,
}

/// OpenAI's envelope, in the order of its keys.
#[derive(Serialize)]
struct Envelope<'a> {
    object: &'static str,
    id: &'a str,
    r#type: &'a str,
    created_at: i64,
    /// As it was given: the order of its keys and the spelling of its numbers are the publisher's.
    data: &'a RawValue,
}

/// The one field that is kept as it is.
#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

const FIELDS: [&str; 4] = ["type", "data", "webhook_id", "created_at"];

impl Publication {
    /// Reads `{type, data, webhook_id?, created_at?}`; `mint` makes the `webhook_id` if none was given.
    pub(super) fn read(body: &[u8], now: Timestamp, mint: impl FnOnce() -> String) -> Result<Self, ApiError> {
        let fields = Fields::parse(body, &FIELDS)?;
        let event_type = read_type(&fields)?;
        let webhook_id = read_webhook_id(&fields)?.unwrap_or_else(mint);
        let created_at = fields.unix_secs("created_at")?;
        if !required("data", fields.value("data"))?.is_object() {
            return Err(ApiError::bad_request("invalid_type", "`data` must be an object").param("data"));
        }
        // The same text was read as an object with this field above.
        let Data { data } = serde_json::from_slice(body).map_err(ApiError::internal)?;
        let payload = envelope(&event_type, created_at.unwrap_or(now.as_unix_secs()), data)?;
        let request_sha256 = Some(hash_request(&event_type, created_at, data));
        Ok(Self { event_type, webhook_id, payload, request_sha256 })
    }

    /// What tells a repetition of this event from another one.
    pub(super) fn sha256(&self) -> [u8; 32] {
        self.request_sha256.unwrap_or_else(|| sha256(&self.payload))
    }
}

/// The body of an event with an id of its own.
pub(crate) fn envelope(event_type: &str, created_at: i64, data: &RawValue) -> Result<Bytes, ApiError> {
    let envelope =
        Envelope { object: "event", id: &random::id("evt_"), r#type: event_type, created_at, data };
    serde_json::to_vec(&envelope).map(Bytes::from).map_err(ApiError::internal)
}

fn read_type(fields: &Fields) -> Result<String, ApiError> {
    let name = required("type", fields.text("type", event_type::MAX_BYTES)?)?;
    if event_type::is_well_formed(name) {
        return Ok(name.to_owned());
    }
    let message = format!(
        "`{}` is no event type: that is words of letters, digits and underscores with full stops between, as in `order.paid`",
        shown(name)
    );
    Err(ApiError::invalid_value("type", message))
}

/// A full stop would let the parts of the signed text shift (Standard Webhooks 1.0.0, "Signature scheme").
fn read_webhook_id(fields: &Fields) -> Result<Option<String>, ApiError> {
    let Some(id) = fields.text("webhook_id", webhook_id::MAX_BYTES)? else { return Ok(None) };
    if webhook_id::is_well_formed(id) && !id.contains('.') {
        return Ok(Some(id.to_owned()));
    }
    let message = "`webhook_id` must be printable ASCII characters without blanks and full stops";
    Err(ApiError::invalid_value("webhook_id", message))
}

fn hash_request(event_type: &str, created_at: Option<i64>, data: &RawValue) -> [u8; 32] {
    let created_at = created_at.map(|secs| secs.to_string()).unwrap_or_default();
    // None of the first two can hold a line break, so that no two requests have one text.
    sha256(format!("{event_type}\n{created_at}\n{}", data.get()).as_bytes())
}
