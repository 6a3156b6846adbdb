//! Ringback's nouns and the rules between them, as plain values.
//!
//! The actors: a [`Project`] owns [`Source`]s, where events enter, and [`Endpoint`]s, where they go. An
//! [`EventRecord`] is one thing that happened; a [`Delivery`] is that event on its way to one endpoint; an
//! [`Attempt`] is one HTTP try of it. What happens after an attempt is decided by [`retry::decide`], a pure
//! function.
//!
//! This crate does no I/O, reads no clock and draws no random number: time and randomness come in as values
//! ([`Timestamp`], [`retry::Jitter`], the entropy of an [`IdMaker`]). It knows nothing of databases, HTTP or
//! JSON.

pub mod api_key;
pub mod attempt;
pub mod clock;
pub mod delivery;
pub mod delivery_rules;
pub mod endpoint;
pub mod endpoint_health;
pub mod endpoint_key;
pub mod event;
pub mod event_pattern;
pub mod id;
pub mod indexed;
pub mod project;
pub mod receipt;
pub mod replay;
pub mod retry;
pub mod source;
pub mod time;
mod words;

pub use api_key::ApiKey;
pub use attempt::{Advice, Attempt, AttemptOutcome, AttemptReport};
pub use clock::Clock;
pub use delivery::{Delivery, DeliveryState, EndReason, Trigger};
pub use delivery_rules::{DeliveryRules, Ordering};
pub use endpoint::{Authentication, Endpoint, EndpointSecret, ExtraHeader};
pub use endpoint_health::EndpointHealth;
pub use endpoint_key::{EndpointKey, SignatureScheme};
pub use event::{EventRecord, EventState};
pub use event_pattern::EventPattern;
pub use id::{
    ApiKeyId, AttemptId, DeliveryId, EndpointId, EventId, IdMaker, ParseIdError, ProjectId, ReceiptId,
    ReplayId, SecretId, SourceId, TypedId,
};
pub use project::Project;
pub use receipt::{Disposition, KeptCall, Receipt};
pub use replay::{Replay, ReplayFilter, ReplayQuery, ReplayState};
pub use source::{Source, SourceKind, SourceSecret, SourceStatus, StalePolicy};
pub use time::Timestamp;
pub use words::UnknownWord;
