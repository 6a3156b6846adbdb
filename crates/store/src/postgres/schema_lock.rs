//! The lock of the schema, which one process at a time has: a node from before it looks at the schema until
//! it is registered, and `ringback db migrate`. Who waits for it says so, and for whom.
//!
//! It belongs to a session and goes with it. Not guaranteed: that the waiting ends; whoever started it can
//! stop it.

use std::time::Instant;

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error};

use super::locks::SCHEMA;

/// How long it is waited for without a word.
const QUIETLY: &str = "SET lock_timeout = '1s'";

/// Who has it, as far as the role is shown: others' addresses it may not see.
const HOLDER: &str = "\
    SELECT l.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), '') \
    FROM pg_locks AS l LEFT JOIN pg_stat_activity AS a USING (pid) \
    WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    AND l.classid = $1 AND l.objid = 0 AND l.objsubid = 2 LIMIT 1";

/// Takes it for this session, however long others have it.
pub(super) async fn take(client: &Client) -> Result<(), Error> {
    let lock = format!("SELECT pg_advisory_lock({SCHEMA}, 0)");
    client.batch_execute(QUIETLY).await?;
    match client.batch_execute(&lock).await {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {}
        outcome => {
            outcome?;
            return client.batch_execute("RESET lock_timeout").await;
        }
    }
    let began = Instant::now();
    tell_holder(client).await?;
    client.batch_execute(&format!("SET lock_timeout = 0; {lock}")).await?;
    client.batch_execute("RESET lock_timeout").await?;
    tracing::info!(
        store.waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "the lock of the database's schema is free: going on"
    );
    Ok(())
}

/// Gives it back.
pub(super) async fn give_back(client: &Client) -> Result<(), Error> {
    client.batch_execute(&format!("SELECT pg_advisory_unlock({SCHEMA}, 0)")).await
}

async fn tell_holder(client: &Client) -> Result<(), Error> {
    let class = u32::try_from(SCHEMA).expect("the number of a kind of lock is positive");
    let holder = client.query_opt(HOLDER, &[&class]).await?;
    let (pid, program, address) = match &holder {
        Some(row) => (row.get(0), row.get(1), row.get(2)),
        // It has just let go of it, or another one waits in front.
        None => (0, "", ""),
    };
    tracing::warn!(
        store.holder_pid = pid,
        store.holder_program = program,
        store.holder_address = address,
        "waiting for the lock of the database's schema, which another node at its start or `ringback db migrate` has"
    );
    Ok(())
}
