//! Chores that the bench does: it has what it takes to open a database, which the chores have not, so that
//! they build in no time.

use std::process::Command;

use crate::Verdict;
use crate::failure::Failure;

/// Hands a chore with its arguments to the release build of the bench. It tells its own troubles.
pub(crate) fn run(chore: &str, arguments: &[&str]) -> Verdict {
    let mut bench = Command::new("cargo");
    bench.args(["run", "--quiet", "--release", "--package", "ringback-bench", "--", chore]).args(arguments);
    let status = bench.status().map_err(|cause| Failure::new(format!("cannot run cargo: {cause}")))?;
    Ok(status.success())
}
