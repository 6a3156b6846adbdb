//! Signing secrets: written encrypted, and read for one owner or for all at once.

use std::collections::HashMap;

use ringback_domain::endpoint::MAX_LIVE_SECRETS;
use ringback_domain::{
    EndpointId, EndpointKey, EndpointSecret, SecretId, SourceId, SourceKind, SourceSecret, Timestamp,
};
use ringback_webhook::SigningSecret;
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::keyring::Keyring;
use crate::rows::secrets::{endpoint_place, open_endpoint_secret, open_source_secret, source_place};

pub(super) async fn insert_source_secret(
    tx: &Connection,
    keyring: &Keyring,
    source_id: SourceId,
    (id, secret): &(SecretId, SigningSecret),
    now: Timestamp,
) -> Result<(), Failure> {
    let ciphertext = keyring.encrypt(&source_place(*id), secret.reveal().as_bytes());
    let sql = "INSERT INTO source_secrets (id, source_id, ciphertext, created_at) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &[&key(*id), &key(source_id), &ciphertext, &now.as_unix_ms()]).await.map(drop)
}

pub(super) async fn insert_endpoint_secret(
    tx: &Connection,
    keyring: &Keyring,
    endpoint_id: EndpointId,
    (id, secret): &(SecretId, EndpointKey),
    now: Timestamp,
) -> Result<(), Failure> {
    let ciphertext = keyring.encrypt(&endpoint_place(*id), secret.reveal().as_bytes());
    let sql =
        "INSERT INTO endpoint_secrets (id, endpoint_id, ciphertext, created_at) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &[&key(*id), &key(endpoint_id), &ciphertext, &now.as_unix_ms()]).await.map(drop)
}

/// Lets the secrets of an endpoint that sign now end, except the newest ones within the limit: at once, or
/// when they are told.
pub(super) async fn end_endpoint_secrets(
    tx: &Connection,
    endpoint_id: EndpointId,
    older_until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Failure> {
    let endpoint_id = key(endpoint_id);
    let Some(until) = older_until else {
        let sql = "DELETE FROM endpoint_secrets WHERE endpoint_id = $1";
        return tx.execute(sql, &[&endpoint_id]).await.map(drop);
    };
    let sql = "DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND expires_at <= $2";
    tx.execute(sql, &[&endpoint_id, &now.as_unix_ms()]).await?;
    // Room for the one that is to come.
    let kept = columns::limit(MAX_LIVE_SECRETS - 1);
    let sql = "\
        DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND id NOT IN \
        (SELECT id FROM endpoint_secrets WHERE endpoint_id = $1 ORDER BY expires_at IS NULL DESC, id DESC LIMIT $2)";
    tx.execute(sql, &[&endpoint_id, &kept]).await?;
    // Nothing is less than null.
    let sql = "UPDATE endpoint_secrets SET expires_at = least(expires_at, $2) WHERE endpoint_id = $1";
    tx.execute(sql, &[&endpoint_id, &until.as_unix_ms()]).await.map(drop)
}

/// Removes one of an endpoint's secrets, unless it is the newest; says whether it was there to be removed.
pub(super) async fn remove_older_endpoint_secret(
    tx: &Connection,
    endpoint_id: EndpointId,
    id: SecretId,
) -> Result<bool, Failure> {
    let sql = "DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND id = $2 AND expires_at IS NOT NULL";
    Ok(tx.execute(sql, &[&key(endpoint_id), &key(id)]).await? == 1)
}

/// The rows of sources' secrets, oldest first.
pub(super) struct SourceSecrets(HashMap<Key, Vec<Row>>);

impl SourceSecrets {
    const SELECT: &str = "SELECT source_id, id, ciphertext, created_at FROM source_secrets";

    pub(super) async fn of_one(tx: &Connection, id: SourceId) -> Result<Self, Failure> {
        let sql = format!("{} WHERE source_id = $1 ORDER BY id", Self::SELECT);
        tx.query(&sql, &[&key(id)]).await.and_then(by_owner).map(Self)
    }

    pub(super) async fn of_all(tx: &Connection) -> Result<Self, Failure> {
        tx.query(&format!("{} ORDER BY id", Self::SELECT), &[]).await.and_then(by_owner).map(Self)
    }

    /// Those of one source, opened.
    pub(super) fn take(
        &mut self,
        keyring: &Keyring,
        id: SourceId,
        kind: SourceKind,
    ) -> Result<Vec<SourceSecret>, Failure> {
        let rows = self.0.remove(&key(id)).unwrap_or_default();
        let open = |row: &Row| {
            let id: SecretId = columns::id(row, 1)?;
            let secret = open_source_secret(keyring, id, kind, get(row, 2)?).map_err(Failure::unreadable)?;
            Ok(SourceSecret { id, secret, created_at: columns::time(row, 3)? })
        };
        rows.iter().map(open).collect()
    }
}

/// The rows of endpoints' secrets, oldest first. The last is the one without an end, whatever its id: the
/// clock may have been set back between two runs, and stand otherwise on another node.
pub(super) struct EndpointSecrets(HashMap<Key, Vec<Row>>);

impl EndpointSecrets {
    const SELECT: &str = "SELECT endpoint_id, id, ciphertext, created_at, expires_at FROM endpoint_secrets";
    const ORDER: &str = "ORDER BY expires_at IS NULL, id";

    pub(super) async fn of_one(tx: &Connection, id: EndpointId) -> Result<Self, Failure> {
        let sql = format!("{} WHERE endpoint_id = $1 {}", Self::SELECT, Self::ORDER);
        tx.query(&sql, &[&key(id)]).await.and_then(by_owner).map(Self)
    }

    pub(super) async fn of_all(tx: &Connection) -> Result<Self, Failure> {
        tx.query(&format!("{} {}", Self::SELECT, Self::ORDER), &[]).await.and_then(by_owner).map(Self)
    }

    /// Those of one endpoint, opened.
    pub(super) fn take(&mut self, keyring: &Keyring, id: EndpointId) -> Result<Vec<EndpointSecret>, Failure> {
        let rows = self.0.remove(&key(id)).unwrap_or_default();
        let open = |row: &Row| {
            let id: SecretId = columns::id(row, 1)?;
            let key = open_endpoint_secret(keyring, id, get(row, 2)?).map_err(Failure::unreadable)?;
            let (created_at, expires_at) = (columns::time(row, 3)?, columns::optional_time(row, 4)?);
            Ok(EndpointSecret { id, key, created_at, expires_at })
        };
        rows.iter().map(open).collect()
    }
}

fn by_owner(rows: Vec<Row>) -> Result<HashMap<Key, Vec<Row>>, Failure> {
    let mut owners: HashMap<Key, Vec<Row>> = HashMap::new();
    for row in rows {
        owners.entry(get(&row, 0)?).or_default().push(row);
    }
    Ok(owners)
}
