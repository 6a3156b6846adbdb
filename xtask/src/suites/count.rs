//! Reads counts out of what the test runners print, line by line.
//!
//! | runner | the lines that count |
//! |---|---|
//! | cargo | `Running unittests …`, `Running tests/…`, `Doc-tests …` name the suite of the next `test result: …` |
//! | pytest | the last line, `==== 3 passed, 1 failed in 0.12s ====` |
//! | fuzz | `fuzz TARGET: 123 runs …` is one that held, `fuzz TARGET: ` and anything else one that did not |
//! | node | `ℹ pass 3`, `ℹ fail 1`, … of its `spec` reporter |

use crate::suites::tally::Tally;

/// Whose output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Cargo,
    Pytest,
    Node,
    Fuzz,
}

impl Format {
    /// The suites that this runner runs, by the names that the summary prints.
    pub(crate) fn suites(self) -> &'static [&'static str] {
        match self {
            Self::Cargo => &[UNIT, INTEGRATION, DOCUMENTATION],
            Self::Pytest => &["SDK, Python"],
            Self::Node => &["SDK, Node"],
            Self::Fuzz => &["fuzz"],
        }
    }
}

const UNIT: &str = "unit";
const INTEGRATION: &str = "integration";
const DOCUMENTATION: &str = "documentation";

/// The counts so far, and which suite the next lines belong to.
#[derive(Debug)]
pub(crate) struct Counter {
    format: Format,
    current: usize,
    tallies: Vec<Tally>,
}

impl Counter {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, current: 0, tallies: vec![Tally::default(); format.suites().len()] }
    }

    /// Takes the next line of the runner's output, without its line break.
    pub(crate) fn read(&mut self, line: &str) {
        match self.format {
            Format::Cargo => self.read_cargo(line.trim()),
            Format::Pytest => self.read_pytest(line.trim()),
            Format::Node => self.read_node(line.trim()),
            Format::Fuzz => self.read_fuzz(line),
        }
    }

    /// One tally for each of [`Format::suites`], in their order.
    pub(crate) fn finish(self) -> Vec<Tally> {
        self.tallies
    }

    fn read_cargo(&mut self, line: &str) {
        if let Some(suite) = cargo_suite(line) {
            self.current = Format::Cargo.suites().iter().position(|name| *name == suite).unwrap_or(0);
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            // "ok. 3 passed; 0 failed; 1 ignored; …": the verdict's full stop separates as a semicolon does.
            let counts = counts.replace(". ", "; ");
            self.add_counted(counts.split(';'));
        }
    }

    fn read_pytest(&mut self, line: &str) {
        let line = line.trim_matches(['=', ' ']);
        let Some((counts, seconds)) = line.rsplit_once(" in ") else { return };
        if seconds.starts_with(|first: char| first.is_ascii_digit()) && seconds.contains('s') {
            self.add_counted(counts.split(','));
        }
    }

    fn read_node(&mut self, line: &str) {
        let Some(counted) = line.strip_prefix("ℹ ") else { return };
        if let Some((word, count)) = counted.split_once(' ') {
            self.add(word, count.parse().unwrap_or(0));
        }
    }

    fn read_fuzz(&mut self, line: &str) {
        let target = line.strip_prefix("fuzz ").and_then(|line| line.split_once(": "));
        // Only at the beginning of a line with a single word for a target: a finding's log follows, and may
        // say anything.
        let Some((_, said)) = target.filter(|(name, _)| !name.contains(' ')) else { return };
        let held = said.starts_with(|first: char| first.is_ascii_digit());
        self.add(if held { "passed" } else { "failed" }, 1);
    }

    /// Adds phrases such as `3 passed`; phrases that are none are passed over.
    fn add_counted<'line>(&mut self, phrases: impl Iterator<Item = &'line str>) {
        for phrase in phrases {
            if let Some((count, word)) = phrase.trim().split_once(' ')
                && let Ok(count) = count.parse()
            {
                self.add(word, count);
            }
        }
    }

    fn add(&mut self, word: &str, count: u64) {
        let tally = &mut self.tallies[self.current];
        match word {
            "passed" | "pass" | "xpassed" => tally.passed += count,
            "failed" | "fail" | "error" | "errors" | "cancelled" => tally.failed += count,
            "ignored" | "skipped" | "xfailed" | "todo" => tally.skipped += count,
            _ => {}
        }
    }
}

fn cargo_suite(line: &str) -> Option<&'static str> {
    if line.starts_with("Doc-tests ") {
        return Some(DOCUMENTATION);
    }
    let target = line.strip_prefix("Running ")?;
    Some(if target.starts_with("unittests ") { UNIT } else { INTEGRATION })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tallies(format: Format, output: &str) -> Vec<Tally> {
        let mut counter = Counter::new(format);
        output.lines().for_each(|line| counter.read(line));
        counter.finish()
    }

    fn tally(passed: u64, failed: u64, skipped: u64) -> Tally {
        Tally { passed, failed, skipped }
    }

    #[test]
    fn cargo_counts_go_to_the_suite_that_was_named_last() {
        let output = "\
            \x20    Running unittests src/lib.rs (target/debug/deps/ringback_domain-0a1b)
running 3 tests
test retry::tests::passed ... ok
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running unittests src/main.rs (target/debug/deps/ringback-0a1b)
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
     Running tests/conformance.rs (target/debug/deps/conformance-0a1b)
test result: FAILED. 40 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 1.20s
   Doc-tests ringback_webhook
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.50s
";
        assert_eq!(tallies(Format::Cargo, output), [tally(3, 0, 0), tally(40, 2, 1), tally(5, 0, 0)]);
    }

    #[test]
    fn pytest_counts_come_from_its_last_line() {
        let read = |line: &str| tallies(Format::Pytest, line)[0];
        assert_eq!(read("======== 37 passed in 8.52s ========"), tally(37, 0, 0));
        assert_eq!(
            read("=== 1 failed, 34 passed, 2 skipped, 1 error in 61.20s (0:01:01) ==="),
            tally(34, 2, 2)
        );
        assert_eq!(read("3 passed, 1 warning in 0.10s"), tally(3, 0, 0));
        assert_eq!(read("=== no tests ran in 0.01s ==="), tally(0, 0, 0));
        assert_eq!(read("test_webhooks.py .... 3 passed in spirit"), tally(0, 0, 0));
    }

    #[test]
    fn node_counts_come_from_its_summary() {
        let output = "\
✔ response.completed is accepted (12.3ms)
ℹ tests 40
ℹ suites 2
ℹ pass 36
ℹ fail 1
ℹ cancelled 1
ℹ skipped 1
ℹ todo 1
ℹ duration_ms 8123.4
";
        assert_eq!(tallies(Format::Node, output), [tally(36, 2, 2)]);
    }

    #[test]
    fn each_fuzz_target_is_a_test() {
        let output = "\
   Compiling ringback-fuzz v0.1.0
fuzz headers: 524288 runs in 20 s, coverage 900 edges, 2400 features
fuzz envelope: finding after 7 runs: fuzz/artifacts/envelope/crash-1f
thread 'main' panicked: fuzz or not: this is a log
fuzz request: broken: no coverage was measured
";
        assert_eq!(tallies(Format::Fuzz, output), [tally(1, 2, 0)]);
    }
}
