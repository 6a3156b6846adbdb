//! Whether a way to the server gives a session for as long as the connection lasts, and whether two ways lead
//! to the same rows.
//!
//! A pooler in transaction mode gives each transaction whichever session is free. What is set, prepared or
//! locked over such a connection stays in a session that somebody else uses next, and is missing where it was
//! wanted.
//!
//! Only what leaves nothing behind is said here before that is known. Not guaranteed: that such a pooler is
//! found out every time, if many others use it in just that moment; what fails later for that reason says so
//! (see `failure`).

use tokio_postgres::{Client, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::{Refused, connecting};
use crate::error::OpenError;

/// How often it is looked: others who use the same pooler may hide it once.
const LOOKS: usize = 4;

/// Refuses an address where sessions are shared.
pub(super) async fn refuse_shared(
    own: &Client,
    address: &PostgresAddress,
    tls: &MakeRustlsConnect,
) -> Result<(), OpenError> {
    let other = connect(address, tls).await?;
    match is_shared(own, &other).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(OpenError::Pooler { setting: address.setting(), database: address.to_string() }),
        Err(error) => Err(Refused::of(address).by(error)),
    }
}

/// Whether a connection's session is given to another one, or is not the same each time.
async fn is_shared(own: &Client, other: &Client) -> Result<bool, Error> {
    let session = "SELECT pg_backend_pid()";
    let mine = row(own, session).await?;
    for _ in 0..LOOKS {
        // What this one has while its transaction lasts, the own connection cannot be given.
        let others = row(other, &format!("BEGIN READ ONLY; {session}")).await?;
        if others == mine || row(own, session).await? != mine {
            return Ok(true);
        }
        other.batch_execute("ROLLBACK").await?;
    }
    Ok(false)
}

/// Refuses a pooler's address that does not lead to the database and schema of the own connection, which is
/// known to have a session.
pub(super) async fn refuse_other_rows(
    own: &Client,
    own_address: &PostgresAddress,
    (address, tls): (&PostgresAddress, &MakeRustlsConnect),
) -> Result<(), OpenError> {
    let pooled = connect(address, tls).await?;
    let by_own = |error| Refused::of(own_address).by(error);
    let mut key = row(own, "SELECT (random() * 9e18)::int8").await.map_err(by_own)?;
    let key = key.pop().flatten().unwrap_or_default();
    // Whoever else can have the lock is not in the same database.
    own.batch_execute(&format!("SELECT pg_advisory_lock({key})")).await.map_err(by_own)?;
    let seen = format!("SELECT NOT pg_try_advisory_xact_lock({key}), current_schema()");
    let seen = row(&pooled, &seen).await.map_err(|error| Refused::of(address).by(error))?;
    let unlock = format!("SELECT pg_advisory_unlock({key}), current_schema()");
    if row(own, &unlock).await.map_err(by_own)? == seen {
        return Ok(());
    }
    Err(OpenError::OtherDatabase { database: address.to_string(), session: own_address.to_string() })
}

/// A connection of its own.
pub(super) async fn connect(address: &PostgresAddress, tls: &MakeRustlsConnect) -> Result<Client, OpenError> {
    let connected = connecting::connect(address, tls).await;
    let (client, connection) = connected.map_err(|error| Refused::of(address).because(error))?;
    // It ends with its client.
    TaskTracker::new().spawn(connection);
    Ok(client)
}

/// The columns of the last row that statements come to, which are not prepared.
async fn row(client: &Client, sql: &str) -> Result<Vec<Option<String>>, Error> {
    let messages = client.simple_query(sql).await?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => {
            Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
        }
        _ => None,
    });
    Ok(rows.last().unwrap_or_default())
}
