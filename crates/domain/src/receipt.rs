//! One inbound HTTP call to an ingest URL.

use crate::words::words;

/// What became of an inbound call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// It verified and made a new event.
    Accepted,
    /// It verified, and its `webhook-id` had been seen on this source: no second event.
    Duplicate,
    /// A duplicate by `webhook-id` whose body differs from the first one's. Answered as a duplicate, and flagged.
    PayloadDiffers,
}

words!("receipt disposition", Disposition {
    Accepted = "accepted",
    Duplicate = "duplicate",
    PayloadDiffers = "payload_differs",
});
