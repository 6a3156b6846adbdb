#![doc = include_str!("../README.md")]

pub mod catalogue;
pub mod data;
mod envelope;
mod event;
pub mod event_type;
mod headers;
mod secret;
mod sign;
mod signature;
mod time;
mod verify;
pub mod webhook_id;

#[doc = include_str!("../docs/verification.md")]
pub mod verification {}

pub use data::{DataError, EventData};
pub use envelope::{EnvelopeError, EnvelopeHead};
pub use event::Event;
pub use headers::{HeaderLookup, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};
pub use secret::{MIN_RECOMMENDED_KEY_BYTES, SECRET_PREFIX, SecretError, SigningSecret};
pub use sign::{SignError, SignedHeaders, sign};
pub use time::UnixSeconds;
pub use verify::{DEFAULT_TOLERANCE_SECS, HeaderFault, Verified, Verifier, VerifyError};
