//! Signs and verifies on request, one JSON object a line, so that another language can hold this crate
//! against its own libraries:
//!
//! ```console
//! $ cargo run -p ringback-webhook --example wire
//! {"op":"sign","secrets":["whsec_c2l4dGVlbiBieXRlcyBvciBtb3JlIG9mIGtleQ=="],"id":"wh_1","timestamp":1750287078,"body_base64":"e30="}
//! {"headers":[["webhook-id","wh_1"],["webhook-timestamp","1750287078"],["webhook-signature","v1,…"]]}
//! ```
//!
//! `request.rs` has the requests and their answers. Each answer is written before the next line is read. The
//! exit status is 0 at the end of the input, and 1 after a line that cannot be answered, with the reason on
//! stderr.

mod request;

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use request::{Request, Unanswerable};

#[derive(Debug, thiserror::Error)]
enum Failure {
    /// Without the parser's words: they could repeat a piece of a secret.
    #[error("line {line} is not a request")]
    NotARequest { line: usize },
    #[error("line {line} cannot be answered")]
    Unanswerable { line: usize, source: Unanswerable },
    #[error("cannot read a request or write an answer")]
    Pipe(#[from] io::Error),
}

fn main() -> ExitCode {
    let Err(failure) = run(io::stdin().lock(), io::stdout().lock()) else {
        return ExitCode::SUCCESS;
    };
    let mut message = failure.to_string();
    let mut cause = std::error::Error::source(&failure);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    // Nowhere is left to report that standard error is closed.
    let _ = writeln!(io::stderr(), "wire: {message}");
    ExitCode::FAILURE
}

fn run(requests: impl BufRead, mut answers: impl Write) -> Result<(), Failure> {
    for (index, text) in requests.lines().enumerate() {
        let line = index + 1;
        let request: Request = serde_json::from_str(&text?).map_err(|_| Failure::NotARequest { line })?;
        let answer = request.answer().map_err(|source| Failure::Unanswerable { line, source })?;
        serde_json::to_writer(&mut answers, &answer).map_err(io::Error::from)?;
        answers.write_all(b"\n")?;
        answers.flush()?;
    }
    Ok(())
}
