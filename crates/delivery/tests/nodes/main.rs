//! Several deliverers on one PostgreSQL database: what one rules, fails at or leaves behind, the others keep
//! to or take up.
//!
//! Time is real here, since leases last by the database's clock. What is awaited is always the thing itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod lives;
mod node;
mod rules;
