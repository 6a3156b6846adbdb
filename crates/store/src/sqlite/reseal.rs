//! Rotation of the operator's encryption keys: at the start, what is encrypted under an older key is
//! encrypted under the first one, so that the older key can be taken off the list afterwards.

use rusqlite::{Connection, params};

use super::columns;
use crate::keyring::Keyring;
use crate::rows::sealed::{COLUMNS, Column};

/// Encrypts anew what is not under the first key, all in one transaction; says how many there were.
pub(super) fn run(db: &mut Connection, keyring: &Keyring) -> rusqlite::Result<usize> {
    let tx = db.transaction()?;
    let mut count = 0;
    for column in &COLUMNS {
        count += reseal(&tx, keyring, column)?;
    }
    tx.commit()?;
    Ok(count)
}

fn reseal(tx: &Connection, keyring: &Keyring, column: &Column) -> rusqlite::Result<usize> {
    let Column { table, name, place } = column;
    let rows: Vec<([u8; 16], Vec<u8>)> = tx
        .prepare(&format!("SELECT id, {name} FROM {table} WHERE {name} IS NOT NULL"))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut update = tx.prepare(&format!("UPDATE {table} SET {name} = ?2 WHERE id = ?1"))?;
    let mut count = 0;
    for (id, sealed) in rows.iter().filter(|(_, sealed)| !keyring.is_current(sealed)) {
        let place = place(*id);
        let opened = keyring.decrypt(&place, sealed).map_err(columns::unreadable)?;
        count += update.execute(params![id, keyring.encrypt(&place, &opened)])?;
    }
    Ok(count)
}
