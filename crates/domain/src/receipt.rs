//! One inbound HTTP call to an ingest URL, taken in or refused.

use bytes::Bytes;

use crate::words::words;
use crate::{EventId, ReceiptId, SecretId, SourceId, Timestamp};

/// What became of an inbound call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// It verified and made a new event.
    Accepted,
    /// It verified, and its `webhook-id` had been seen on this source: no second event.
    Duplicate,
    /// A duplicate by `webhook-id` whose body differs from the first one's. Answered as a duplicate, and
    /// flagged.
    PayloadDiffers,
    /// It was refused. May be admitted by hand if only its age was wrong.
    Rejected,
    /// It was refused because its source had no secret yet, and is kept to be verified once there is one.
    Held,
}

words!("receipt disposition", Disposition {
    Accepted = "accepted",
    Duplicate = "duplicate",
    PayloadDiffers = "payload_differs",
    Rejected = "rejected",
    Held = "held",
});

/// A call as stored, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// `whrcp_…`.
    pub id: ReceiptId,
    /// Which ingest URL was called.
    pub source_id: SourceId,
    /// When it was received.
    pub received_at: Timestamp,
    /// What became of it.
    pub disposition: Disposition,
    /// The `code` it was refused with, if it was; stays when it is admitted afterwards.
    pub reason: Option<String>,
    /// Its `webhook-id`, if it had an indexable one.
    pub webhook_id: Option<String>,
    /// The event that it is or repeats.
    pub event_id: Option<EventId>,
    /// Which of the source's secrets signed it, if one did.
    pub secret_id: Option<SecretId>,
    /// When it was admitted after having been refused.
    pub admitted_at: Option<Timestamp>,
}

/// As much of a refused call as is kept: enough to look at, and to verify again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCall {
    /// The headers that say what it is and who signed it, one `name: value` a line, as received.
    pub headers: Bytes,
    /// The body, or its start.
    pub body: Bytes,
    /// The size of the whole body, in bytes; more than is kept when it was cut.
    pub body_bytes: u64,
}

impl KeptCall {
    /// Whether the whole body is here, so that the call can still be taken in.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        u64::try_from(self.body.len()) == Ok(self.body_bytes)
    }
}
