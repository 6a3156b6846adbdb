//! Why a chore could not do its work: one sentence, written for the person at the terminal.

use std::error::Error;
use std::fmt;
use std::path::Path;

/// A reason, as text. Chores are not a library: nobody matches on their errors, somebody reads them.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// Takes the whole sentence, in lower case and without a full stop.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// For a closure that turns the cause into "cannot `action` `path`: cause".
    pub(crate) fn on<E: Error>(action: &str, path: &Path) -> impl FnOnce(E) -> Self {
        move |cause| Self(format!("cannot {action} {}: {cause}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {}
