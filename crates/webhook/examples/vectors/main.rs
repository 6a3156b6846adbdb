//! Prints what this crate says to each case of a file of verification vectors:
//!
//! ```console
//! $ cargo run -p ringback-webhook --example vectors -- FILE
//! NAME accept
//! NAME reject CAUSE
//! ```
//!
//! The form of the file is described in `cases.rs`. The exit status is 0 whatever the verdicts, 1 when the
//! file cannot be read, and 2 when the command line is wrong.

mod cases;

use std::{
    fs,
    io::{self, Write},
    process::ExitCode,
};

use cases::{Case, CasesError};

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("usage: vectors FILE")]
    Usage,
    #[error("cannot read the file")]
    Unreadable(#[source] io::Error),
    #[error("the file holds no readable vectors")]
    Cases(#[source] CasesError),
    #[error("cannot write the verdicts")]
    Output(#[source] io::Error),
}

fn main() -> ExitCode {
    let Err(failure) = run() else {
        return ExitCode::SUCCESS;
    };
    let mut message = failure.to_string();
    let mut cause = std::error::Error::source(&failure);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    // Nowhere is left to report that standard error is closed.
    let _ = writeln!(io::stderr(), "vectors: {message}");
    ExitCode::from(if matches!(failure, Failure::Usage) { 2 } else { 1 })
}

fn run() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let (Some(path), None) = (args.next(), args.next()) else {
        return Err(Failure::Usage);
    };
    let text = fs::read_to_string(path).map_err(Failure::Unreadable)?;
    let cases = cases::read(&text).map_err(Failure::Cases)?;
    print(&cases).map_err(Failure::Output)
}

fn print(cases: &[Case]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for case in cases {
        match case.verdict() {
            Ok(()) => writeln!(out, "{} accept", case.name)?,
            Err(cause) => writeln!(out, "{} reject {cause}", case.name)?,
        }
    }
    out.flush()
}
