//! Rotation of the operator's encryption keys: at the start, what is encrypted under an older key is
//! encrypted under the first one, so that the older key can be taken off the list afterwards.

use super::columns::{Key, get};
use super::connections::Connection;
use super::failure::Failure;
use crate::keyring::Keyring;
use crate::rows::sealed::{COLUMNS, Column};

/// What the known text is bound to.
const KEY_CHECK: &str = "config_version/key_check";

/// Fails if the keys are others than those that the database is used with; the first start says which that
/// are.
pub(super) async fn check_key(tx: &Connection, keyring: &Keyring) -> Result<(), Failure> {
    let row = tx.query_one("SELECT key_check FROM config_version", &[]).await?;
    if let Some(sealed) = get::<Option<Vec<u8>>>(&row, 0)? {
        keyring.decrypt(KEY_CHECK, &sealed).map_err(Failure::unreadable)?;
        if keyring.is_current(&sealed) {
            return Ok(());
        }
    }
    let sealed = keyring.encrypt(KEY_CHECK, b"ringback");
    tx.execute("UPDATE config_version SET key_check = $1", &[&sealed]).await.map(drop)
}

/// Encrypts anew what is not under the first key, in one transaction; says how many there were.
pub(super) async fn run(tx: &Connection, keyring: &Keyring) -> Result<u64, Failure> {
    let mut count = 0;
    for column in &COLUMNS {
        count += reseal(tx, keyring, column).await?;
    }
    Ok(count)
}

async fn reseal(tx: &Connection, keyring: &Keyring, column: &Column) -> Result<u64, Failure> {
    let Column { table, name, place } = column;
    let select = format!("SELECT id, {name} FROM {table} WHERE {name} IS NOT NULL FOR UPDATE");
    let update = format!("UPDATE {table} SET {name} = $2 WHERE id = $1");
    let mut count = 0;
    for row in tx.query(&select, &[]).await? {
        let (id, sealed): (Key, &[u8]) = (get(&row, 0)?, get(&row, 1)?);
        if keyring.is_current(sealed) {
            continue;
        }
        let place = place(id.0);
        let opened = keyring.decrypt(&place, sealed).map_err(Failure::unreadable)?;
        count += tx.execute(&update, &[&id, &keyring.encrypt(&place, &opened)]).await?;
    }
    Ok(count)
}
