//! Event types: those that were registered, and those that were seen.

use ringback_domain::{ProjectId, Timestamp};

use super::columns::{self, get, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::config::MAX_EVENT_TYPES;
use crate::error::StoreError;
use crate::store::MaxAgeChange;

/// The types of a project's events by a loose index scan: one seek for each.
pub(super) const SEEN: &str = "\
    WITH RECURSIVE seen (type) AS ( \
        (SELECT type FROM events WHERE project_id = $1 ORDER BY type LIMIT 1) \
        UNION ALL \
        SELECT (SELECT e.type FROM events AS e WHERE e.project_id = $1 AND e.type > seen.type ORDER BY e.type LIMIT 1) \
        FROM seen WHERE seen.type IS NOT NULL \
    ) \
    SELECT type FROM seen WHERE type IS NOT NULL LIMIT $2";

/// Says what age is set for it now.
pub(super) async fn register(
    tx: &Connection,
    project_id: ProjectId,
    name: &str,
    max_age: MaxAgeChange,
    now: Timestamp,
) -> Result<Option<u32>, Failure> {
    let project = key(project_id);
    let count = "SELECT count(*) FROM event_types WHERE project_id = $1 AND name <> $2";
    let row = tx.query_one(count, &[&project, &name]).await?;
    if columns::number::<i64, usize>(&row, 0)? >= MAX_EVENT_TYPES {
        let noun = "registered event types of one project";
        return Err(StoreError::TooMany { noun, max: MAX_EVENT_TYPES }.into());
    }
    let secs = if let MaxAgeChange::Secs(secs) = max_age { Some(i64::from(secs)) } else { None };
    let changes = max_age != MaxAgeChange::Keep;
    let sql = "\
        INSERT INTO event_types AS t (project_id, name, created_at, max_age_secs) VALUES ($1, $2, $3, $4) \
        ON CONFLICT (project_id, name) \
        DO UPDATE SET max_age_secs = CASE WHEN $5 THEN excluded.max_age_secs ELSE t.max_age_secs END \
        RETURNING max_age_secs";
    let row = tx.query_one(sql, &[&project, &name, &now.as_unix_ms(), &secs, &changes]).await?;
    columns::optional_number::<i64, u32>(&row, 0)
}

/// Those that were registered, with their projects and the age that was set.
pub(super) async fn registered(tx: &Connection) -> Result<Vec<(ProjectId, String, Option<u32>)>, Failure> {
    let rows = tx.query("SELECT project_id, name, max_age_secs FROM event_types", &[]).await?;
    rows.iter()
        .map(|row| Ok((columns::id(row, 0)?, get(row, 1)?, columns::optional_number::<i64, u32>(row, 2)?)))
        .collect()
}

pub(super) async fn seen(
    connection: &Connection,
    project_id: ProjectId,
    limit: usize,
) -> Result<Vec<String>, Failure> {
    let rows = connection.query(SEEN, &[&key(project_id), &columns::limit(limit)]).await?;
    rows.iter().map(|row| get(row, 0)).collect()
}
