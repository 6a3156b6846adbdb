//! The real binary on PostgreSQL: one node as on its own database file, and two nodes behind one database.
#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod admin_key;
mod away;
mod command;
mod db;
mod lost_answers;
mod nodes;
mod refusals;
mod sdk;
mod slice;
mod starting;
mod tls;

/// The binary.
const BINARY: &str = env!("CARGO_BIN_EXE_ringback");
