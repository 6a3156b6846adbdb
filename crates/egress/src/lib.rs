//! The guarded HTTP client: the only way out of the server process.
//!
//! Users name the URLs that a server calls, so a URL is hostile until judged: it could name the server's own
//! network, its database, or the metadata service of its cloud. The actors:
//!
//! - a [`Policy`] says what may be reached: public addresses over HTTPS, and what the operator's rules open;
//! - [`Policy::check_url`] judges a URL when an endpoint is saved: syntax, scheme, literal address;
//! - a [`Client`] judges again at each call: it looks a name up once, judges every address, and dials only
//!   what passed. What was judged is what is dialled. It holds the time, reads a bounded part of the
//!   response, and follows no redirect;
//! - a [`Refusal`] says which check refused and which line of the settings would permit it.
//!
//! Everything has a limit: the URL ([`MAX_URL_BYTES`]), the head of a response ([`MAX_HEAD_BYTES`]), its body
//! and the time ([`ResponseLimits`]), connections kept and names looked up at once ([`ClientSettings`]).
//!
//! What is *not* guaranteed: that a request is sent only once (see [`Client::send`]); that a public address
//! is harmless (it may forward to anything); that an address a rule opened belongs to whom the operator
//! thinks.

mod answer;
mod client;
mod connector;
mod error;
mod policy;
mod range;
mod reason;
mod refusal;
mod resolver;
mod rule;
mod settings;
mod stream;
mod syntax;
mod target;

pub use answer::Answer;
pub use client::{Client, MAX_HEAD_BYTES};
pub use error::{SendError, Stage};
pub use policy::{Policy, PolicyError};
pub use refusal::Refusal;
pub use settings::{ClientSettings, ResponseLimits};
pub use syntax::MAX_URL_BYTES;
/// The URL type of [`Policy::check_url`].
pub use url::Url;
