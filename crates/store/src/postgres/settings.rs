//! Settings of the server that the store's promises hang on, looked at before anything is built on them.

use tokio_postgres::Client;

use super::address::PostgresAddress;
use super::{Refused, rights};
use crate::error::OpenError;

/// PostgreSQL 15, in the server's own numbering.
const OLDEST: i32 = 150_000;

/// Why a server is not fit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the server is PostgreSQL {0}; version 15 or later is needed")]
    TooOld(String),
    #[error(
        "the server runs with {0}=off, so that what was acknowledged may be lost with its power: set it on"
    )]
    NotDurable(&'static str),
    #[error(
        "the database's encoding is {0}; UTF8 is needed, which only a new one can have: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding(String),
    #[error(
        "the server is a standby, or its sessions are read-only: name the primary, or see that default_transaction_read_only is off for the \
         role and the database"
    )]
    ReadOnly,
}

/// What is asked of the server.
const SETTINGS: &str = "\
    SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
           current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', \
           current_setting('server_encoding'), current_setting('transaction_read_only') = 'on', \
           current_setting('synchronous_commit') = 'off', \
           current_setting('max_connections')::int4 - current_setting('superuser_reserved_connections')::int4, \
           (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), \
           (SELECT datconnlimit FROM pg_database WHERE datname = current_database())";

/// Refuses a server that is too old, or that does not keep what it has committed, and a role that may not do
/// what a node has to. Warns of what may become troublesome: `needed` is how many connections this node may
/// have.
pub(super) async fn check(
    client: &Client,
    address: &PostgresAddress,
    needed: usize,
) -> Result<(), OpenError> {
    let refused = Refused::of(address);
    let row = client.query_one(SETTINGS, &[]).await.map_err(|error| refused.by(error))?;
    let unfit = if row.get::<_, i32>(0) < OLDEST {
        Unfit::TooOld(row.get(1))
    } else if !row.get::<_, bool>(2) {
        Unfit::NotDurable("fsync")
    } else if !row.get::<_, bool>(3) {
        Unfit::NotDurable("full_page_writes")
    } else if row.get::<_, &str>(4) != "UTF8" {
        Unfit::Encoding(row.get(4))
    } else if row.get(5) {
        Unfit::ReadOnly
    } else {
        if row.get(6) {
            tracing::warn!(
                "the database's sessions have synchronous_commit=off; Ringback sets it on for what it writes, others may not"
            );
        }
        warn_of_connections(row.get(7), [row.get(8), row.get(9)], needed);
        return rights::check(client, address).await;
    };
    Err(refused.because(unfit))
}

/// A role or a database without a limit has -1.
fn warn_of_connections(of_server: i32, of_role_and_database: [i32; 2], needed: usize) {
    let limits = of_role_and_database.into_iter().filter(|limit| *limit >= 0);
    let allowed = limits.fold(of_server, i32::min);
    if usize::try_from(allowed).is_ok_and(|allowed| allowed < needed) {
        tracing::warn!(
            store.connections_needed = needed,
            store.connections_allowed = allowed,
            "the database allows fewer connections than one node may need: raise max_connections, or the CONNECTION LIMIT of \
             the role or the database"
        );
    }
}
