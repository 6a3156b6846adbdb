//! What happens to the rows at the start, and the configuration read from them.

use std::sync::Arc;

use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::{IdMaker, ProjectId, Timestamp};

use super::columns::{self, Key, key};
use super::connections::{Connection, Connections};
use super::failure::{DatabaseError, Failure};
use super::snapshot::Edition;
use super::{api_keys, endpoints, event_types, projects, sources};
use crate::config::Config;
use crate::keyring::Keyring;

/// Makes the default project, and the source of what is published for every project that has none. Says
/// whether there was something to make.
pub(super) async fn prepare(tx: &Connection, ids: &IdMaker, now: Timestamp) -> Result<bool, Failure> {
    let id: ProjectId = ids.next(now);
    let mut made = tx
        .execute(
            "INSERT INTO projects (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
            &[&key(id), &DEFAULT_PROJECT_NAME, &now.as_unix_ms()],
        )
        .await?;
    for (project, _) in projects::all(tx).await? {
        made += projects::insert_publish_source(tx, project.id, ids.next(now), now).await?;
    }
    Ok(made > 0)
}

/// Reads the whole configuration at one moment, and with it proves that every secret can be decrypted. With
/// its edition.
pub(super) async fn config(
    connections: &Connections,
    keyring: &Keyring,
) -> Result<(Config, Edition), Failure> {
    let tx = connections.read().await?;
    let edition = Edition::read(&tx).await?;
    let mut config = Config::default();
    if let Some(row) = tx.query_opt("SELECT key_sha256 FROM admin_keys", &[]).await? {
        config.put_admin_key(columns::array(&row, 0)?);
    }
    let projects = projects::all(&tx).await?;
    let generations: std::collections::HashMap<_, _> =
        projects.iter().map(|(project, generation)| (project.id, *generation)).collect();
    for (project, generation) in projects {
        config.put_project(project, generation);
    }
    for source in sources::all(&tx, keyring).await? {
        config.put_source(&Arc::new(source));
    }
    for endpoint in endpoints::all(&tx, keyring).await? {
        let generation = generations.get(&endpoint.project_id).copied().unwrap_or_default();
        config.put_endpoint(&Arc::new(endpoint), generation);
    }
    for key in api_keys::all(&tx).await? {
        config.put_api_key(&Arc::new(key));
    }
    for (project_id, name, max_age_secs) in event_types::registered(&tx).await? {
        config.put_event_type(project_id, &name, max_age_secs);
    }
    tx.commit().await?;
    Ok((config, edition))
}

/// Makes this the one admin key.
pub(super) async fn set_admin_key(tx: &Connection, sha256: &[u8; 32]) -> Result<(), Failure> {
    let sql = "INSERT INTO admin_keys (key_sha256) VALUES ($1) \
               ON CONFLICT (only_row) DO UPDATE SET key_sha256 = excluded.key_sha256";
    tx.execute(sql, &[&sha256.as_slice()]).await.map(drop)
}

/// Makes this the admin key if there is none. Gives the one in force.
pub(super) async fn offer_admin_key(tx: &Connection, sha256: &[u8; 32]) -> Result<[u8; 32], Failure> {
    let sql = "INSERT INTO admin_keys (key_sha256) VALUES ($1) ON CONFLICT (only_row) DO NOTHING";
    tx.execute(sql, &[&sha256.as_slice()]).await?;
    columns::array(&tx.query_one("SELECT key_sha256 FROM admin_keys", &[]).await?, 0)
}

/// Locks this node's own row, which is written: proves that a transaction still reaches the disk. Nobody else
/// holds that row for long, as they may hold the configuration's number; nor is a heartbeat held up by this,
/// whose commit may wait for a standby for ever. Without the row this node is dead to the others.
pub(super) async fn touch(tx: &Connection, node: Key) -> Result<(), Failure> {
    match tx.query_opt("SELECT id FROM nodes WHERE id = $1 FOR KEY SHARE", &[&node]).await? {
        None => Err(Failure::Unavailable(DatabaseError::NotRegistered)),
        Some(_) => Ok(()),
    }
}
