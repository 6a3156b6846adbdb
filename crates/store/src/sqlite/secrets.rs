//! Signing secrets at rest: encrypted, bound to their table and row.

use ringback_domain::endpoint::MAX_LIVE_SECRETS;
use ringback_domain::{EndpointKey, EndpointSecret, SecretId, SourceKind, SourceSecret, Timestamp, TypedId};
use ringback_webhook::SigningSecret;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns;
use crate::keyring::{KeyId, Keyring};
use crate::rows::secrets::{endpoint_place, open_endpoint_secret, open_source_secret, source_place};

pub(super) fn insert_source_secret(
    tx: &Connection,
    keyring: &Keyring,
    source_id: [u8; 16],
    (id, secret): &(SecretId, SigningSecret),
    now: Timestamp,
) -> rusqlite::Result<()> {
    let ciphertext = keyring.encrypt(&source_place(*id), secret.reveal().as_bytes());
    tx.prepare_cached(
        "INSERT INTO source_secrets (id, source_id, ciphertext, created_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![id.to_bytes(), source_id, ciphertext, now.as_unix_ms()])
    .map(drop)
}

pub(super) fn insert_endpoint_secret(
    tx: &Connection,
    keyring: &Keyring,
    endpoint_id: [u8; 16],
    (id, key): &(SecretId, EndpointKey),
    now: Timestamp,
) -> rusqlite::Result<()> {
    let ciphertext = keyring.encrypt(&endpoint_place(*id), key.reveal().as_bytes());
    tx.prepare_cached(
        "INSERT INTO endpoint_secrets (id, endpoint_id, ciphertext, created_at) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![id.to_bytes(), endpoint_id, ciphertext, now.as_unix_ms()])
    .map(drop)
}

/// Lets the secrets of an endpoint that sign now end, except the newest ones within the limit: at once, or
/// when they are told.
pub(super) fn end_endpoint_secrets(
    tx: &Connection,
    endpoint_id: [u8; 16],
    older_until: Option<Timestamp>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Some(until) = older_until else {
        tx.prepare_cached("DELETE FROM endpoint_secrets WHERE endpoint_id = ?1")?.execute([endpoint_id])?;
        return Ok(());
    };
    tx.prepare_cached("DELETE FROM endpoint_secrets WHERE endpoint_id = ?1 AND expires_at <= ?2")?
        .execute(params![endpoint_id, now.as_unix_ms()])?;
    // Room for the one that is to come.
    let kept = i64::try_from(MAX_LIVE_SECRETS - 1).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "DELETE FROM endpoint_secrets WHERE endpoint_id = ?1 AND id NOT IN \
         (SELECT id FROM endpoint_secrets WHERE endpoint_id = ?1 ORDER BY expires_at IS NULL DESC, id DESC LIMIT 0 + ?2)",
    )?
    .execute(params![endpoint_id, kept])?;
    tx.prepare_cached(
        "UPDATE endpoint_secrets SET expires_at = min(coalesce(expires_at, ?2), ?2) WHERE endpoint_id = ?1",
    )?
    .execute(params![endpoint_id, until.as_unix_ms()])
    .map(drop)
}

/// Removes one of an endpoint's secrets, unless it is the newest; says whether it was there to be removed.
pub(super) fn remove_older_endpoint_secret(
    tx: &Connection,
    endpoint_id: [u8; 16],
    id: SecretId,
) -> rusqlite::Result<bool> {
    let removed = tx
        .prepare_cached(
            "DELETE FROM endpoint_secrets WHERE endpoint_id = ?1 AND id = ?2 \
             AND expires_at IS NOT NULL",
        )?
        .execute(params![endpoint_id, id.to_bytes()])?;
    Ok(removed == 1)
}

/// A source's secrets, oldest first.
pub(super) fn of_source(
    db: &Connection,
    keyring: &Keyring,
    source_id: [u8; 16],
    kind: SourceKind,
) -> rusqlite::Result<Vec<SourceSecret>> {
    db.prepare_cached(
        "SELECT id, ciphertext, created_at FROM source_secrets WHERE source_id = ?1 ORDER BY id",
    )?
    .query_map([source_id], |row| {
        let id: SecretId = columns::id(row, 0)?;
        let sealed = row.get_ref(1)?.as_blob()?;
        let secret = open_source_secret(keyring, id, kind, sealed).map_err(columns::unreadable)?;
        Ok(SourceSecret { id, secret, created_at: columns::time(row, 2)? })
    })?
    .collect()
}

/// An endpoint's secrets, oldest first. The last is the one without an end, whatever its id: the clock may
/// have been set back between two runs.
pub(super) fn of_endpoint(
    db: &Connection,
    keyring: &Keyring,
    endpoint_id: [u8; 16],
) -> rusqlite::Result<Vec<EndpointSecret>> {
    db.prepare_cached(
        "SELECT id, ciphertext, created_at, expires_at FROM endpoint_secrets WHERE endpoint_id = ?1 \
         ORDER BY expires_at IS NULL, id",
    )?
    .query_map([endpoint_id], |row| {
        let id: SecretId = columns::id(row, 0)?;
        let sealed = row.get_ref(1)?.as_blob()?;
        let key = open_endpoint_secret(keyring, id, sealed).map_err(columns::unreadable)?;
        Ok(EndpointSecret {
            id,
            key,
            created_at: columns::time(row, 2)?,
            expires_at: columns::optional_time(row, 3)?,
        })
    })?
    .collect()
}

/// The key that some secret in the database is encrypted under; `None` when it holds none.
pub(super) fn any_key_id(db: &Connection) -> rusqlite::Result<Option<KeyId>> {
    let sql = "SELECT ciphertext FROM source_secrets UNION ALL SELECT ciphertext FROM endpoint_secrets \
               UNION ALL SELECT extras FROM endpoints WHERE extras IS NOT NULL LIMIT 1";
    let sealed: Option<Vec<u8>> = db.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(sealed.and_then(|sealed| Keyring::key_id_of(&sealed)))
}
