//! What a backend gives to be tested.

use std::sync::Arc;

use async_trait::async_trait;
use ringback_domain::{IdMaker, Timestamp};
use ringback_store::{Keyring, OpenError, Store};

/// One database of its own: empty at first, and gone when dropped.
#[async_trait]
pub(crate) trait Backend: Send + Sync {
    /// Opens it as a process that starts does. The case has dropped what it opened before.
    async fn open(&self, opening: Opening) -> Result<Arc<dyn Store>, OpenError>;
}

/// What a start brings along.
pub(crate) struct Opening {
    /// The operator's keys.
    pub(crate) keyring: Keyring,
    /// Makes the ids of what the store itself brings forth.
    pub(crate) ids: Arc<IdMaker>,
    /// The time of the start.
    pub(crate) now: Timestamp,
}
