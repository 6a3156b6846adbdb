//! HTTP in, JSON out: the ingest URLs, the API under `/v1`, and the health checks.
//!
//! The actors:
//! - [`serve`] accepts connections and holds the limits that come before any request: how many, how large a
//!   head, how slow;
//! - the `edge` gives every request its id and turns every error into the one envelope, in one place;
//! - `ingest` takes signed calls: verified, made durable by the
//!   [`Dispatcher`](ringback_delivery::Dispatcher), and only then answered 200;
//! - `sources`, `receipts`, `endpoints`, `events`, `deliveries` and `replays` are the API's nouns, `caller`
//!   says on whose behalf.
//!
//! Handlers hold no state of their own: what they answer comes from the store, or from its snapshot of the
//! configuration.
//!
//! Not guaranteed: that a caller who got no answer was not served. A call may have been kept although the
//! connection broke before the 200; its sender will repeat it, and the repetition is answered as a duplicate.

mod api_keys;
mod body;
mod caller;
mod connection;
mod deliveries;
mod edge;
mod endpoints;
mod error;
mod event_types;
mod events;
mod fields;
mod guarded_url;
mod health;
mod idempotency;
mod ingest;
mod json;
mod leftover;
mod list;
mod nearest;
mod no_query;
mod object;
mod parts;
mod path_id;
mod projects;
mod publish;
mod random;
mod receipts;
mod replays;
mod router;
mod serve;
mod settings;
mod sha256;
mod sources;
mod stats;
mod unparsed;
mod values;

pub use parts::Parts;
pub use router::router;
pub use serve::serve;
pub use settings::ServerSettings;
