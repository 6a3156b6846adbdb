//! One thing that is not as it should be, and where.

use std::path::{Path, PathBuf};

/// A broken rule at a place. Sorts by place, so that the report reads from file to file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: PathBuf,
    /// Counted from 1, as editors and compilers do.
    line: usize,
    /// What is wrong, and what to do about it.
    message: String,
}

impl Violation {
    /// At `line` of `path`, counted from 1.
    pub(crate) fn new(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }

    /// The line that is printed, its path shortened to what follows `root`.
    pub(crate) fn relative_to(&self, root: &Path) -> String {
        let path = self.path.strip_prefix(root).unwrap_or(&self.path);
        format!("{}:{}: {}", path.display(), self.line, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_path_line_and_message() {
        let violation = Violation::new(Path::new("/w/docs/A.md"), 7, "no such file");
        assert_eq!(violation.relative_to(Path::new("/w")), "docs/A.md:7: no such file");
    }
}
