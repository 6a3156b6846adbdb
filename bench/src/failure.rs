//! Why a run comes to nothing.

use std::error::Error;
use std::io::{self, Write as _};
use std::time::Duration;

use http::StatusCode;

/// Ends the run; the message says what was attempted, `source()` why it failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot {action}")]
    Io { action: &'static str, source: io::Error },
    #[error("cannot {action}")]
    Http { action: &'static str, source: hyper::Error },
    #[error("a database failed")]
    Sqlite(#[from] rusqlite::Error),
    #[error("a PostgreSQL server failed")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("the store cannot open a database")]
    Open(#[from] ringback_store::OpenError),
    #[error("the store failed")]
    Store(#[from] ringback_store::StoreError),
    #[error("the database's address cannot be used")]
    Address(#[source] Box<dyn Error + Send + Sync>),
    #[error("the database has been seeded already; begin with an empty one")]
    AlreadySeeded,
    #[error("the database has not been seeded: `cargo xtask seed` does that")]
    NotSeeded,
    #[error("somebody else uses the database, or it does not end its connections")]
    Busy,
    #[error("PostgreSQL 15 or later is not installed")]
    NoPostgres,
    #[error("initdb failed: {0}")]
    Initdb(String),
    #[error("cargo could not build the release binary; its messages are above")]
    Build,
    #[error(
        "this is a debug build, in which the floor is no floor: run with --release, or with --quick for a smoke test"
    )]
    DebugBuild,
    #[error("there is no scenario {letter:?}; there are a to h, and j")]
    NoScenario { letter: char },
    #[error("{server} did not become ready: it said {line:?}")]
    NotReady { server: &'static str, line: String },
    #[error("{server} was not ready for traffic within {} s", .after.as_secs())]
    StillNotReady { server: &'static str, after: Duration },
    #[error("{server} did not stop within {} s", .after.as_secs())]
    NotStopped { server: &'static str, after: Duration },
    #[error("the API answered {status}: {body}")]
    Api { status: StatusCode, body: String },
    #[error("an answer lacks the field {field:?}")]
    MissingField { field: &'static str },
    #[error("a task of the load ended early")]
    Task(#[from] tokio::task::JoinError),
    #[error("the group-commit thread has ended; its database failed")]
    WriterGone,
    #[error("/proc/{pid} is not as expected: this measures on Linux only")]
    Proc { pid: u32 },
}

impl Failure {
    /// For `map_err`: an I/O error of what was attempted.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }

    /// For `map_err`: an HTTP error of what was attempted.
    pub(crate) fn http(action: &'static str) -> impl FnOnce(hyper::Error) -> Self {
        move |source| Self::Http { action, source }
    }

    /// Says it on stderr, with its causes.
    pub(crate) fn tell(&self) {
        let mut text = format!("ringback-bench: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        tell(&text);
    }
}

/// Says something on stderr: what a reader of the report need not see.
pub(crate) fn tell(text: &str) {
    // Nobody is left to tell that stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
