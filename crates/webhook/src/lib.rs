#![doc = include_str!("../README.md")]

#[cfg(feature = "ed25519")]
mod asymmetric;
pub mod catalogue;
pub mod data;
mod envelope;
mod event;
pub mod event_type;
pub mod explain;
mod headers;
pub mod integrations;
#[cfg(feature = "verify_now")]
mod now;
mod receive;
mod secret;
mod sign;
mod signature;
pub mod subject;
mod time;
mod verify;
pub mod webhook_id;

#[doc = include_str!("../docs/verification.md")]
pub mod verification {}

#[cfg(feature = "ed25519")]
pub use asymmetric::{KeyError, PRIVATE_KEY_PREFIX, PUBLIC_KEY_PREFIX, PrivateKey, PublicKey};
pub use data::{DataError, EventData};
pub use envelope::{EnvelopeError, EnvelopeHead};
pub use event::Event;
pub use headers::{HeaderLookup, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};
pub use receive::{ReceiveError, Received};
pub use secret::{MIN_RECOMMENDED_KEY_BYTES, SECRET_PREFIX, SecretError, SigningSecret};
pub use sign::{SignError, SignedHeaders, Signer, sign};
pub use time::UnixSeconds;
pub use verify::{
    BuildError, DEFAULT_TOLERANCE_SECS, HeaderFault, Verified, Verifier, VerifierBuilder, VerifyError,
};
