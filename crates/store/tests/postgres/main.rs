//! The backend for many nodes held against the store's specification, and what is true of it alone.
#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

mod backend;
mod chart;
#[path = "../conformance/mod.rs"]
mod conformance;
mod constraints;
mod nodes;
mod opening;
mod partitions;
mod pooled;
mod pooler;
mod queue;
mod secrecy;
#[path = "../../../testkit/src/postgres/server.rs"]
#[expect(unreachable_pub, reason = "it is a public module in the kit that it belongs to")]
mod server;
mod upgrade;

conformance::conformance!(crate::backend::Database::new());

/// The same through a pooler that gives each transaction another session.
mod through_a_pooler {
    crate::conformance::conformance!(crate::pooler::PooledDatabase::new());
}
