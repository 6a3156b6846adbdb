//! How things stand in rows, whatever the database: the texts and ciphertexts of columns, and what follows
//! from a row's values.
//!
//! The actors: each backend, which alone knows how a column is read and written.

pub(crate) mod endpoint;
pub(crate) mod extras;
pub(crate) mod idempotency;
pub(crate) mod order;
pub(crate) mod replay;
pub(crate) mod sealed;
pub(crate) mod secrets;

use std::error::Error;

/// The token of a lease that a delivery is born with; the first claim of one that is born due gives the same.
pub(crate) const FIRST_LEASE_TOKEN: u64 = 1;

/// The name of the source that comes with each project.
pub(crate) const PUBLISH_SOURCE_NAME: &str = "publish API";

/// A column that holds what it cannot hold: the database was changed by other means, or a key is missing.
#[derive(Debug, thiserror::Error)]
#[error("a column does not hold what is written there")]
pub(crate) struct Unreadable(#[source] Box<dyn Error + Send + Sync>);

impl Unreadable {
    fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}
