//! The keys of projects: their hashes, never themselves.

use std::sync::Arc;

use ringback_domain::{ApiKey, ApiKeyId, ProjectId, Timestamp, TypedId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns;
use super::writer::WriteError;
use crate::config::MAX_API_KEYS;
use crate::error::StoreError;
use crate::store::NewApiKey;

const COLUMNS: &str = "id, project_id, name, hint, key_sha256, created_at, last_used_at";
const NOT_FOUND: WriteError = WriteError::Answer(StoreError::NotFound { noun: "API key" });

/// Notes that a key was shown.
pub(super) const NOTE_USE: &str = "UPDATE api_keys SET last_used_at = ?3 WHERE id = ?1 AND project_id = ?2";

pub(super) fn create(tx: &Connection, new: &NewApiKey) -> Result<Arc<ApiKey>, WriteError> {
    let count: usize = tx
        .prepare_cached("SELECT count(*) FROM api_keys WHERE project_id = ?1")?
        .query_row([new.project_id.to_bytes()], |row| row.get(0))?;
    if count >= MAX_API_KEYS {
        let noun = "API keys of one project";
        return Err(WriteError::Answer(StoreError::TooMany { noun, max: MAX_API_KEYS }));
    }
    tx.prepare_cached(
        "INSERT INTO api_keys (id, project_id, name, hint, key_sha256, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        new.id.to_bytes(),
        new.project_id.to_bytes(),
        new.name,
        new.hint,
        new.sha256,
        new.now.as_unix_ms(),
    ])?;
    find(tx, new.project_id, new.id)
}

/// Nothing if the key is gone: its use is over.
pub(super) fn note_use(
    tx: &Connection,
    project_id: ProjectId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<Option<Arc<ApiKey>>, WriteError> {
    let noted = tx.prepare_cached(NOTE_USE)?.execute(params![
        id.to_bytes(),
        project_id.to_bytes(),
        now.as_unix_ms()
    ])?;
    if noted == 0 { Ok(None) } else { find(tx, project_id, id).map(Some) }
}

pub(super) fn delete(
    tx: &Connection,
    project_id: ProjectId,
    id: ApiKeyId,
) -> Result<Arc<ApiKey>, WriteError> {
    let key = find(tx, project_id, id)?;
    tx.prepare_cached("DELETE FROM api_keys WHERE id = ?1")?.execute([id.to_bytes()])?;
    Ok(key)
}

fn find(tx: &Connection, project_id: ProjectId, id: ApiKeyId) -> Result<Arc<ApiKey>, WriteError> {
    let found = tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM api_keys WHERE id = ?1 AND project_id = ?2"))?
        .query_row([id.to_bytes(), project_id.to_bytes()], read)
        .optional()?;
    found.map(Arc::new).ok_or(NOT_FOUND)
}

/// The keys of every project.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<ApiKey>> {
    db.prepare(&format!("SELECT {COLUMNS} FROM api_keys"))?.query_map([], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    Ok(ApiKey {
        id: columns::id(row, 0)?,
        project_id: columns::id(row, 1)?,
        name: row.get(2)?,
        hint: row.get(3)?,
        sha256: row.get(4)?,
        created_at: columns::time(row, 5)?,
        last_used_at: columns::optional_time(row, 6)?,
    })
}
