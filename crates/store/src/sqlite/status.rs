//! What can be said of a database from outside the process that has it: a look at its schema and its room.
//! And its schema brought up to date without a server.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{folder, log_check, migrate, soundness, writer};
use crate::error::OpenError;

/// How long a look waits for whoever holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What SQLite puts behind a database's name for its log.
const LOG_SUFFIX: &str = "-wal";

/// A database file at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteStatus {
    /// The file.
    pub path: PathBuf,
    /// The version of SQLite in this program.
    pub sqlite_version: &'static str,
    /// How large the file is, in bytes.
    pub size_bytes: u64,
    /// How large its log is, in bytes: what is committed and not yet in the file. 0 if there is none.
    pub log_bytes: u64,
    /// How large a page is, in bytes.
    pub page_bytes: u64,
    /// How many pages of the file hold nothing and are used again.
    pub free_pages: u64,
    /// The last migration that was applied; 0 if none was.
    pub schema_version: u32,
    /// The last migration that this program has.
    pub newest_known: u32,
    /// What this program would apply at its next start, in order.
    pub pending: Vec<String>,
}

/// Looks at the database in this data folder, whether a server has it or not. `None` if there is none.
/// Changes nothing.
///
/// Blocks on the disk.
///
/// # Errors
/// [`OpenError::Folder`], [`OpenError::Busy`] or [`OpenError::Database`].
pub fn sqlite_status(data_dir: &Path) -> Result<Option<SqliteStatus>, OpenError> {
    let path = data_dir.join(folder::DATABASE_FILE);
    let Some(size_bytes) = size(&path)? else { return Ok(None) };
    let mut log = path.clone().into_os_string();
    log.push(LOG_SUFFIX);
    let log_bytes = size(Path::new(&log))?.unwrap_or(0);
    let read = || -> rusqlite::Result<(u64, u64, u32)> {
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get(0));
        Ok((number("page_size")?, number("freelist_count")?, schema_version(&db)?))
    };
    let (page_bytes, free_pages, schema_version) =
        read().map_err(|source| soundness::refusal(&path, source))?;
    let known = migrate::names();
    Ok(Some(SqliteStatus {
        path,
        sqlite_version: rusqlite::version(),
        size_bytes,
        log_bytes,
        page_bytes,
        free_pages,
        schema_version,
        newest_known: u32::try_from(known.len()).unwrap_or(u32::MAX),
        pending: known.iter().skip(schema_version as usize).map(|name| (*name).to_owned()).collect(),
    }))
}

/// What somebody has put into a database: what comes with each project does not count.
const IN_USE: &str = "\
    SELECT EXISTS (SELECT 1 FROM events) OR EXISTS (SELECT 1 FROM endpoints) \
           OR EXISTS (SELECT 1 FROM sources WHERE kind <> 'publish')";

/// The database in this data folder, if somebody has used it: there is a source, an endpoint or an event in
/// it. Changes nothing.
///
/// Blocks on the disk.
///
/// # Errors
/// [`OpenError::Folder`], [`OpenError::Busy`] or [`OpenError::Database`].
pub fn sqlite_in_use(data_dir: &Path) -> Result<Option<PathBuf>, OpenError> {
    let path = data_dir.join(folder::DATABASE_FILE);
    if size(&path)?.is_none() {
        return Ok(None);
    }
    let look = || -> rusqlite::Result<bool> {
        let db = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        db.busy_timeout(BUSY_TIMEOUT)?;
        Ok(schema_version(&db)? > 0 && db.query_row(IN_USE, [], |row| row.get(0))?)
    };
    let is_in_use = look().map_err(|source| soundness::refusal(&path, source))?;
    Ok(is_in_use.then_some(path))
}

/// Brings the schema of the database in this data folder up to date, which each start does too. Gives what
/// was applied, in order; `None` if there is no database, since none is made.
///
/// Blocks on the disk.
///
/// # Errors
/// [`OpenError::Locked`] while a server has the folder, and what [`super::SqliteStore::open`] refuses a
/// database for.
pub fn migrate_sqlite(data_dir: &Path) -> Result<Option<Vec<String>>, OpenError> {
    let path = data_dir.join(folder::DATABASE_FILE);
    if size(&path)?.is_none() {
        return Ok(None);
    }
    let _lock = folder::FolderLock::take(data_dir)?;
    log_check::check(&path)?;
    let mut db = writer::connect(&path)?;
    soundness::check(&path, &db)?;
    let before = schema_version(&db).map_err(|source| soundness::refusal(&path, source))?;
    migrate::run(&mut db)?;
    let after = schema_version(&db).map_err(|source| soundness::refusal(&path, source))?;
    let applied = migrate::names().into_iter().take(after as usize).skip(before as usize);
    Ok(Some(applied.map(str::to_owned).collect()))
}

/// How large a file is; nothing, if there is none.
fn size(path: &Path) -> Result<Option<u64>, OpenError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Folder { path: path.to_owned(), source }),
    }
}

/// The last migration that was applied; 0 in a file that has no history yet.
fn schema_version(db: &Connection) -> rusqlite::Result<u32> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
    if db.query_row(sql, [], |_| Ok(())).optional()?.is_none() {
        return Ok(0);
    }
    db.query_row("SELECT coalesce(max(version), 0) FROM refinery_schema_history", [], |row| row.get(0))
}
