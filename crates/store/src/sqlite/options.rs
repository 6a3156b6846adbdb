//! What the embedded store is opened with.

use std::path::PathBuf;
use std::sync::Arc;

use ringback_domain::{IdMaker, Timestamp};

use crate::keyring::Keyring;

/// How to open a [`super::SqliteStore`].
#[derive(Debug)]
pub struct SqliteOptions {
    /// The data folder; made if it does not exist.
    pub folder: PathBuf,
    /// The operator's encryption keys. `None`: a key of its own is kept in the data folder.
    pub keyring: Option<Keyring>,
    /// Makes the ids of what the store itself brings forth.
    pub ids: Arc<IdMaker>,
    /// The present time.
    pub now: Timestamp,
    /// How many writes may wait before ingest is refused. Default 4,096.
    pub max_queued_writes: usize,
    /// How many reads run at once, at least 1. Default 4.
    pub readers: usize,
}

impl SqliteOptions {
    /// The defaults for a data folder.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, ids: Arc<IdMaker>, now: Timestamp) -> Self {
        Self { folder: folder.into(), keyring: None, ids, now, max_queued_writes: 4096, readers: 4 }
    }
}
