//! Filling an SQLite database that nobody has open, faster than anybody should who needs what was there
//! before.

use std::path::Path;

use rusqlite::Connection;

/// Opens it without a log, so that every page is written once, and with so much memory for pages: an index
/// whose keys come at random is written page by page without it. Whoever is interrupted begins anew in
/// another folder.
pub(crate) fn open(database: &Path, cache_mib: i64) -> rusqlite::Result<Connection> {
    let db = Connection::open(database)?;
    db.pragma_update(None, "journal_mode", "off")?;
    db.pragma_update(None, "synchronous", "off")?;
    db.pragma_update(None, "cache_size", -1024 * cache_mib)?;
    Ok(db)
}

/// Leaves it as Ringback does, and durable: the change of mode is committed with the file synced.
pub(crate) fn close(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "journal_mode", "wal")
}
