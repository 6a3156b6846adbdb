//! Requests under an `Idempotency-Key`: begun, completed, forgotten. Answers are encrypted, because some show
//! a secret.

use ringback_domain::TypedId;
use rusqlite::{Connection, OptionalExtension, params};

use super::columns;
use super::writer::WriteError;
use crate::idempotency::{Beginning, Begun, IdempotencyKey, Nonce, StoredAnswer};
use crate::keyring::{DecryptError, Keyring};
use crate::rows::idempotency::{RunId, place};

/// Forgets one key whose time is over.
pub(super) const DELETE_IF_OVER: &str =
    "DELETE FROM idempotency_keys WHERE project_id = ?1 AND route = ?2 AND key = ?3 AND created_at < ?4";

/// What is known of one key.
pub(super) const FIND: &str = "\
    SELECT request_sha256 = ?4, run_id = ?5, status_code, answer, nonce FROM idempotency_keys \
    WHERE project_id = ?1 AND route = ?2 AND key = ?3";

/// Begins a request.
pub(super) const INSERT: &str = "\
    INSERT INTO idempotency_keys (project_id, route, key, request_sha256, created_at, run_id, nonce) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Keeps the first answer to a request.
pub(super) const COMPLETE: &str = "\
    UPDATE idempotency_keys SET status_code = ?4, answer = ?5 \
    WHERE project_id = ?1 AND route = ?2 AND key = ?3 AND status_code IS NULL";

/// A request as the rows know it.
struct Row {
    same_request: bool,
    ours: bool,
    status_code: Option<u16>,
    answer: Option<Vec<u8>>,
    nonce: Nonce,
}

pub(super) fn begin(
    tx: &Connection,
    keyring: &Keyring,
    run_id: RunId,
    beginning: &Beginning,
) -> Result<Begun, WriteError> {
    let Some(row) = find(tx, run_id, beginning)? else {
        insert(tx, run_id, beginning)?;
        return Ok(Begun::New { nonce: beginning.nonce });
    };
    if !row.same_request {
        return Ok(Begun::OtherRequest);
    }
    match (row.status_code, row.answer) {
        (Some(status_code), Some(sealed)) => {
            // Under a key that the operator has taken away since, the answer is lost; that there was one is
            // not.
            match keyring.decrypt(&place(&beginning.key), &sealed) {
                Err(DecryptError::UnknownKey(_)) if beginning.repeatable => {
                    take_over(tx, run_id, beginning)?;
                    Ok(Begun::New { nonce: row.nonce })
                }
                Err(DecryptError::UnknownKey(_)) => Ok(Begun::Interrupted),
                Err(error) => Err(columns::unreadable(error).into()),
                Ok(body) => Ok(Begun::Done(StoredAnswer { status_code, body })),
            }
        }
        _ if row.ours => Ok(Begun::Running { nonce: row.nonce }),
        _ if beginning.repeatable => {
            take_over(tx, run_id, beginning)?;
            Ok(Begun::New { nonce: row.nonce })
        }
        _ => Ok(Begun::Interrupted),
    }
}

pub(super) fn complete(
    tx: &Connection,
    keyring: &Keyring,
    key: &IdempotencyKey,
    answer: &StoredAnswer,
) -> Result<(), WriteError> {
    let sealed = keyring.encrypt(&place(key), &answer.body);
    tx.prepare_cached(COMPLETE)?.execute(params![
        key.project_id.to_bytes(),
        key.route,
        key.key,
        answer.status_code,
        sealed
    ])?;
    Ok(())
}

pub(super) fn forget(tx: &Connection, key: &IdempotencyKey) -> Result<(), WriteError> {
    tx.prepare_cached(
        "DELETE FROM idempotency_keys WHERE project_id = ?1 AND route = ?2 AND key = ?3 AND status_code IS NULL",
    )?
    .execute(params![key.project_id.to_bytes(), key.route, key.key])?;
    Ok(())
}

/// What is kept longer than promised is as good as gone.
fn find(tx: &Connection, run_id: RunId, beginning: &Beginning) -> rusqlite::Result<Option<Row>> {
    let key = &beginning.key;
    let kept_since = beginning.now.minus(crate::idempotency::KEPT_FOR);
    tx.prepare_cached(DELETE_IF_OVER)?.execute(params![
        key.project_id.to_bytes(),
        key.route,
        key.key,
        kept_since.as_unix_ms()
    ])?;
    tx.prepare_cached(FIND)?
        .query_row(
            params![key.project_id.to_bytes(), key.route, key.key, beginning.request_sha256, run_id],
            |row| {
                Ok(Row {
                    same_request: row.get(0)?,
                    ours: row.get(1)?,
                    status_code: row.get(2)?,
                    answer: row.get(3)?,
                    nonce: row.get(4)?,
                })
            },
        )
        .optional()
}

fn insert(tx: &Connection, run_id: RunId, beginning: &Beginning) -> rusqlite::Result<()> {
    let key = &beginning.key;
    tx.prepare_cached(INSERT)?
        .execute(params![
            key.project_id.to_bytes(),
            key.route,
            key.key,
            beginning.request_sha256,
            beginning.now.as_unix_ms(),
            run_id,
            beginning.nonce,
        ])
        .map(drop)
}

fn take_over(tx: &Connection, run_id: RunId, beginning: &Beginning) -> rusqlite::Result<()> {
    let key = &beginning.key;
    tx.prepare_cached(
        "UPDATE idempotency_keys SET run_id = ?4, status_code = NULL, answer = NULL WHERE project_id = ?1 AND route = ?2 AND key = ?3",
    )?
    .execute(params![key.project_id.to_bytes(), key.route, key.key, run_id])
    .map(drop)
}
