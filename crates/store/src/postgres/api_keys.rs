//! The keys of projects: their hashes, never themselves.

use std::sync::Arc;

use ringback_domain::{ApiKey, ApiKeyId, ProjectId, Timestamp};
use tokio_postgres::Row;

use super::columns::{self, get, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::config::MAX_API_KEYS;
use crate::error::StoreError;
use crate::store::NewApiKey;

const COLUMNS: &str = "id, project_id, name, hint, key_sha256, created_at, last_used_at";

/// Notes that a key was shown.
pub(super) const NOTE_USE: &str = "\
    UPDATE api_keys SET last_used_at = $3 WHERE id = $1 AND project_id = $2 \
    RETURNING id, project_id, name, hint, key_sha256, created_at, last_used_at";

pub(super) async fn create(tx: &Connection, new: &NewApiKey) -> Result<Arc<ApiKey>, Failure> {
    let row =
        tx.query_one("SELECT count(*) FROM api_keys WHERE project_id = $1", &[&key(new.project_id)]).await?;
    if columns::number::<i64, usize>(&row, 0)? >= MAX_API_KEYS {
        return Err(StoreError::TooMany { noun: "API keys of one project", max: MAX_API_KEYS }.into());
    }
    let sql = format!(
        "INSERT INTO api_keys (id, project_id, name, hint, key_sha256, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         RETURNING {COLUMNS}"
    );
    let (id, project_id) = (key(new.id), key(new.project_id));
    let row = tx
        .query_one(
            &sql,
            &[&id, &project_id, &new.name, &new.hint, &new.sha256.as_slice(), &new.now.as_unix_ms()],
        )
        .await?;
    read(&row).map(Arc::new)
}

/// Nothing if the key is gone: its use is over.
pub(super) async fn note_use(
    connection: &Connection,
    project_id: ProjectId,
    id: ApiKeyId,
    now: Timestamp,
) -> Result<Option<Arc<ApiKey>>, Failure> {
    let noted = connection.query_opt(NOTE_USE, &[&key(id), &key(project_id), &now.as_unix_ms()]).await?;
    noted.map(|row| read(&row).map(Arc::new)).transpose()
}

pub(super) async fn delete(
    tx: &Connection,
    project_id: ProjectId,
    id: ApiKeyId,
) -> Result<Arc<ApiKey>, Failure> {
    let sql = format!("DELETE FROM api_keys WHERE id = $1 AND project_id = $2 RETURNING {COLUMNS}");
    let deleted = tx.query_opt(&sql, &[&key(id), &key(project_id)]).await?;
    read(&deleted.ok_or(Failure::not_found("API key"))?).map(Arc::new)
}

/// The keys of every project.
pub(super) async fn all(tx: &Connection) -> Result<Vec<ApiKey>, Failure> {
    tx.query(&format!("SELECT {COLUMNS} FROM api_keys"), &[]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<ApiKey, Failure> {
    Ok(ApiKey {
        id: columns::id(row, 0)?,
        project_id: columns::id(row, 1)?,
        name: get(row, 2)?,
        hint: get(row, 3)?,
        sha256: columns::array(row, 4)?,
        created_at: columns::time(row, 5)?,
        last_used_at: columns::optional_time(row, 6)?,
    })
}
