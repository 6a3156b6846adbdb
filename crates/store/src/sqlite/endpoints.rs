//! Endpoints and their secrets, and the generation that every change of them raises.

use std::sync::Arc;

use ringback_domain::{
    DeliveryRules, DeliveryState, EndReason, Endpoint, EndpointId, ProjectId, SecretId, Timestamp, TypedId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::writer::WriteError;
use super::{columns, health, rules, secrets};
use crate::config::MAX_ENDPOINTS;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::rows::endpoint::{
    CANCELLED_AT_ONCE, changed_by, join_delays, join_patterns, join_statuses, same_settings, split_patterns,
    split_statuses,
};
use crate::rows::extras;
use crate::store::{EndpointChange, NewEndpoint, Rotation};

const COLUMNS: &str = "id, project_id, name, url, event_types, timeout_secs, created_at, updated_at, paused_at, \
                       disabled_at, disabled_reason, description, no_retry_statuses, extras, resumed_at, replay_id";
/// Where the columns of the rules begin, and those of the health after them.
const RULES: usize = 16;
const HEALTH: usize = RULES + 6;
const NOT_FOUND: WriteError = WriteError::Answer(StoreError::NotFound { noun: "webhook endpoint" });

/// An endpoint after a change, and the project's generation with it.
pub(super) struct Changed {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) generation: u64,
}

pub(super) fn create(tx: &Connection, keyring: &Keyring, new: &NewEndpoint) -> Result<Changed, WriteError> {
    let count: usize = tx
        .prepare_cached("SELECT count(*) FROM endpoints WHERE project_id = ?1 AND deleted_at IS NULL AND replay_id IS NULL")?
        .query_row([new.project_id.to_bytes()], |row| row.get(0))?;
    if count >= MAX_ENDPOINTS {
        let noun = "endpoints of one project";
        return Err(WriteError::Answer(StoreError::TooMany { noun, max: MAX_ENDPOINTS }));
    }
    tx.prepare_cached(
        "INSERT INTO endpoints (id, project_id, name, url, event_types, timeout_secs, created_at, updated_at, \
         paused_at, description, no_retry_statuses, extras, retry_delays, max_per_sec, max_concurrency, ordering, \
         ordering_wait_secs, max_age_secs) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        new.id.to_bytes(),
        new.project_id.to_bytes(),
        new.name,
        new.url,
        join_patterns(&new.event_types),
        new.timeout_secs,
        new.now.as_unix_ms(),
        new.paused.then(|| new.now.as_unix_ms()),
        new.description,
        join_statuses(&new.no_retry_statuses),
        extras::seal(keyring, new.id, &new.headers, new.authentication.as_ref()),
        join_delays(&new.rules),
        new.rules.max_per_sec,
        new.rules.max_concurrency,
        new.rules.ordering.as_str(),
        new.rules.ordering_wait_secs,
        new.rules.max_age_secs,
    ])?;
    secrets::insert_endpoint_secret(tx, keyring, new.id.to_bytes(), &new.secret, new.now)?;
    changed(tx, keyring, new.project_id, new.id)
}

pub(super) fn update(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    change: &EndpointChange,
    now: Timestamp,
) -> Result<Changed, WriteError> {
    let old = find_own(tx, keyring, project_id, id)?;
    let new = changed_by(&old, change, now);
    if same_settings(&old, &new) {
        let generation = generation(tx, project_id)?;
        return Ok(Changed { endpoint: old, generation });
    }
    if old.url != new.url || old.disabled_at != new.disabled_at {
        // What was said of it is not true any more.
        tx.prepare_cached("UPDATE endpoints SET failing_since = NULL, last_failed_at = NULL, warned_at = NULL WHERE id = ?1")?
            .execute([id.to_bytes()])?;
    }
    tx.prepare_cached(
        "UPDATE endpoints SET name = ?2, url = ?3, event_types = ?4, timeout_secs = ?5, paused_at = ?6, \
         disabled_at = ?7, disabled_reason = ?8, updated_at = ?9, description = ?10, no_retry_statuses = ?11, \
         extras = ?12, retry_delays = ?13, max_per_sec = ?14, max_concurrency = ?15, ordering = ?16, \
         ordering_wait_secs = ?17, max_age_secs = ?18, resumed_at = ?19 WHERE id = ?1",
    )?
    .execute(params![
        id.to_bytes(),
        new.name,
        new.url,
        join_patterns(&new.event_types),
        new.timeout_secs,
        new.paused_at.map(Timestamp::as_unix_ms),
        new.disabled_at.map(Timestamp::as_unix_ms),
        new.disabled_reason,
        now.as_unix_ms(),
        new.description,
        join_statuses(&new.no_retry_statuses),
        extras::seal(keyring, id, &new.headers, new.authentication.as_ref()),
        join_delays(&new.rules),
        new.rules.max_per_sec,
        new.rules.max_concurrency,
        new.rules.ordering.as_str(),
        new.rules.ordering_wait_secs,
        new.rules.max_age_secs,
        new.resumed_at.map(Timestamp::as_unix_ms),
    ])?;
    changed(tx, keyring, project_id, id)
}

/// The older secrets end as they are told to, and a new one signs.
pub(super) fn rotate_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    rotation: &Rotation,
) -> Result<Changed, WriteError> {
    find_own(tx, keyring, project_id, id)?;
    secrets::end_endpoint_secrets(tx, id.to_bytes(), rotation.older_until, rotation.now)?;
    secrets::insert_endpoint_secret(tx, keyring, id.to_bytes(), &rotation.secret, rotation.now)?;
    touch(tx, id, rotation.now)?;
    changed(tx, keyring, project_id, id)
}

pub(super) fn revoke_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    secret_id: SecretId,
    now: Timestamp,
) -> Result<Changed, WriteError> {
    find_own(tx, keyring, project_id, id)?;
    if !secrets::remove_older_endpoint_secret(tx, id.to_bytes(), secret_id)? {
        return Err(WriteError::Answer(StoreError::NotFound { noun: "older signing secret" }));
    }
    touch(tx, id, now)?;
    changed(tx, keyring, project_id, id)
}

fn touch(tx: &Connection, id: EndpointId, now: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE endpoints SET updated_at = ?2 WHERE id = ?1")?
        .execute(params![id.to_bytes(), now.as_unix_ms()])
        .map(drop)
}

/// The row stays, marked, because deliveries refer to it; its secrets go.
pub(super) fn delete(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    now: Timestamp,
) -> Result<Changed, WriteError> {
    let endpoint = find_own(tx, keyring, project_id, id)?;
    mark_deleted(tx, project_id, endpoint, now)
}

fn mark_deleted(
    tx: &Connection,
    project_id: ProjectId,
    endpoint: Arc<Endpoint>,
    now: Timestamp,
) -> Result<Changed, WriteError> {
    let id = endpoint.id;
    tx.prepare_cached("UPDATE endpoints SET deleted_at = ?2, extras = NULL WHERE id = ?1")?
        .execute(params![id.to_bytes(), now.as_unix_ms()])?;
    tx.prepare_cached("DELETE FROM endpoint_secrets WHERE endpoint_id = ?1")?.execute([id.to_bytes()])?;
    cancel_orphans(tx, id, now, CANCELLED_AT_ONCE)?;
    Ok(Changed { endpoint, generation: raise_generation(tx, project_id)? })
}

/// Deletes the endpoint that stands for a replay's other URL, if that has not been done already.
pub(super) fn delete_target(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    now: Timestamp,
) -> Result<Option<Changed>, WriteError> {
    match find(tx, keyring, project_id, id) {
        Ok(endpoint) => mark_deleted(tx, project_id, endpoint, now).map(Some),
        Err(WriteError::Answer(StoreError::NotFound { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Cancels pending deliveries of a deleted endpoint: those that wait for others, for their time, and those
/// under a lease. In this order, because only what is due leads the deliverer to the rest. These are sought
/// among all that are under way, which are few: the endpoint's own index has its whole history.
pub(super) const CANCEL_ORPHANS: &str = "\
    UPDATE deliveries \
    SET state = ?3, end_reason = ?4, finished_at = ?2, due_at = NULL, lease_expires_at = NULL \
    WHERE position IN ( \
        SELECT position FROM deliveries \
        WHERE endpoint_id = ?1 AND order_key IS NOT NULL AND finished_at IS NULL AND due_at IS NULL \
        UNION ALL \
        SELECT position FROM deliveries \
        WHERE endpoint_id = ?1 AND due_at IS NOT NULL AND lease_expires_at IS NULL \
        UNION ALL \
        SELECT position FROM deliveries INDEXED BY deliveries_leased \
        WHERE lease_expires_at IS NOT NULL AND endpoint_id = ?1 \
        LIMIT 0 + ?5) \
    AND EXISTS (SELECT 1 FROM endpoints WHERE id = ?1 AND deleted_at IS NOT NULL)";

/// Cancels pending deliveries of an endpoint whose row says that it is deleted; of any other, none.
pub(super) fn cancel_orphans(
    tx: &Connection,
    id: EndpointId,
    now: Timestamp,
    limit: usize,
) -> Result<usize, WriteError> {
    Ok(tx.prepare_cached(CANCEL_ORPHANS)?.execute(params![
        id.to_bytes(),
        now.as_unix_ms(),
        DeliveryState::Cancelled.as_str(),
        EndReason::EndpointDeleted.as_str(),
        i64::try_from(limit).unwrap_or(i64::MAX),
    ])?)
}

/// An endpoint that wants an event.
pub(super) struct Wanting {
    pub(super) id: EndpointId,
    pub(super) rules: DeliveryRules,
}

/// The endpoints that want an event of this type now, by the rows themselves.
pub(super) fn wanting(
    tx: &Connection,
    project_id: ProjectId,
    event_type: &str,
) -> rusqlite::Result<Vec<Wanting>> {
    let sql = format!(
        "SELECT id, event_types, {} FROM endpoints \
         WHERE project_id = ?1 AND deleted_at IS NULL AND disabled_at IS NULL AND replay_id IS NULL ORDER BY id",
        rules::COLUMNS
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let mut rows = statement.query([project_id.to_bytes()])?;
    let mut wanting = Vec::new();
    while let Some(row) = rows.next()? {
        let patterns = split_patterns(row.get_ref(1)?.as_str()?).map_err(columns::unreadable)?;
        if patterns.iter().any(|pattern| pattern.matches(event_type)) {
            wanting.push(Wanting { id: columns::id(row, 0)?, rules: rules::read(row, 2)? });
        }
    }
    Ok(wanting)
}

/// Raised by every change that can change where an event goes.
pub(super) fn generation(tx: &Connection, project_id: ProjectId) -> rusqlite::Result<u64> {
    tx.prepare_cached("SELECT config_generation FROM projects WHERE id = ?1")?
        .query_row([project_id.to_bytes()], |row| row.get(0))
}

fn raise_generation(tx: &Connection, project_id: ProjectId) -> rusqlite::Result<u64> {
    tx.prepare_cached(
        "UPDATE projects SET config_generation = config_generation + 1 WHERE id = ?1 RETURNING config_generation",
    )?
    .query_row([project_id.to_bytes()], |row| row.get(0))
}

/// An endpoint after a change that leaves where events go as it is.
pub(super) fn unchanged(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Changed, WriteError> {
    Ok(Changed { endpoint: find(tx, keyring, project_id, id)?, generation: generation(tx, project_id)? })
}

/// An endpoint after a change that may change where events go.
pub(super) fn changed(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Changed, WriteError> {
    let generation = raise_generation(tx, project_id)?;
    Ok(Changed { endpoint: find(tx, keyring, project_id, id)?, generation })
}

/// An endpoint that somebody made: one that stands for a replay's other URL is nobody's to change.
fn find_own(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Arc<Endpoint>, WriteError> {
    let endpoint = find(tx, keyring, project_id, id)?;
    if endpoint.replay_id.is_none() { Ok(endpoint) } else { Err(NOT_FOUND) }
}

fn find(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Arc<Endpoint>, WriteError> {
    let sql = format!("{} WHERE id = ?1 AND project_id = ?2 AND deleted_at IS NULL", select());
    let found = tx
        .prepare_cached(&sql)?
        .query_row([id.to_bytes(), project_id.to_bytes()], |row| read(tx, keyring, row))
        .optional()?;
    found.map(Arc::new).ok_or(NOT_FOUND)
}

/// Every endpoint of a project that is not deleted.
pub(super) fn of_project(
    db: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
) -> rusqlite::Result<Vec<Endpoint>> {
    db.prepare_cached(&format!("{} WHERE project_id = ?1 AND deleted_at IS NULL", select()))?
        .query_map([project_id.to_bytes()], |row| read(db, keyring, row))?
        .collect()
}

fn select() -> String {
    format!("SELECT {COLUMNS}, {}, {} FROM endpoints", rules::COLUMNS, health::COLUMNS)
}

fn read(db: &Connection, keyring: &Keyring, row: &Row<'_>) -> rusqlite::Result<Endpoint> {
    let id: EndpointId = columns::id(row, 0)?;
    let sealed = row.get_ref(13)?.as_blob_or_null()?;
    let extras = extras::open(keyring, id, sealed).map_err(columns::unreadable)?;
    Ok(Endpoint {
        id,
        project_id: columns::id(row, 1)?,
        name: row.get(2)?,
        url: row.get(3)?,
        event_types: split_patterns(row.get_ref(4)?.as_str()?).map_err(columns::unreadable)?,
        timeout_secs: row.get(5)?,
        secrets: secrets::of_endpoint(db, keyring, id.to_bytes())?,
        created_at: columns::time(row, 6)?,
        updated_at: columns::time(row, 7)?,
        paused_at: columns::optional_time(row, 8)?,
        disabled_at: columns::optional_time(row, 9)?,
        disabled_reason: row.get(10)?,
        description: row.get(11)?,
        no_retry_statuses: split_statuses(row.get_ref(12)?.as_str()?).map_err(columns::unreadable)?,
        headers: extras.headers,
        authentication: extras.authentication,
        resumed_at: columns::optional_time(row, 14)?,
        replay_id: columns::optional_id(row, 15)?,
        rules: rules::read(row, RULES)?,
        health: health::read(row, HEALTH)?,
    })
}
