//! What the store on a server is opened with.

use std::sync::Arc;
use std::time::Duration;

use ringback_domain::{IdMaker, Timestamp};

use super::address::PostgresAddress;
use super::schema::Schema;
use crate::keyring::Keyring;

/// Whose clock says how long a lease lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeaseClock {
    /// The database server's: the same for all nodes, however theirs are set.
    #[default]
    Server,
    /// That of the times which are passed in. For tests, which invent the time; nodes would free each other's
    /// leases with it.
    Given,
}

/// How to open a [`super::PostgresStore`].
#[derive(Debug)]
pub struct PostgresOptions {
    /// Where the server is, and the database there; or a pooler before it, such as PgBouncer, see
    /// `session_address`.
    pub address: PostgresAddress,
    /// Where the server itself is, if `address` is a pooler that gives each transaction another session. What
    /// needs a session of its own goes there: migrations, hearing from other nodes, and learning the types of
    /// statements' parameters. Default `None`: `address` is the server.
    pub session_address: Option<PostgresAddress>,
    /// The operator's encryption keys. There is no key of the store's own: the next node would not have it.
    pub keyring: Keyring,
    /// Makes the ids of what the store itself brings forth, and the node's own.
    pub ids: Arc<IdMaker>,
    /// The present time.
    pub now: Timestamp,
    /// The program's version, which other nodes' operators see. Default: that of this crate.
    pub version: &'static str,
    /// How many writes may wait before ingest is refused. Default 4,096.
    pub max_queued_writes: usize,
    /// How many connections there are at most for all that is not written in batches, at least 2. Default 8.
    pub connections: usize,
    /// How many batches are written at once, each over a connection of its own, at least 1. Default 2: while
    /// one waits for its commit, the next is on its way.
    pub batches: usize,
    /// How long finished events are kept. Default 30 days. A quarter of it, at least one day and at most
    /// seven, is the time that one partition of the events has, and with it how much longer an event may be
    /// kept.
    pub event_retention: Duration,
    /// The migrations that this node knows. Default: those of this release.
    pub schema: Schema,
    /// Whose clock leases go by. Default: the server's.
    pub lease_clock: LeaseClock,
}

impl PostgresOptions {
    /// The defaults for a database.
    #[must_use]
    pub fn new(address: PostgresAddress, keyring: Keyring, ids: Arc<IdMaker>, now: Timestamp) -> Self {
        Self {
            address,
            session_address: None,
            keyring,
            ids,
            now,
            version: env!("CARGO_PKG_VERSION"),
            max_queued_writes: 4096,
            connections: 8,
            batches: 2,
            event_retention: Duration::from_secs(30 * 24 * 3600),
            schema: Schema::default(),
            lease_clock: LeaseClock::default(),
        }
    }
}
