//! The project's own chores, run as `cargo xtask CHORE`.
//!
//! - `tidy` holds the rules of the house that no compiler or linter holds ([`tidy`]).
//! - `test` runs every test suite of the project and sums them up ([`suites`]).
//! - `fuzz` looks for inputs that break what must hold ([`fuzz`]).
//! - `seed` fills a database with a long history, and `costs` says what the store's operations cost in one
//!   ([`measure`]).
//!
//! A chore works on the workspace that it is called in, and asks cargo where that is. It prints what it finds
//! and ends with exit code 0 when all is well, 1 when it is not, and 2 when the command line was not
//! understood. The chores change nothing in the source tree, except that `test` installs what the SDK suites
//! need into folders that version control ignores, and `fuzz` builds and keeps its findings in such folders.

mod failure;
mod files;
mod fuzz;
mod measure;
mod suites;
mod tidy;
mod workspace;

use std::process::ExitCode;

use failure::Failure;

const USAGE: &str = "usage: cargo xtask CHORE

chores:
  tidy   check the crates' floors, lints, module headers, file lengths, words and links
  test   build everything, run every test suite, print one summary
  fuzz   [--seconds N] [TARGET...]  run the fuzz targets, 20 s each unless said otherwise
  seed   DATABASE [--events N]  fill an empty database (postgres://… or a data folder) with a history; --help says more
  costs  [--events N]  compare what operations cost in a long history and in a short one; --help says more";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let verdict = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy::run(),
        ["test"] => suites::run(),
        ["fuzz", ref rest @ ..] if let Some(request) = fuzz::Request::parse(rest) => fuzz::run(&request),
        [chore @ ("seed" | "costs"), ref rest @ ..] => measure::run(chore, rest),
        _ => {
            report(USAGE);
            return ExitCode::from(2);
        }
    };
    match verdict {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            report(&format!("xtask: {failure}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a command-line program talks to its user on stderr")]
fn report(text: &str) {
    eprintln!("{text}");
}

/// `Ok(true)`: all is well; `Ok(false)`: the chore ran and found something; `Err`: it could not run.
type Verdict = Result<bool, Failure>;
