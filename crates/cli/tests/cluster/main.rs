//! Several nodes of the real binary on one PostgreSQL database: killed, frozen, stopped in good order; and
//! the database restarted, cut off and frozen under them. What was acknowledged is delivered, whatever
//! happens.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test, to panic is to fail")]
#![expect(clippy::print_stdout, reason = "what was measured is printed")]

mod apps;
mod audit;
mod books;
mod chaos;
mod database_away;
mod dead_node;
mod dice;
mod disk_full;
mod failover;
mod graceful;
mod next_node;
mod scene;
mod upgrade;

use std::time::Duration;

use ringback_testkit::{Gateway, GatewayBuilder, SpreadPlan};

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

/// A node of the real binary on this database.
fn node_on(database: &str) -> GatewayBuilder {
    Gateway::builder(BINARY).database(database)
}

/// A load that leaves two busy cores time for the nodes; whoever does not answer within 3 s is passed by.
fn gentle_load(name: &str) -> SpreadPlan {
    SpreadPlan {
        name: name.to_owned(),
        callers: 6,
        pause: Duration::from_millis(150),
        patience: Duration::from_secs(3),
        body: apps::body,
    }
}
