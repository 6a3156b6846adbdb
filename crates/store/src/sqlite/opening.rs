//! A start on a data folder: from its lock to a store that takes work.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ringback_domain::{ReceiptId, TypedId};

use super::condition::Condition;
use super::options::SqliteOptions;
use super::{
    SqliteStore, expire, folder, load, log_check, migrate, presence, prune, readers, reseal, room, soundness,
    writer,
};
use crate::error::OpenError;

/// Opens the database of a folder.
pub(super) fn open(options: SqliteOptions) -> Result<SqliteStore, OpenError> {
    let SqliteOptions { folder, keyring, ids, now, max_queued_writes, readers } = options;
    let lock = folder::FolderLock::take(&folder)?;
    let path = folder.join(folder::DATABASE_FILE);
    folder::make_private_file(&path)?;
    // Before the database is opened, which forgets what it cannot read.
    log_check::check(&path)?;
    let mut connection = writer::connect(&path)?;
    soundness::check(&path, &connection)?;
    migrate::run(&mut connection)?;
    let keyring = Arc::new(match keyring {
        Some(keyring) => keyring,
        None => folder::own_keyring(&folder, &connection)?,
    });
    load::prepare(&connection, &ids, now).map_err(|e| OpenError::Config(e.into()))?;
    let config = load::config(&connection, &keyring)?;
    let resealed = reseal::run(&mut connection, &keyring).map_err(|e| OpenError::Config(e.into()))?;
    if resealed > 0 {
        tracing::info!(store.resealed = resealed, "secrets were encrypted anew, under the first of the keys");
    }
    let presence =
        presence::Presence::of(&path).map_err(|source| OpenError::Folder { path: path.clone(), source })?;
    let writer = writer::Writer::start(connection, presence, max_queued_writes);
    Ok(SqliteStore {
        readers: readers::Readers::new(path, readers, Condition::of_reading(writer.condition())),
        writer,
        config: Arc::new(ArcSwap::from_pointee(config)),
        keyring,
        run_id: ids.next::<ReceiptId>(now).to_bytes(),
        ids,
        room: Arc::new(room::Room::of(&folder)),
        prune_walk: prune::Walk::default(),
        past_limit: expire::Found::default(),
        counting: tokio::sync::Semaphore::new(1),
        _lock: lock,
    })
}
