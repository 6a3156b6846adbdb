//! What can go wrong on the way to the rows and back, and what the store makes of it.
//!
//! PostgreSQL says in an error's detail which row it was about, with all its columns: a payload, a token. Of
//! what it says only the message and the names are kept, never the detail.

use std::error::Error;
use std::sync::Arc;

use tokio_postgres::error::{DbError, Severity, SqlState};

use super::connecting::ConnectError;
use crate::error::StoreError;

/// What the server, or the way to it, has against a statement.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    /// The server refused it.
    #[error("{message} (SQLSTATE {code})")]
    Server {
        /// What kind of refusal.
        code: String,
        /// In the server's words; names tables and constraints, never a row's content.
        message: String,
        /// Whether the session ends with it.
        ends_session: bool,
    },
    /// It does not know what was prepared over this very connection.
    #[error(
        "the server does not know a statement of this connection ({message}): a pooler is in between that gives each transaction another \
         session; name the server itself as `database_session` (--database-session), beside the pooler as `database`"
    )]
    Pooled {
        /// In the server's words; names the statement.
        message: String,
    },
    /// The pooler gives a session away with each statement.
    #[error("the pooler gives each statement another session ({message}): set its pool_mode to transaction")]
    EachStatementPooled {
        /// In the pooler's words.
        message: String,
    },
    /// It did not get there, or no answer came back.
    #[error("no answer from the database server")]
    Connection(#[source] tokio_postgres::Error),
    /// It was given up: the server is slow, stopped, or cut off.
    #[error("no answer from the database server within the time allowed")]
    NoAnswer,
    /// No connection could be made.
    #[error("no connection to the database")]
    NotConnected(#[source] ConnectError),
    /// A statement came to another number of rows than it can.
    #[error("a statement came to an unexpected number of rows")]
    RowCount,
    /// No connection was free for a while, or none could be made in time.
    #[error("no connection to the database server within the time allowed")]
    NoConnection,
    /// No partition is for the time that an id was made at.
    #[error(
        "the table {table} has no partition for the time of this row: the clock of this machine was days off that of the database \
         server when its id was made"
    )]
    NoPartition {
        /// `events` or `attempts`.
        table: String,
    },
    /// Ids made now would have no partition.
    #[error(
        "the clock of this machine is {by} {side} that of the database server, and rows of its time have no place there: set it \
         by NTP"
    )]
    ClockOff {
        /// Such as `40 days`.
        by: String,
        /// `ahead of` or `behind`.
        side: &'static str,
    },
    /// What other nodes change cannot be read here.
    #[error("the configuration has not been read for 5 s")]
    Stale,
    /// Others took this node for dead, and it has not come back yet.
    #[error("this node is not among the nodes that the database knows to live")]
    NotRegistered,
    /// Something else took its place twice over, see [`Failure::Again`].
    #[error("the transaction met others again and again")]
    Contended,
}

/// Why a piece of work on the rows gives up. Its transaction is rolled back.
#[derive(Debug)]
pub(super) enum Failure {
    /// An answer to the caller, such as "not found".
    Answer(StoreError),
    /// The database refuses this very row; with others in its transaction, those may go.
    Refused(DatabaseError),
    /// The transaction met another one: the same again may succeed.
    Again,
    /// The database does not take it, whatever it is.
    Unavailable(DatabaseError),
    /// The answer to a commit was lost: whether it is committed nobody knows.
    InDoubt(DatabaseError),
    /// A row that cannot be read back.
    Unreadable(Arc<dyn Error + Send + Sync>),
    /// The store is closed.
    Closed,
}

impl Failure {
    /// A row that holds what it cannot hold: the database was changed by other means.
    pub(super) fn unreadable(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unreadable(Arc::new(error))
    }

    /// A row refers to something that is not there.
    pub(super) fn refers_to_nothing(what: &'static str) -> Self {
        let code = SqlState::FOREIGN_KEY_VIOLATION.code().to_owned();
        Self::Refused(DatabaseError::Server {
            code,
            message: format!("a row refers to a {what} that does not exist"),
            ends_session: false,
        })
    }

    /// Whether a row that others are written with may be the reason: without it, those may go.
    pub(super) fn may_be_of_one_row(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Unavailable(DatabaseError::NoPartition { .. }))
    }

    /// Whether the server has ended a statement that took too long: what is less may go.
    pub(super) fn is_of_size(&self) -> bool {
        let Self::Unavailable(DatabaseError::Server { code, .. }) = self else { return false };
        code == SqlState::QUERY_CANCELED.code()
    }

    /// The same of a commit. Only an error within the session says that it was rolled back: who ends the
    /// session instead, as a server that is stopped or a pooler that lost it, may have committed before.
    pub(super) fn at_commit(self) -> Self {
        match self {
            Self::Unavailable(DatabaseError::Server { ends_session: false, .. }) => self,
            Self::Unavailable(error) => Self::InDoubt(error),
            other => other,
        }
    }

    /// No such thing.
    pub(super) fn not_found(noun: &'static str) -> Self {
        Self::Answer(StoreError::NotFound { noun })
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            return Self::Unavailable(DatabaseError::Connection(error));
        };
        let code = refusal.code();
        if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE {
            return Self::Again;
        }
        if refusal.message().contains("statement pooling mode") {
            return Self::Unavailable(DatabaseError::EachStatementPooled {
                message: refusal.message().to_owned(),
            });
        }
        if is_of_statement(code) {
            return Self::Unavailable(DatabaseError::Pooled { message: refusal.message().to_owned() });
        }
        // That a row violates a constraint is said of one with a name.
        if *code == SqlState::CHECK_VIOLATION && refusal.constraint().is_none() {
            let table = refusal.table().unwrap_or_default().to_owned();
            return Self::Unavailable(DatabaseError::NoPartition { table });
        }
        let said = DatabaseError::Server {
            code: code.code().to_owned(),
            message: refusal.message().to_owned(),
            ends_session: ends_session(refusal),
        };
        // Of the data itself, of a constraint, or of a size that an index cannot take.
        match code.code().get(..2) {
            Some("22" | "23" | "54") => Self::Refused(said),
            _ => Self::Unavailable(said),
        }
    }
}

/// A prepared statement is not there, or is there before it was prepared.
fn is_of_statement(code: &SqlState) -> bool {
    *code == SqlState::INVALID_SQL_STATEMENT_NAME || *code == SqlState::DUPLICATE_PSTATEMENT
}

/// Whether nothing follows in the session.
fn ends_session(refusal: &DbError) -> bool {
    is_fatal(refusal) || is_of_the_way(refusal)
}

fn is_fatal(refusal: &DbError) -> bool {
    matches!(refusal.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
}

/// The server ends, or has ended this session; or the way to it is broken.
fn is_of_the_way(refusal: &DbError) -> bool {
    let code = refusal.code().code();
    code.starts_with("57P") || code.starts_with("08")
}

/// What an error says of the connection that it came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    Sound,
    /// It is not to be used again.
    Broken,
    /// Nor are the others: the server is gone, or is no primary any more.
    AllDoubtful,
}

/// Judges an error by who it is from, and what kind.
pub(super) fn verdict(error: &tokio_postgres::Error) -> Verdict {
    let Some(refusal) = error.as_db_error() else {
        let is_lost = error.is_closed() || error.source().is_some_and(<dyn Error>::is::<std::io::Error>);
        return if is_lost { Verdict::AllDoubtful } else { Verdict::Broken };
    };
    // Or it has become a standby.
    if is_of_the_way(refusal) || *refusal.code() == SqlState::READ_ONLY_SQL_TRANSACTION {
        Verdict::AllDoubtful
    } else if is_fatal(refusal)
        || is_of_statement(refusal.code())
        || (refusal.code().code().starts_with("53") && *refusal.code() != SqlState::DISK_FULL)
    {
        // It has no memory; or this session alone is over, or is not the one it was. That there is no room on
        // the disk is no session's fault.
        Verdict::Broken
    } else {
        Verdict::Sound
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::Unavailable(DatabaseError::NotConnected(error))
    }
}

impl From<StoreError> for Failure {
    fn from(answer: StoreError) -> Self {
        Self::Answer(answer)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Answer(answer) => answer,
            Failure::Refused(error) => Self::Refused(Arc::new(error)),
            Failure::Again => Self::Unavailable(Arc::new(DatabaseError::Contended)),
            Failure::Unavailable(error) => Self::Unavailable(Arc::new(error)),
            Failure::InDoubt(error) => Self::InDoubt(Arc::new(error)),
            Failure::Unreadable(source) => Self::Corrupt { noun: "row", source },
            Failure::Closed => Self::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::{Server, connect};
    use super::*;

    #[tokio::test]
    async fn a_statement_that_a_session_lost_speaks_of_a_pooler() {
        let client = connect(&Server::get().url("postgres")).await.unwrap();
        let statement = client.prepare("SELECT 1").await.unwrap();
        client.batch_execute("DEALLOCATE ALL").await.unwrap();
        let error = client.query(&statement, &[]).await.unwrap_err();
        assert_eq!(verdict(&error), Verdict::Broken);
        let Failure::Unavailable(said) = Failure::from(error) else { panic!("it is no matter of the data") };
        assert!(said.to_string().contains("--database-session"), "{said}");
    }
}
