//! Exit codes, and the errors behind them.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use ringback_store::{OpenError, ServerTrouble};

use crate::output;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// The person's flags or settings are off. Exit code 2, as for flags that clap refuses.
    #[error("{0}")]
    Usage(String),
    /// The server, or the receiver of a triggered call, cannot be reached. Exit code 3.
    #[error("cannot reach {url}: {reason}")]
    Unreachable { url: String, reason: String },
    /// The database cannot be reached. Exit code 3.
    #[error("{message}")]
    NoDatabase {
        message: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The server, or the receiver of a triggered call, said no. Exit code 4.
    #[error("{message}")]
    Refused { message: String },
    /// The database server lets nobody in by this address, or is not fit. Exit code 4.
    #[error("{message}")]
    DatabaseRefused {
        message: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The server cannot start. Exit code 5.
    #[error("cannot start: {message}")]
    CannotStart {
        message: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// What was waited for has ended, and not all of it was delivered. Exit code 6.
    #[error("{message}")]
    NotDelivered { message: String },
    /// The database was looked at, and something needs doing. Exit code 7.
    #[error("{}", needs.join("\n"))]
    NeedsAttention { needs: Vec<String> },
    /// The person pressed Ctrl-C; what was watched goes on. Exit code 130, as shells have it.
    #[error("{message}")]
    Interrupted { message: String },
    /// The person was asked, and did not say yes. Exit code 1.
    #[error("{message}")]
    Declined { message: String },
    /// Something else went wrong. Exit code 1.
    #[error("{message}")]
    Failed {
        message: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl CliError {
    /// The server cannot start, because of this error, whose text says what to do.
    pub(crate) fn cannot_start(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::CannotStart { message: error.to_string(), source: causes(&error) }
    }

    /// Something went wrong, because of this error, whose text says what to do.
    pub(crate) fn failed_by(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Failed { message: error.to_string(), source: causes(error) }
    }

    /// The database could not be used, because of this error, whose text says what to do.
    pub(crate) fn of_database(error: &OpenError) -> Self {
        let message = error.to_string();
        match error.server_trouble() {
            Some(ServerTrouble::Absent) => Self::NoDatabase { message, source: causes(error) },
            Some(ServerTrouble::NoConnectionLeft | ServerTrouble::Refusal) => {
                Self::DatabaseRefused { message, source: causes(error) }
            }
            None => Self::failed_by(error),
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Failed { .. } | Self::Declined { .. } => 1,
            Self::Usage(_) => 2,
            Self::Unreachable { .. } | Self::NoDatabase { .. } => 3,
            Self::Refused { .. } | Self::DatabaseRefused { .. } => 4,
            Self::CannotStart { .. } => 5,
            Self::NotDelivered { .. } => 6,
            Self::NeedsAttention { .. } => 7,
            Self::Interrupted { .. } => 130,
        }
    }
}

/// What an error says is behind it, each once.
fn causes(error: &(dyn std::error::Error + 'static)) -> Option<Box<dyn std::error::Error + Send + Sync>> {
    let mut causes: Vec<String> = Vec::new();
    for cause in std::iter::successors(error.source(), |cause| cause.source()) {
        let text = cause.to_string();
        // Some libraries' errors say again what they wrap.
        if causes.last().is_none_or(|said| !text.ends_with(said.as_str())) {
            causes.push(text);
        }
    }
    (!causes.is_empty()).then(|| causes.join(": ").into())
}

/// What `--help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes: 0 done, 1 something went wrong or was not confirmed, 2 wrong flags or settings, 3 nobody there to talk to, \
4 the server, receiver or database said no, 5 the server cannot start, 6 not all that was waited for was delivered, 7 the database needs attention, \
130 interrupted by Ctrl-C.";

/// Tells the person, with the causes below, and gives the exit code.
pub(crate) fn report(error: &CliError) -> ExitCode {
    // What the person decided is no error.
    if let CliError::Interrupted { message } | CliError::Declined { message } = error {
        output::talk(message);
        return ExitCode::from(error.code());
    }
    if let CliError::NeedsAttention { needs } = error {
        let yellow = Style::new().bold().fg_color(Some(AnsiColor::Yellow.into()));
        for need in needs {
            output::talk(format_args!("{yellow}attention:{yellow:#} {need}"));
        }
        return ExitCode::from(error.code());
    }
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    output::talk(format_args!("{red}error:{red:#} {error}"));
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        output::talk(format_args!("  because: {current}"));
        cause = current.source();
    }
    ExitCode::from(error.code())
}
