//! Refused calls: what ingest's side lane hands to the store, and what the API asks about receipts.
//!
//! Nothing here is promised to last: a refused call was answered with an error, so its sender knows that it
//! was not taken.

use ringback_domain::{KeptCall, ProjectId, Receipt, ReceiptId, SecretId, SourceId, Timestamp};

/// How many calls a source without a secret holds at most; further ones are counted only.
pub const MAX_HELD_CALLS: usize = 1000;

/// A call that was refused, to be kept.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The id of the call.
    pub receipt_id: ReceiptId,
    /// Whose source it came to.
    pub project_id: ProjectId,
    /// Which source.
    pub source_id: SourceId,
    /// When.
    pub received_at: Timestamp,
    /// The code it was answered with.
    pub reason: String,
    /// Whether it is to be verified once its source has a secret.
    pub held: bool,
    /// Its `webhook-id`, if indexable.
    pub webhook_id: Option<String>,
    /// Which secret signed it, if the signature was right.
    pub secret_id: Option<SecretId>,
    /// The call, as much as is kept.
    pub call: KeptCall,
}

/// So many calls to a source were refused with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalCount {
    /// Which source.
    pub source_id: SourceId,
    /// The code.
    pub reason: String,
    /// How many; to be added, or in all.
    pub count: u64,
}

/// Which receipts are wanted. Empty: all of the project's.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReceiptFilter {
    /// Only calls to this source.
    pub source_id: Option<SourceId>,
    /// Only calls that are refused now: rejected or held, and not admitted since.
    pub refused_only: bool,
}

/// A receipt with its call.
#[derive(Debug, Clone)]
pub struct ReceiptDetail {
    /// The receipt.
    pub receipt: Receipt,
    /// The call, while it is refused.
    pub call: Option<KeptCall>,
}
