//! Projects, each with its source of what is published.

use ringback_domain::{Project, ProjectId, SourceId, SourceKind, SourceStatus, Timestamp, TypedId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns;
use super::writer::WriteError;
use crate::error::StoreError;
use crate::rows::PUBLISH_SOURCE_NAME;
use crate::store::{NewProject, ProjectChange};

const COLUMNS: &str = "id, name, created_at, archived_at";
const NOT_FOUND: WriteError = WriteError::Answer(StoreError::NotFound { noun: "project" });

/// Makes a project's source of kind `publish`, unless it has one.
pub(super) const INSERT_PUBLISH_SOURCE: &str = "\
    INSERT INTO sources (id, project_id, name, kind, status, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (project_id) WHERE kind = 'publish' DO NOTHING";

/// Makes a project; its publish source is [`insert_publish_source`]'s.
pub(super) fn create(tx: &Connection, new: &NewProject) -> Result<Project, WriteError> {
    check_name_is_free(tx, &new.name)?;
    tx.prepare_cached("INSERT INTO projects (id, name, created_at) VALUES (?1, ?2, ?3)")?
        .execute(params![new.id.to_bytes(), new.name, new.now.as_unix_ms()])?;
    insert_publish_source(tx, new.id, new.publish_source_id, new.now)?;
    find(tx, new.id)
}

pub(super) fn update(
    tx: &Connection,
    id: ProjectId,
    change: &ProjectChange,
    now: Timestamp,
) -> Result<Project, WriteError> {
    let old = find(tx, id)?;
    let name = change.name.as_ref().unwrap_or(&old.name);
    if *name != old.name {
        check_name_is_free(tx, name)?;
    }
    let archived_at = old.archived_at.or(change.archive.then_some(now));
    if change.archive {
        // Nobody could call them off any more.
        tx.prepare_cached(
            "UPDATE replays SET state = 'cancelled', end_reason = 'requested', finished_at = ?2, needs_clearing = 1 \
             WHERE project_id = ?1 AND state = 'running'",
        )?
        .execute(params![id.to_bytes(), now.as_unix_ms()])?;
    }
    tx.prepare_cached("UPDATE projects SET name = ?2, archived_at = ?3 WHERE id = ?1")?.execute(params![
        id.to_bytes(),
        name,
        archived_at.map(Timestamp::as_unix_ms)
    ])?;
    find(tx, id)
}

fn check_name_is_free(tx: &Connection, name: &str) -> Result<(), WriteError> {
    match tx.prepare_cached("SELECT 1 FROM projects WHERE name = ?1")?.exists([name])? {
        true => Err(WriteError::Answer(StoreError::NameTaken { noun: "project" })),
        false => Ok(()),
    }
}

/// Gives a project its source of kind `publish`, if it has none yet.
pub(super) fn insert_publish_source(
    db: &Connection,
    project_id: ProjectId,
    id: SourceId,
    now: Timestamp,
) -> rusqlite::Result<()> {
    db.prepare_cached(INSERT_PUBLISH_SOURCE)?
        .execute(params![
            id.to_bytes(),
            project_id.to_bytes(),
            PUBLISH_SOURCE_NAME,
            SourceKind::Publish.as_str(),
            SourceStatus::Active.as_str(),
            now.as_unix_ms(),
        ])
        .map(drop)
}

fn find(tx: &Connection, id: ProjectId) -> Result<Project, WriteError> {
    let found = tx
        .prepare_cached(&format!("SELECT {COLUMNS} FROM projects WHERE id = ?1"))?
        .query_row([id.to_bytes()], read)
        .optional()?;
    found.ok_or(NOT_FOUND)
}

/// Every project, and the generation of its configuration.
pub(super) fn all(db: &Connection) -> rusqlite::Result<Vec<(Project, u64)>> {
    db.prepare(&format!("SELECT {COLUMNS}, config_generation FROM projects"))?
        .query_map([], |row| Ok((read(row)?, row.get(4)?)))?
        .collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Project> {
    Ok(Project {
        id: columns::id(row, 0)?,
        name: row.get(1)?,
        created_at: columns::time(row, 2)?,
        archived_at: columns::optional_time(row, 3)?,
    })
}
