//! How many tests passed, failed and were skipped.

use std::fmt;
use std::ops::AddAssign;

/// Counts of one suite, or of several added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Ignored, skipped, or expected to fail and not run.
    pub(crate) skipped: u64,
}

impl Tally {
    /// Whether any test ran: a skipped one did not.
    pub(crate) fn ran(self) -> bool {
        self.passed + self.failed > 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// `N passed, N failed`, and `, N skipped` only if there are any.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_skipped_tests_only_if_there_are_any() {
        let mut tally = Tally { passed: 3, failed: 1, skipped: 0 };
        assert_eq!(tally.to_string(), "3 passed, 1 failed");
        tally += Tally { passed: 0, failed: 0, skipped: 2 };
        assert_eq!(tally.to_string(), "3 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_suite_of_skipped_tests_did_not_run() {
        assert!(!Tally { skipped: 5, ..Tally::default() }.ran());
        assert!(Tally { failed: 1, ..Tally::default() }.ran());
    }
}
