//! The guarded HTTP client: the only way out of the server process.
//!
//! Users name the URLs that a server calls, so a URL is hostile until judged: it could name the server's own
//! network, its database, or the metadata service of its cloud. The actors:
//!
//! - a [`Policy`] says what may be reached: public addresses over HTTPS, but for the ports of other
//!   protocols, and what the operator's rules open;
//! - [`Policy::check_url`] judges a URL when an endpoint is saved: syntax, scheme, literal address;
//! - a [`Client`] judges again at each call: it looks a name up once, judges every address, and dials only
//!   what passed. What was judged is what is dialled. It holds the time, reads a bounded part of the
//!   response, and follows no redirect;
//! - a [`Proxy`], where there is one, is asked for a tunnel to the judged address;
//! - a [`Refusal`] says which check refused and which line of the settings would permit it.
//!
//! Everything has a limit: the URL ([`MAX_URL_BYTES`]), the head of a response ([`MAX_HEAD_BYTES`]), its body
//! and the time ([`ResponseLimits`]), connections kept and names looked up at once ([`ClientSettings`]),
//! addresses tried of one name (8).
//!
//! What is *not* guaranteed: that a request is sent only once (see [`Client::send`]); that a public address
//! is harmless (it may forward to anything, and so may an address behind a NAT64 prefix of the network's own,
//! which looks like any other); that an address a rule opened belongs to whom the operator thinks; that a
//! proxy connects to what it was asked for.
//!
//! What is refused, with which words, and which setting opens it: `docs/EGRESS.md`.

mod answer;
mod builder;
mod client;
mod connector;
mod dial;
mod error;
mod fields;
mod host_name;
mod known;
mod lookup;
mod policy;
mod ports;
mod proxy;
mod range;
mod reason;
mod refusal;
mod resolver;
mod roots;
mod rule;
mod settings;
mod stream;
mod syntax;
mod target;
mod tunnel;

pub use answer::Answer;
pub use builder::ClientBuilder;
pub use client::{Client, MAX_HEAD_BYTES};
pub use error::{SendError, Stage};
pub use policy::{Policy, PolicyError};
pub use ports::default_denied_ports;
pub use proxy::{Proxy, ProxyError};
pub use refusal::Refusal;
pub use roots::{CaFileError, add_ca_file};
pub use settings::{ClientSettings, ResponseLimits};
pub use syntax::MAX_URL_BYTES;
/// The URL type of [`Policy::check_url`].
pub use url::Url;
