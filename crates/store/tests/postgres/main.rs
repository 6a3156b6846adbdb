//! The backend for many nodes held against the store's specification, and what is true of it alone.
#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test learns from its environment where a server is, and its tasks end with it"
)]

mod backend;
#[path = "../conformance/mod.rs"]
mod conformance;
mod heartbeats;
mod nodes;
mod opening;
mod owners;
mod queue;
mod server;
mod server_clock;
mod turns;
mod wake_ups;

conformance::conformance!(crate::backend::Database::new());
