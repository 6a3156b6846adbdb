//! Sources.

use std::sync::Arc;

use ringback_domain::source::MAX_SOURCE_SECRETS;
use ringback_domain::{ProjectId, SecretId, Source, SourceId, SourceStatus, Timestamp};
use ringback_webhook::SigningSecret;
use tokio_postgres::Row;

use super::columns::{self, get, key};
use super::connections::Connection;
use super::failure::Failure;
use super::secrets::{self, SourceSecrets};
use crate::config::MAX_SOURCES;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::store::{NewSource, SourceChange};

const COLUMNS: &str = "id, project_id, name, kind, status, token, created_at, updated_at, stale_policy";

pub(super) async fn create(
    tx: &Connection,
    keyring: &Keyring,
    new: &NewSource,
) -> Result<Arc<Source>, Failure> {
    let count = "SELECT count(*) FROM sources WHERE project_id = $1 AND deleted_at IS NULL";
    let row = tx.query_one(count, &[&key(new.project_id)]).await?;
    if columns::number::<i64, usize>(&row, 0)? >= MAX_SOURCES {
        return Err(StoreError::TooMany { noun: "sources of one project", max: MAX_SOURCES }.into());
    }
    let (id, project_id, now) = (key(new.id), key(new.project_id), new.now.as_unix_ms());
    let (kind, status) = (new.kind.as_str(), SourceStatus::Active.as_str());
    tx.execute(
        "INSERT INTO sources (id, project_id, name, kind, status, token, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        &[&id, &project_id, &new.name, &kind, &status, &new.token, &now],
    )
    .await?;
    if let Some(secret) = &new.secret {
        secrets::insert_source_secret(tx, keyring, new.id, secret, new.now).await?;
    }
    find(tx, keyring, new.project_id, new.id).await
}

pub(super) async fn update(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    change: &SourceChange,
    now: Timestamp,
) -> Result<Arc<Source>, Failure> {
    let old = find_changeable(tx, keyring, project_id, id).await?;
    let name = change.name.as_ref().unwrap_or(&old.name);
    let status = change.status.unwrap_or(old.status);
    let stale_policy = change.stale_policy.unwrap_or(old.stale_policy);
    if *name == old.name && status == old.status && stale_policy == old.stale_policy {
        return Ok(old);
    }
    tx.execute(
        "UPDATE sources SET name = $2, status = $3, stale_policy = $4, updated_at = $5 WHERE id = $1",
        &[&key(id), name, &status.as_str(), &stale_policy.as_str(), &now.as_unix_ms()],
    )
    .await?;
    find(tx, keyring, project_id, id).await
}

/// A source that was made by hand: that of what is published is neither changed nor deleted.
async fn find_changeable(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
) -> Result<Arc<Source>, Failure> {
    let source = find(tx, keyring, project_id, id).await?;
    if source.kind.has_ingest_url() { Ok(source) } else { Err(not_found()) }
}

/// The row stays, marked, because events refer to it; its secrets go.
pub(super) async fn delete(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    now: Timestamp,
) -> Result<Arc<Source>, Failure> {
    let source = find_changeable(tx, keyring, project_id, id).await?;
    tx.execute("UPDATE sources SET deleted_at = $2 WHERE id = $1", &[&key(id), &now.as_unix_ms()]).await?;
    tx.execute("DELETE FROM source_secrets WHERE source_id = $1", &[&key(id)]).await?;
    Ok(source)
}

pub(super) async fn add_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    secret: &(SecretId, SigningSecret),
    now: Timestamp,
) -> Result<Arc<Source>, Failure> {
    if find(tx, keyring, project_id, id).await?.secrets.len() >= MAX_SOURCE_SECRETS {
        let noun = "signing secrets of one source";
        return Err(StoreError::TooMany { noun, max: MAX_SOURCE_SECRETS }.into());
    }
    secrets::insert_source_secret(tx, keyring, id, secret, now).await?;
    touch(tx, id, now).await?;
    find(tx, keyring, project_id, id).await
}

pub(super) async fn remove_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
    secret_id: SecretId,
    now: Timestamp,
) -> Result<Arc<Source>, Failure> {
    find(tx, keyring, project_id, id).await?;
    let sql = "DELETE FROM source_secrets WHERE id = $1 AND source_id = $2";
    if tx.execute(sql, &[&key(secret_id), &key(id)]).await? == 0 {
        return Err(Failure::not_found("signing secret"));
    }
    touch(tx, id, now).await?;
    find(tx, keyring, project_id, id).await
}

async fn touch(tx: &Connection, id: SourceId, now: Timestamp) -> Result<(), Failure> {
    let sql = "UPDATE sources SET updated_at = $2 WHERE id = $1";
    tx.execute(sql, &[&key(id), &now.as_unix_ms()]).await.map(drop)
}

/// A source that is not deleted.
pub(super) async fn find(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: SourceId,
) -> Result<Arc<Source>, Failure> {
    let sql =
        format!("SELECT {COLUMNS} FROM sources WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL");
    let found = tx.query_opt(&sql, &[&key(id), &key(project_id)]).await?.ok_or_else(not_found)?;
    let mut secrets = SourceSecrets::of_one(tx, id).await?;
    read(&found, keyring, &mut secrets).map(Arc::new)
}

fn not_found() -> Failure {
    Failure::not_found("webhook source")
}

/// Every source of every project, archived ones included.
pub(super) async fn all(tx: &Connection, keyring: &Keyring) -> Result<Vec<Source>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM sources WHERE deleted_at IS NULL");
    let mut secrets = SourceSecrets::of_all(tx).await?;
    tx.query(&sql, &[]).await?.iter().map(|row| read(row, keyring, &mut secrets)).collect()
}

fn read(row: &Row, keyring: &Keyring, secrets: &mut SourceSecrets) -> Result<Source, Failure> {
    let id: SourceId = columns::id(row, 0)?;
    let kind = columns::word(row, 3)?;
    Ok(Source {
        id,
        project_id: columns::id(row, 1)?,
        name: get(row, 2)?,
        kind,
        status: columns::word(row, 4)?,
        stale_policy: columns::word(row, 8)?,
        token: get(row, 5)?,
        secrets: secrets.take(keyring, id, kind)?,
        created_at: columns::time(row, 6)?,
        updated_at: columns::time(row, 7)?,
    })
}
