//! Endpoints, and the generation that every change of them raises.

use std::sync::Arc;

use ringback_domain::{Endpoint, EndpointId, ProjectId, SecretId, Timestamp};
use tokio_postgres::Row;

use super::columns::{self, get, key, ms};
use super::connections::Connection;
use super::failure::Failure;
use super::secrets::{self, EndpointSecrets};
use super::{health, locks, orphans, rules};
use crate::config::{Config, MAX_ENDPOINTS};
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

const INSERT: &str = "\
    INSERT INTO endpoints (id, project_id, name, url, event_types, timeout_secs, created_at, updated_at, \
    paused_at, description, no_retry_statuses, extras, retry_delays, max_per_sec, max_concurrency, ordering, \
    ordering_wait_secs, max_age_secs) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";

const UPDATE: &str = "\
    UPDATE endpoints SET name = $2, url = $3, event_types = $4, timeout_secs = $5, paused_at = $6, \
    disabled_at = $7, disabled_reason = $8, updated_at = $9, description = $10, no_retry_statuses = $11, \
    extras = $12, retry_delays = $13, max_per_sec = $14, max_concurrency = $15, ordering = $16, \
    ordering_wait_secs = $17, max_age_secs = $18, resumed_at = $19 WHERE id = $1";

/// An endpoint after a change, and the project's generation with it.
pub(super) struct Changed {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) generation: u64,
}

impl Changed {
    /// Puts it into a snapshot.
    pub(super) fn put(&self, config: &mut Config) {
        config.put_endpoint(&self.endpoint, self.generation);
    }

    pub(super) fn into_endpoint(self) -> Arc<Endpoint> {
        self.endpoint
    }
}

pub(super) async fn create(
    tx: &Connection,
    keyring: &Keyring,
    new: &NewEndpoint,
) -> Result<Changed, Failure> {
    let count = "SELECT count(*) FROM endpoints \
                 WHERE project_id = $1 AND deleted_at IS NULL AND replay_id IS NULL";
    let row = tx.query_one(count, &[&key(new.project_id)]).await?;
    if columns::number::<i64, usize>(&row, 0)? >= MAX_ENDPOINTS {
        return Err(StoreError::TooMany { noun: "endpoints of one project", max: MAX_ENDPOINTS }.into());
    }
    let rules = &new.rules;
    tx.execute(
        INSERT,
        &[
            &key(new.id),
            &key(new.project_id),
            &new.name,
            &new.url,
            &join_patterns(&new.event_types),
            &i16::from(new.timeout_secs),
            &new.now.as_unix_ms(),
            &new.paused.then(|| new.now.as_unix_ms()),
            &new.description,
            &join_statuses(&new.no_retry_statuses),
            &extras::seal(keyring, new.id, &new.headers, new.authentication.as_ref()),
            &join_delays(rules),
            &rules.max_per_sec.map(i64::from),
            &rules.max_concurrency.map(i32::from),
            &rules.ordering.as_str(),
            &i64::from(rules.ordering_wait_secs),
            &rules.max_age_secs.map(i64::from),
        ],
    )
    .await?;
    secrets::insert_endpoint_secret(tx, keyring, new.id, &new.secret, new.now).await?;
    changed(tx, keyring, new.project_id, new.id).await
}

pub(super) async fn update(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    change: &EndpointChange,
    now: Timestamp,
) -> Result<Changed, Failure> {
    let old = find_own(tx, keyring, project_id, id).await?;
    let new = changed_by(&old, change, now);
    if same_settings(&old, &new) {
        return Ok(Changed { endpoint: old, generation: generation(tx, project_id).await? });
    }
    if old.url != new.url || old.disabled_at != new.disabled_at {
        // What was said of it is not true any more.
        health::forget(tx, id).await?;
    }
    tx.execute(
        UPDATE,
        &[
            &key(id),
            &new.name,
            &new.url,
            &join_patterns(&new.event_types),
            &i16::from(new.timeout_secs),
            &ms(new.paused_at),
            &ms(new.disabled_at),
            &new.disabled_reason,
            &now.as_unix_ms(),
            &new.description,
            &join_statuses(&new.no_retry_statuses),
            &extras::seal(keyring, id, &new.headers, new.authentication.as_ref()),
            &join_delays(&new.rules),
            &new.rules.max_per_sec.map(i64::from),
            &new.rules.max_concurrency.map(i32::from),
            &new.rules.ordering.as_str(),
            &i64::from(new.rules.ordering_wait_secs),
            &new.rules.max_age_secs.map(i64::from),
            &ms(new.resumed_at),
        ],
    )
    .await?;
    changed(tx, keyring, project_id, id).await
}

/// Marks an endpoint as the one that stands for a replay's other URL.
pub(super) async fn dedicate(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    replay: ringback_domain::ReplayId,
) -> Result<Changed, Failure> {
    tx.execute("UPDATE endpoints SET replay_id = $2 WHERE id = $1", &[&key(id), &key(replay)]).await?;
    unchanged(tx, keyring, project_id, id).await
}

/// The older secrets end as they are told to, and a new one signs.
pub(super) async fn rotate_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    rotation: &Rotation,
) -> Result<Changed, Failure> {
    find_own(tx, keyring, project_id, id).await?;
    secrets::end_endpoint_secrets(tx, id, rotation.older_until, rotation.now).await?;
    secrets::insert_endpoint_secret(tx, keyring, id, &rotation.secret, rotation.now).await?;
    touch(tx, id, rotation.now).await?;
    changed(tx, keyring, project_id, id).await
}

pub(super) async fn revoke_secret(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    secret_id: SecretId,
    now: Timestamp,
) -> Result<Changed, Failure> {
    find_own(tx, keyring, project_id, id).await?;
    if !secrets::remove_older_endpoint_secret(tx, id, secret_id).await? {
        return Err(Failure::not_found("older signing secret"));
    }
    touch(tx, id, now).await?;
    changed(tx, keyring, project_id, id).await
}

async fn touch(tx: &Connection, id: EndpointId, now: Timestamp) -> Result<(), Failure> {
    let sql = "UPDATE endpoints SET updated_at = $2 WHERE id = $1";
    tx.execute(sql, &[&key(id), &now.as_unix_ms()]).await.map(drop)
}

/// The row stays, marked, because deliveries refer to it; its secrets go.
pub(super) async fn delete(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    now: Timestamp,
) -> Result<Changed, Failure> {
    let endpoint = find_own(tx, keyring, project_id, id).await?;
    mark_deleted(tx, project_id, endpoint, now).await
}

async fn mark_deleted(
    tx: &Connection,
    project_id: ProjectId,
    endpoint: Arc<Endpoint>,
    now: Timestamp,
) -> Result<Changed, Failure> {
    let id = endpoint.id;
    // First of all, so that every delivery to it that there will be is there to be cancelled.
    let generation = raise_generation(tx, project_id).await?;
    let sql = "UPDATE endpoints SET deleted_at = $2, extras = NULL WHERE id = $1";
    tx.execute(sql, &[&key(id), &now.as_unix_ms()]).await?;
    tx.execute("DELETE FROM endpoint_secrets WHERE endpoint_id = $1", &[&key(id)]).await?;
    orphans::cancel(tx, id, now, CANCELLED_AT_ONCE).await?;
    Ok(Changed { endpoint, generation })
}

/// Deletes the endpoint that stands for a replay's other URL, if that has not been done already.
pub(super) async fn delete_target(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
    now: Timestamp,
) -> Result<Option<Changed>, Failure> {
    match find(tx, keyring, project_id, id).await {
        Ok(endpoint) => mark_deleted(tx, project_id, endpoint, now).await.map(Some),
        Err(Failure::Answer(StoreError::NotFound { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Raised by every change that can change where an event goes.
async fn generation(tx: &Connection, project_id: ProjectId) -> Result<u64, Failure> {
    let sql = "SELECT config_generation FROM projects WHERE id = $1";
    columns::number::<i64, u64>(&tx.query_one(sql, &[&key(project_id)]).await?, 0)
}

/// Waits for the appends that have planned by the old one, and keeps others from planning until the commit.
async fn raise_generation(tx: &Connection, project_id: ProjectId) -> Result<u64, Failure> {
    locks::take_routes(tx, &[project_id]).await?;
    let sql = "UPDATE projects SET config_generation = config_generation + 1 WHERE id = $1 RETURNING config_generation";
    columns::number::<i64, u64>(&tx.query_one(sql, &[&key(project_id)]).await?, 0)
}

/// An endpoint after a change that leaves where events go as it is.
pub(super) async fn unchanged(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Changed, Failure> {
    let endpoint = find(tx, keyring, project_id, id).await?;
    Ok(Changed { endpoint, generation: generation(tx, project_id).await? })
}

/// An endpoint after a change that may change where events go.
pub(super) async fn changed(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Changed, Failure> {
    let generation = raise_generation(tx, project_id).await?;
    Ok(Changed { endpoint: find(tx, keyring, project_id, id).await?, generation })
}

/// An endpoint that somebody made: one that stands for a replay's other URL is nobody's to change.
async fn find_own(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Arc<Endpoint>, Failure> {
    let endpoint = find(tx, keyring, project_id, id).await?;
    if endpoint.replay_id.is_none() { Ok(endpoint) } else { Err(not_found()) }
}

fn not_found() -> Failure {
    Failure::not_found("webhook endpoint")
}

async fn find(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    id: EndpointId,
) -> Result<Arc<Endpoint>, Failure> {
    let sql = format!("{} WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL", select());
    let found = tx.query_opt(&sql, &[&key(id), &key(project_id)]).await?;
    let found = found.ok_or_else(not_found)?;
    let mut secrets = EndpointSecrets::of_one(tx, id).await?;
    read(&found, keyring, &mut secrets).map(Arc::new)
}

/// Every endpoint of every project that is not deleted.
pub(super) async fn all(tx: &Connection, keyring: &Keyring) -> Result<Vec<Endpoint>, Failure> {
    let rows = tx.query(&format!("{} WHERE deleted_at IS NULL", select()), &[]).await?;
    let mut secrets = EndpointSecrets::of_all(tx).await?;
    rows.iter().map(|row| read(row, keyring, &mut secrets)).collect()
}

fn select() -> String {
    format!("SELECT {COLUMNS}, {}, {} FROM endpoints", rules::COLUMNS, health::COLUMNS)
}

fn read(row: &Row, keyring: &Keyring, secrets: &mut EndpointSecrets) -> Result<Endpoint, Failure> {
    let id: EndpointId = columns::id(row, 0)?;
    let extras = extras::open(keyring, id, get(row, 13)?).map_err(Failure::unreadable)?;
    Ok(Endpoint {
        id,
        project_id: columns::id(row, 1)?,
        name: get(row, 2)?,
        url: get(row, 3)?,
        event_types: split_patterns(get(row, 4)?).map_err(Failure::unreadable)?,
        timeout_secs: columns::number::<i16, u8>(row, 5)?,
        secrets: secrets.take(keyring, id)?,
        created_at: columns::time(row, 6)?,
        updated_at: columns::time(row, 7)?,
        paused_at: columns::optional_time(row, 8)?,
        disabled_at: columns::optional_time(row, 9)?,
        disabled_reason: get(row, 10)?,
        description: get(row, 11)?,
        no_retry_statuses: split_statuses(get(row, 12)?).map_err(Failure::unreadable)?,
        headers: extras.headers,
        authentication: extras.authentication,
        resumed_at: columns::optional_time(row, 14)?,
        replay_id: columns::optional_id(row, 15)?,
        rules: rules::read(row, RULES)?,
        health: health::read(row, HEALTH)?,
    })
}
