//! Projects, each with its source of what is published.

use std::sync::Arc;

use ringback_domain::{Project, ProjectId, Source, SourceId, SourceKind, SourceStatus, Timestamp};
use tokio_postgres::Row;

use super::columns::{self, get, key, ms};
use super::connections::Connection;
use super::failure::Failure;
use super::{replays, sources};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::rows::PUBLISH_SOURCE_NAME;
use crate::store::{NewProject, ProjectChange};

const COLUMNS: &str = "id, name, created_at, archived_at";

/// Makes a project's source of kind `publish`, unless it has one.
pub(super) const INSERT_PUBLISH_SOURCE: &str = "\
    INSERT INTO sources (id, project_id, name, kind, status, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (project_id) WHERE kind = 'publish' DO NOTHING";

/// Makes a project, and its source of what is published.
pub(super) async fn create(
    tx: &Connection,
    keyring: &Keyring,
    new: &NewProject,
) -> Result<(Project, Arc<Source>), Failure> {
    check_name_is_free(tx, &new.name).await?;
    let sql = format!("INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3) RETURNING {COLUMNS}");
    let row = tx.query_one(&sql, &[&key(new.id), &new.name, &new.now.as_unix_ms()]).await?;
    insert_publish_source(tx, new.id, new.publish_source_id, new.now).await?;
    Ok((read(&row)?, sources::find(tx, keyring, new.id, new.publish_source_id).await?))
}

pub(super) async fn update(
    tx: &Connection,
    id: ProjectId,
    change: &ProjectChange,
    now: Timestamp,
) -> Result<Project, Failure> {
    let old = find(tx, id).await?;
    let name = change.name.as_ref().unwrap_or(&old.name);
    if *name != old.name {
        check_name_is_free(tx, name).await?;
    }
    let archived_at = old.archived_at.or(change.archive.then_some(now));
    if change.archive {
        // Nobody could call them off any more.
        replays::call_off_all(tx, id, now).await?;
    }
    let sql = format!("UPDATE projects SET name = $2, archived_at = $3 WHERE id = $1 RETURNING {COLUMNS}");
    read(&tx.query_one(&sql, &[&key(id), name, &ms(archived_at)]).await?)
}

async fn check_name_is_free(tx: &Connection, name: &str) -> Result<(), Failure> {
    match tx.query_opt("SELECT 1 FROM projects WHERE name = $1", &[&name]).await? {
        Some(_) => Err(StoreError::NameTaken { noun: "project" }.into()),
        None => Ok(()),
    }
}

/// Gives a project its source of kind `publish`, if it has none yet. Says how many were made.
pub(super) async fn insert_publish_source(
    tx: &Connection,
    project_id: ProjectId,
    id: SourceId,
    now: Timestamp,
) -> Result<u64, Failure> {
    let (kind, status) = (SourceKind::Publish.as_str(), SourceStatus::Active.as_str());
    tx.execute(
        INSERT_PUBLISH_SOURCE,
        &[&key(id), &key(project_id), &PUBLISH_SOURCE_NAME, &kind, &status, &now.as_unix_ms()],
    )
    .await
}

async fn find(tx: &Connection, id: ProjectId) -> Result<Project, Failure> {
    let found = tx.query_opt(&format!("SELECT {COLUMNS} FROM projects WHERE id = $1"), &[&key(id)]).await?;
    read(&found.ok_or(Failure::not_found("project"))?)
}

/// Every project, and the generation of its configuration.
pub(super) async fn all(tx: &Connection) -> Result<Vec<(Project, u64)>, Failure> {
    let rows = tx.query(&format!("SELECT {COLUMNS}, config_generation FROM projects"), &[]).await?;
    rows.iter().map(|row| Ok((read(row)?, columns::number::<i64, u64>(row, 4)?))).collect()
}

fn read(row: &Row) -> Result<Project, Failure> {
    Ok(Project {
        id: columns::id(row, 0)?,
        name: get(row, 1)?,
        created_at: columns::time(row, 2)?,
        archived_at: columns::optional_time(row, 3)?,
    })
}
