//! The backend for many nodes held against the store's specification, and what is true of it alone.
#![expect(clippy::unwrap_used, reason = "in a test, to panic is to fail")]

#[path = "../../../testkit/src/postgres/authority.rs"]
#[expect(unreachable_pub, reason = "it is a public module in the kit that it belongs to")]
mod authority;
mod backend;
mod chart;
#[path = "../conformance/mod.rs"]
mod conformance;
mod constraints;
mod disk_full;
mod faults;
mod heartbeats;
mod mislaid;
mod nodes;
mod opening;
mod orphans;
#[path = "../../../testkit/src/postgres/own_server.rs"]
#[expect(unreachable_pub, reason = "it is a public module in the kit that it belongs to")]
mod own_server;
mod owners;
mod partitions;
mod pooled;
mod pooler;
#[path = "../../../testkit/src/postgres/proxy.rs"]
#[expect(unreachable_pub, reason = "it is a public module in the kit that it belongs to")]
mod proxy;
mod queue;
mod restored;
mod retention;
mod secrecy;
#[path = "../../../testkit/src/postgres/server.rs"]
#[expect(unreachable_pub, reason = "it is a public module in the kit that it belongs to")]
mod server;
mod server_clock;
mod setting_up;
#[path = "../../../testkit/src/signal.rs"]
mod signal;
mod standby;
mod tls;
mod turns;
mod upgrade;
mod wake_ups;

conformance::conformance!(crate::backend::Database::new());

/// The same through a pooler that gives each transaction another session.
mod through_a_pooler {
    crate::conformance::conformance!(crate::pooler::PooledDatabase::new());
}
