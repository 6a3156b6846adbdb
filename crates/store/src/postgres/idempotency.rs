//! Requests under an `Idempotency-Key`: begun, completed, forgotten. Answers are encrypted, because some show
//! a secret.

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use crate::idempotency::{Beginning, Begun, IdempotencyKey, Nonce, StoredAnswer};
use crate::keyring::{DecryptError, Keyring};
use crate::rows::idempotency::{RunId, place};

/// Forgets one key whose time is over.
pub(super) const DELETE_IF_OVER: &str =
    "DELETE FROM idempotency_keys WHERE project_id = $1 AND route = $2 AND key = $3 AND created_at < $4";

/// What is known of one key. Who asks at the same moment waits for what this one makes of it.
pub(super) const FIND: &str = "\
    SELECT request_sha256 = $4, run_id = $5, status_code, answer, nonce, \
           EXISTS (SELECT 1 FROM nodes WHERE nodes.id = run_id), created_at > $6 FROM idempotency_keys \
    WHERE project_id = $1 AND route = $2 AND key = $3 FOR UPDATE";

/// Begins a request, unless it is known.
pub(super) const INSERT: &str = "\
    INSERT INTO idempotency_keys (project_id, route, key, request_sha256, created_at, run_id, nonce) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (project_id, route, key) DO NOTHING";

/// Keeps the first answer to a request.
pub(super) const COMPLETE: &str = "\
    UPDATE idempotency_keys SET status_code = $4, answer = $5 \
    WHERE project_id = $1 AND route = $2 AND key = $3 AND status_code IS NULL";

const FORGET: &str = "\
    DELETE FROM idempotency_keys WHERE project_id = $1 AND route = $2 AND key = $3 AND status_code IS NULL";

const TAKE_OVER: &str = "\
    UPDATE idempotency_keys SET run_id = $4, status_code = NULL, answer = NULL \
    WHERE project_id = $1 AND route = $2 AND key = $3";

/// A request as the rows know it.
struct Known {
    same_request: bool,
    ours: bool,
    /// Begun by a node that lives, this one or another.
    is_nodes: bool,
    /// So lately that it may still be run.
    is_recent: bool,
    status_code: Option<u16>,
    answer: Option<Vec<u8>>,
    nonce: Nonce,
}

pub(super) async fn begin(
    tx: &Connection,
    keyring: &Keyring,
    run_id: RunId,
    beginning: &Beginning,
) -> Result<Begun, Failure> {
    let Some(known) = insert_or_find(tx, run_id, beginning).await? else {
        return Ok(Begun::New { nonce: beginning.nonce });
    };
    if !known.same_request {
        return Ok(Begun::OtherRequest);
    }
    let nonce = known.nonce;
    match (known.status_code, known.answer) {
        (Some(status_code), Some(sealed)) => {
            // Under a key that the operator has taken away since, the answer is lost; that there was one is
            // not.
            match keyring.decrypt(&place(&beginning.key), &sealed) {
                Err(DecryptError::UnknownKey(_)) if beginning.repeatable => {
                    take_over(tx, run_id, &beginning.key).await?;
                    Ok(Begun::New { nonce })
                }
                Err(DecryptError::UnknownKey(_)) => Ok(Begun::Interrupted),
                Err(error) => Err(Failure::unreadable(error)),
                Ok(body) => Ok(Begun::Done(StoredAnswer { status_code, body })),
            }
        }
        _ if known.ours || (known.is_nodes && beginning.repeatable) => Ok(Begun::Running { nonce }),
        _ if known.is_nodes && known.is_recent => Ok(Begun::RunningElsewhere),
        _ if beginning.repeatable => {
            take_over(tx, run_id, &beginning.key).await?;
            Ok(Begun::New { nonce })
        }
        _ => Ok(Begun::Interrupted),
    }
}

pub(super) async fn complete(
    tx: &Connection,
    keyring: &Keyring,
    wanted: &IdempotencyKey,
    answer: &StoredAnswer,
) -> Result<(), Failure> {
    let sealed = keyring.encrypt(&place(wanted), &answer.body);
    let status_code = i32::from(answer.status_code);
    let project_id = key(wanted.project_id);
    tx.execute(COMPLETE, &[&project_id, &wanted.route, &wanted.key, &status_code, &sealed]).await.map(drop)
}

pub(super) async fn forget(tx: &Connection, wanted: &IdempotencyKey) -> Result<(), Failure> {
    tx.execute(FORGET, &[&key(wanted.project_id), &wanted.route, &wanted.key]).await.map(drop)
}

/// `None`: it is begun now. What is kept longer than promised is as good as gone.
async fn insert_or_find(
    tx: &Connection,
    run_id: RunId,
    beginning: &Beginning,
) -> Result<Option<Known>, Failure> {
    let wanted = &beginning.key;
    let (project_id, run_id) = (key(wanted.project_id), Key(run_id));
    let (sha256, nonce) = (beginning.request_sha256.as_slice(), beginning.nonce.as_slice());
    let kept_since = beginning.now.minus(crate::idempotency::KEPT_FOR).as_unix_ms();
    tx.execute(DELETE_IF_OVER, &[&project_id, &wanted.route, &wanted.key, &kept_since]).await?;
    let now = beginning.now.as_unix_ms();
    let inserted = tx
        .execute(INSERT, &[&project_id, &wanted.route, &wanted.key, &sha256, &now, &run_id, &nonce])
        .await?;
    if inserted == 1 {
        return Ok(None);
    }
    let run_since = beginning.now.minus(crate::idempotency::RUN_FOR).as_unix_ms();
    let found =
        tx.query_opt(FIND, &[&project_id, &wanted.route, &wanted.key, &sha256, &run_id, &run_since]).await?;
    // Forgotten since it was in the way: from the beginning, then.
    let row = found.ok_or(Failure::Again)?;
    Ok(Some(Known {
        same_request: get(&row, 0)?,
        ours: get(&row, 1)?,
        status_code: columns::optional_number::<i32, u16>(&row, 2)?,
        answer: get(&row, 3)?,
        nonce: columns::array(&row, 4)?,
        is_nodes: get(&row, 5)?,
        is_recent: get(&row, 6)?,
    }))
}

async fn take_over(tx: &Connection, run_id: RunId, wanted: &IdempotencyKey) -> Result<(), Failure> {
    tx.execute(TAKE_OVER, &[&key(wanted.project_id), &wanted.route, &wanted.key, &Key(run_id)])
        .await
        .map(drop)
}
