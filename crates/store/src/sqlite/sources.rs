//! Sources and their secrets.

use std::sync::Arc;

use ringback_domain::source::MAX_SOURCE_SECRETS;
use ringback_domain::{ProjectId, SecretId, Source, SourceId, SourceStatus, Timestamp, TypedId};
use ringback_webhook::SigningSecret;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::writer::WriteError;
use super::{columns, secrets};
use crate::config::MAX_SOURCES;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::store::{NewSource, SourceChange};

const COLUMNS: &str = "id, project_id, name, kind, status, token, created_at, updated_at, stale_policy";
const NOT_FOUND: WriteError = WriteError::Answer(StoreError::NotFound { noun: "webhook source" });

pub(super) fn create(tx: &Connection, keyring: &Keyring, new: &NewSource) -> Result<Arc<Source>, WriteError> {
    let count: usize = tx
        .prepare_cached("SELECT count(*) FROM sources WHERE project_id = ?1 AND deleted_at IS NULL")?
        .query_row([new.project_id.to_bytes()], |row| row.get(0))?;
    if count >= MAX_SOURCES {
        let noun = "sources of one project";
        return Err(WriteError::Answer(StoreError::TooMany { noun, max: MAX_SOURCES }));
    }
    tx.prepare_cached(
        "INSERT INTO sources (id, project_id, name, kind, status, token, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
    )?
    .execute(params![
        new.id.to_bytes(),
        new.project_id.to_bytes(),
        new.name,
        new.kind.as_str(),
        SourceStatus::Active.as_str(),
        new.token,
        new.now.as_unix_ms(),
    ])?;
    if let Some(secret) = &new.secret {
        secrets::insert_source_secret(tx, keyring, new.id.to_bytes(), secret, new.now)?;
    }
    find(tx, keyring, new.project_id, new.id)
}

pub(super) fn update(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    change: &SourceChange,
    now: Timestamp,
) -> Result<Arc<Source>, WriteError> {
    let old = find_changeable(tx, keyring, project_id, id)?;
    let name = change.name.as_ref().unwrap_or(&old.name);
    let status = change.status.unwrap_or(old.status);
    let stale_policy = change.stale_policy.unwrap_or(old.stale_policy);
    if *name == old.name && status == old.status && stale_policy == old.stale_policy {
        return Ok(old);
    }
    tx.prepare_cached(
        "UPDATE sources SET name = ?2, status = ?3, stale_policy = ?4, updated_at = ?5 WHERE id = ?1",
    )?
    .execute(params![id.to_bytes(), name, status.as_str(), stale_policy.as_str(), now.as_unix_ms()])?;
    find(tx, keyring, project_id, id)
}

/// A source that was made by hand: that of what is published is neither changed nor deleted.
fn find_changeable(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
) -> Result<Arc<Source>, WriteError> {
    let source = find(tx, keyring, project_id, id)?;
    if source.kind.has_ingest_url() { Ok(source) } else { Err(NOT_FOUND) }
}

/// The row stays, marked, because events refer to it; its secrets go.
pub(super) fn delete(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    now: Timestamp,
) -> Result<Arc<Source>, WriteError> {
    let source = find_changeable(tx, keyring, project_id, id)?;
    tx.prepare_cached("UPDATE sources SET deleted_at = ?2 WHERE id = ?1")?
        .execute(params![id.to_bytes(), now.as_unix_ms()])?;
    tx.prepare_cached("DELETE FROM source_secrets WHERE source_id = ?1")?.execute([id.to_bytes()])?;
    Ok(source)
}

pub(super) fn add_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    secret: &(SecretId, SigningSecret),
    now: Timestamp,
) -> Result<Arc<Source>, WriteError> {
    if find(tx, keyring, project_id, id)?.secrets.len() >= MAX_SOURCE_SECRETS {
        let noun = "signing secrets of one source";
        return Err(WriteError::Answer(StoreError::TooMany { noun, max: MAX_SOURCE_SECRETS }));
    }
    secrets::insert_source_secret(tx, keyring, id.to_bytes(), secret, now)?;
    touch(tx, id, now)?;
    find(tx, keyring, project_id, id)
}

pub(super) fn remove_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    secret_id: SecretId,
    now: Timestamp,
) -> Result<Arc<Source>, WriteError> {
    find(tx, keyring, project_id, id)?;
    let removed = tx
        .prepare_cached("DELETE FROM source_secrets WHERE id = ?1 AND source_id = ?2")?
        .execute([secret_id.to_bytes(), id.to_bytes()])?;
    if removed == 0 {
        return Err(WriteError::Answer(StoreError::NotFound { noun: "signing secret" }));
    }
    touch(tx, id, now)?;
    find(tx, keyring, project_id, id)
}

fn touch(tx: &Connection, id: SourceId, now: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE sources SET updated_at = ?2 WHERE id = ?1")?
        .execute(params![id.to_bytes(), now.as_unix_ms()])
        .map(drop)
}

fn find(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
) -> Result<Arc<Source>, WriteError> {
    let sql =
        format!("SELECT {COLUMNS} FROM sources WHERE id = ?1 AND project_id = ?2 AND deleted_at IS NULL");
    let found = tx
        .prepare_cached(&sql)?
        .query_row([id.to_bytes(), project_id.to_bytes()], |row| read(tx, keyring, row))
        .optional()?;
    found.map(Arc::new).ok_or(NOT_FOUND)
}

/// Every source of a project, archived ones included.
pub(super) fn of_project(
    db: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
) -> rusqlite::Result<Vec<Source>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM sources WHERE project_id = ?1 AND deleted_at IS NULL"))?
        .query_map([project_id.to_bytes()], |row| read(db, keyring, row))?
        .collect()
}

fn read(db: &Connection, keyring: &Keyring, row: &Row<'_>) -> rusqlite::Result<Source> {
    let id: SourceId = columns::id(row, 0)?;
    let kind = columns::word(row, 3)?;
    Ok(Source {
        id,
        project_id: columns::id(row, 1)?,
        name: row.get(2)?,
        kind,
        status: columns::word(row, 4)?,
        stale_policy: columns::word(row, 8)?,
        token: row.get(5)?,
        secrets: secrets::of_source(db, keyring, id.to_bytes(), kind)?,
        created_at: columns::time(row, 6)?,
        updated_at: columns::time(row, 7)?,
    })
}
