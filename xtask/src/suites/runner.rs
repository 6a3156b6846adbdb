//! Starts a command, shows what it prints as it comes, and reads along.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::process::{Child, Command, Stdio};

use crate::Failure;
use crate::suites::count::{Counter, Format};
use crate::suites::say;
use crate::suites::tally::Tally;

/// What became of one runner.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One for each of [`Format::suites`].
    pub(crate) tallies: Vec<Tally>,
    /// Whether the runner ended with exit code 0.
    pub(crate) succeeded: bool,
}

/// Runs a command that tests nothing; returns whether it succeeded.
pub(crate) fn pass(command: &mut Command) -> Result<bool, Failure> {
    announce(command);
    command.status().map(|status| status.success()).or_else(|cause| could_not_start(command, &cause))
}

/// Runs a test runner and counts its tests.
pub(crate) fn count(command: &mut Command, format: Format) -> Result<Outcome, Failure> {
    announce(command);
    let mut counter = Counter::new(format);
    let succeeded = match start(command) {
        Ok((child, output)) => follow(child, output, &mut counter).map_err(|cause| lost(command, &cause))?,
        Err(cause) => could_not_start(command, &cause)?,
    };
    Ok(Outcome { tallies: counter.finish(), succeeded })
}

/// Gives stdout and stderr the same pipe: cargo names a suite on one and its result on the other, and only
/// one pipe keeps their order.
fn start(command: &mut Command) -> io::Result<(Child, PipeReader)> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn();
    // The command holds writing ends of its own, and reading would never end while they are open.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok((child?, reader))
}

fn follow(mut child: Child, output: PipeReader, counter: &mut Counter) -> io::Result<bool> {
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        say(&line);
        counter.read(&line);
    }
    Ok(child.wait()?.success())
}

fn announce(command: &Command) {
    say(&format!("\n$ {}", shown(command)));
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// A runner that is not there is a failed suite, not the end of the run: the others can still tell something.
fn could_not_start(command: &Command, cause: &io::Error) -> Result<bool, Failure> {
    say(&format!("cannot start `{}`: {cause}", shown(command)));
    Ok(false)
}

fn lost(command: &Command, cause: &io::Error) -> Failure {
    Failure::new(format!("lost the output of `{}`: {cause}", shown(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn keeps_the_order_of_stdout_and_stderr() {
        let script = "echo 'Running tests/a.rs' >&2; echo 'test result: ok. 2 passed; 0 failed'; \
                      echo 'Doc-tests a' >&2; echo 'test result: ok. 1 passed; 0 failed'";
        let outcome = count(&mut shell(script), Format::Cargo).unwrap();
        assert!(outcome.succeeded);
        assert_eq!(outcome.tallies.iter().map(|tally| tally.passed).collect::<Vec<_>>(), [0, 2, 1]);
    }

    #[test]
    fn a_failing_command_and_a_missing_one_both_failed() {
        assert!(!count(&mut shell("exit 3"), Format::Node).unwrap().succeeded);
        assert!(!count(&mut Command::new("/nonexistent/runner"), Format::Node).unwrap().succeeded);
        assert!(!pass(&mut Command::new("/nonexistent/step")).unwrap());
        assert!(pass(&mut shell("true")).unwrap());
    }
}
