//! Event types: those that were registered, and those that were seen.

use ringback_domain::{ProjectId, Timestamp, TypedId};
use rusqlite::{Connection, params};

use super::columns;
use super::writer::WriteError;
use crate::config::MAX_EVENT_TYPES;
use crate::error::StoreError;
use crate::store::MaxAgeChange;

/// The types of a project's events by a loose index scan: one seek for each.
pub(super) const SEEN: &str = "\
    WITH RECURSIVE seen (type) AS ( \
        SELECT min(type) FROM events WHERE project_id = ?1 \
        UNION ALL \
        SELECT (SELECT min(type) FROM events WHERE project_id = ?1 AND type > seen.type) \
        FROM seen WHERE seen.type IS NOT NULL \
    ) \
    SELECT type FROM seen WHERE type IS NOT NULL LIMIT 0 + ?2";

/// Says what age is set for it now.
pub(super) fn register(
    tx: &Connection,
    project_id: ProjectId,
    name: &str,
    max_age: MaxAgeChange,
    now: Timestamp,
) -> Result<Option<u32>, WriteError> {
    let count: usize = tx
        .prepare_cached("SELECT count(*) FROM event_types WHERE project_id = ?1 AND name <> ?2")?
        .query_row(params![project_id.to_bytes(), name], |row| row.get(0))?;
    if count >= MAX_EVENT_TYPES {
        let noun = "registered event types of one project";
        return Err(WriteError::Answer(StoreError::TooMany { noun, max: MAX_EVENT_TYPES }));
    }
    tx.prepare_cached(
        "INSERT INTO event_types (project_id, name, created_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (project_id, name) DO NOTHING",
    )?
    .execute(params![project_id.to_bytes(), name, now.as_unix_ms()])?;
    if let MaxAgeChange::Default | MaxAgeChange::Secs(_) = max_age {
        let secs = if let MaxAgeChange::Secs(secs) = max_age { Some(secs) } else { None };
        tx.prepare_cached("UPDATE event_types SET max_age_secs = ?3 WHERE project_id = ?1 AND name = ?2")?
            .execute(params![project_id.to_bytes(), name, secs])?;
    }
    let set = tx
        .prepare_cached("SELECT max_age_secs FROM event_types WHERE project_id = ?1 AND name = ?2")?
        .query_row(params![project_id.to_bytes(), name], |row| row.get(0))?;
    Ok(set)
}

/// Those that were registered, with their projects and the age that was set.
pub(super) fn registered(db: &Connection) -> rusqlite::Result<Vec<(ProjectId, String, Option<u32>)>> {
    db.prepare("SELECT project_id, name, max_age_secs FROM event_types")?
        .query_map([], |row| Ok((columns::id(row, 0)?, row.get(1)?, row.get(2)?)))?
        .collect()
}

pub(super) fn seen(db: &Connection, project_id: ProjectId, limit: usize) -> rusqlite::Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    db.prepare_cached(SEEN)?.query_map(params![project_id.to_bytes(), limit], |row| row.get(0))?.collect()
}
