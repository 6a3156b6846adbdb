//! The table at the end of a run, and whether the run was green.

use crate::suites::count::Format;
use crate::suites::runner::Outcome;
use crate::suites::say;
use crate::suites::tally::Tally;

/// Collects what the stages and suites of one run came to.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    tally: Tally,
    /// Why the row counts a failure that no test reported.
    fault: Option<&'static str>,
}

impl Summary {
    /// Adds a stage that runs no tests; it has a row only if it failed.
    pub(crate) fn stage(&mut self, name: &str, succeeded: bool) {
        if !succeeded {
            self.rows.push(broken(name, Tally::default(), "this step failed"));
        }
    }

    /// Adds one runner's suites.
    pub(crate) fn suites(&mut self, format: Format, outcome: Outcome) {
        let rows = format.suites().iter().zip(outcome.tallies).map(|(name, tally)| suite(name, tally));
        let mut rows: Vec<Row> = rows.collect();
        // A crash or a compile error ends a runner without a failed test to its name.
        if !outcome.succeeded && rows.iter().all(|row| row.tally.failed == 0) {
            let name = format!("{format:?} runner");
            rows.push(broken(&name, Tally::default(), "ended with an error that no test reported"));
        }
        self.rows.append(&mut rows);
    }

    /// Whether every stage and every test of every suite succeeded.
    pub(crate) fn is_green(&self) -> bool {
        self.total().failed == 0
    }

    /// Prints the table and, as the very last line, the total.
    pub(crate) fn print(&self) {
        self.lines().iter().for_each(|line| say(line));
    }

    fn lines(&self) -> Vec<String> {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut lines = vec![String::new()];
        for Row { name, tally, fault } in &self.rows {
            let fault = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
            lines.push(format!("  {name:width$}  {tally}{fault}"));
        }
        lines.push(self.total().to_string());
        lines
    }

    fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.rows.iter().for_each(|row| total += row.tally);
        total
    }
}

fn suite(name: &str, tally: Tally) -> Row {
    if tally.ran() {
        return Row { name: name.to_owned(), tally, fault: None };
    }
    broken(name, tally, "no test ran")
}

fn broken(name: &str, tally: Tally, fault: &'static str) -> Row {
    Row { name: name.to_owned(), tally: Tally { failed: tally.failed + 1, ..tally }, fault: Some(fault) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(passed: u64, failed: u64) -> Tally {
        Tally { passed, failed, skipped: 0 }
    }

    fn outcome(tallies: &[Tally], succeeded: bool) -> Outcome {
        Outcome { tallies: tallies.to_vec(), succeeded }
    }

    #[test]
    fn a_green_run_ends_with_its_total() {
        let mut summary = Summary::default();
        summary.stage("build", true);
        summary.suites(Format::Cargo, outcome(&[tally(10, 0), tally(3, 0), tally(2, 0)], true));
        summary.suites(Format::Node, outcome(&[Tally { passed: 5, failed: 0, skipped: 1 }], true));
        let lines = summary.lines();
        assert_eq!(lines[1], "  unit           10 passed, 0 failed");
        assert_eq!(lines.last().unwrap(), "20 passed, 0 failed, 1 skipped");
        assert!(summary.is_green());
    }

    #[test]
    fn failed_tests_are_counted_once() {
        let mut summary = Summary::default();
        summary.suites(Format::Pytest, outcome(&[tally(4, 2)], false));
        assert_eq!(summary.lines().last().unwrap(), "4 passed, 2 failed");
        assert!(!summary.is_green());
    }

    #[test]
    fn a_suite_that_ran_nothing_is_a_failure() {
        let mut summary = Summary::default();
        summary.suites(Format::Node, outcome(&[tally(0, 0)], true));
        assert_eq!(summary.lines()[1], "  SDK, Node  0 passed, 1 failed (no test ran)");
        assert!(!summary.is_green());
    }

    #[test]
    fn a_runner_that_broke_is_a_failure_even_if_its_tests_passed() {
        let mut summary = Summary::default();
        summary.suites(Format::Cargo, outcome(&[tally(10, 0), tally(3, 0), tally(2, 0)], false));
        assert_eq!(summary.lines().last().unwrap(), "15 passed, 1 failed");
    }

    #[test]
    fn a_failed_stage_is_a_failure() {
        let mut summary = Summary::default();
        summary.stage("build", false);
        assert_eq!(
            summary.lines(),
            ["", "  build  0 passed, 1 failed (this step failed)", "0 passed, 1 failed"]
        );
        assert!(!summary.is_green());
    }
}
