//! What happens to the rows at the start, and the snapshot of the configuration made from them.

use std::sync::Arc;

use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::{IdMaker, ProjectId, Timestamp, TypedId};
use rusqlite::{Connection, OptionalExtension, params};

use super::writer::WriteError;
use super::{api_keys, endpoints, event_types, projects, sources};
use crate::config::Config;
use crate::error::{OpenError, StoreError};
use crate::keyring::{Keyring, show_key_id};
use crate::rows::secrets::missing_key;

/// Makes the default project, and the source of what is published for every project that has none; frees what
/// a former process held: the folder lock says that it is gone.
pub(super) fn prepare(db: &Connection, ids: &IdMaker, now: Timestamp) -> rusqlite::Result<()> {
    let id: ProjectId = ids.next(now);
    db.execute(
        "INSERT INTO projects (id, name, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
        params![id.to_bytes(), DEFAULT_PROJECT_NAME, now.as_unix_ms()],
    )?;
    for (project, _) in projects::all(db)? {
        projects::insert_publish_source(db, project.id, ids.next(now), now)?;
    }
    let freed =
        db.execute("UPDATE deliveries SET lease_expires_at = NULL WHERE lease_expires_at IS NOT NULL", [])?;
    if freed > 0 {
        tracing::info!(
            store.reclaimed = freed,
            "deliveries of the former run were under way and are due again"
        );
    }
    Ok(())
}

/// Reads the whole configuration, and with it proves that every secret can be decrypted.
pub(super) fn config(db: &Connection, keyring: &Keyring) -> Result<Config, OpenError> {
    read(db, keyring).map_err(|error| match missing_key(&error) {
        Some(id) => OpenError::missing_key_of_folder(show_key_id(id)),
        None => OpenError::Config(StoreError::from(error)),
    })
}

fn read(db: &Connection, keyring: &Keyring) -> rusqlite::Result<Config> {
    let mut config = Config::default();
    if let Some(sha256) =
        db.query_row("SELECT key_sha256 FROM admin_keys", [], |row| row.get(0)).optional()?
    {
        config.put_admin_key(sha256);
    }
    for (project, generation) in projects::all(db)? {
        let id = project.id;
        config.put_project(project, generation);
        for source in sources::of_project(db, keyring, id)? {
            config.put_source(&Arc::new(source));
        }
        for endpoint in endpoints::of_project(db, keyring, id)? {
            config.put_endpoint(&Arc::new(endpoint), generation);
        }
    }
    for key in api_keys::all(db)? {
        config.put_api_key(&Arc::new(key));
    }
    for (project_id, name, max_age_secs) in event_types::registered(db)? {
        config.put_event_type(project_id, &name, max_age_secs);
    }
    Ok(config)
}

pub(super) fn set_admin_key(tx: &Connection, sha256: &[u8; 32]) -> Result<(), WriteError> {
    let sql = "INSERT INTO admin_keys (only_row, key_sha256) VALUES (1, ?1) \
               ON CONFLICT (only_row) DO UPDATE SET key_sha256 = excluded.key_sha256";
    tx.execute(sql, [sha256])?;
    Ok(())
}

/// Makes this the admin key if there is none. Gives the one in force.
pub(super) fn offer_admin_key(tx: &Connection, sha256: &[u8; 32]) -> Result<[u8; 32], WriteError> {
    let sql =
        "INSERT INTO admin_keys (only_row, key_sha256) VALUES (1, ?1) ON CONFLICT (only_row) DO NOTHING";
    tx.execute(sql, [sha256])?;
    Ok(tx.query_row("SELECT key_sha256 FROM admin_keys", [], |row| row.get(0))?)
}

/// Writes a row that changes nothing: proves that a transaction still reaches the disk.
pub(super) fn touch(tx: &Connection) -> Result<(), WriteError> {
    tx.prepare_cached("UPDATE projects SET config_generation = config_generation WHERE name = ?1")?
        .execute([DEFAULT_PROJECT_NAME])?;
    Ok(())
}
