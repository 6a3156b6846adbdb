//! How often a process makes the disk promise: its calls of `fsync` and `fdatasync`, as strace sees them.
//!
//! Traced from its start with a filter in the kernel, a process stops for these calls only, so that it runs
//! at nearly its own speed. Without strace, or where tracing is not permitted, nothing is measured and the
//! report says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::failure::Failure;

/// How many, since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Syncs {
    /// Of any file.
    pub(crate) all: usize,
    /// Of the database file itself: one for each checkpoint, together with one of the log.
    pub(crate) checkpoints: usize,
    /// Of the write-ahead log.
    pub(crate) log: usize,
}

impl Syncs {
    /// Transactions committed: each syncs the log once, and so does each checkpoint.
    pub(crate) fn commits(self) -> usize {
        self.log.saturating_sub(self.checkpoints)
    }

    /// What came since `former`.
    pub(crate) fn since(self, former: Self) -> Self {
        Self {
            all: self.all.saturating_sub(former.all),
            checkpoints: self.checkpoints.saturating_sub(former.checkpoints),
            log: self.log.saturating_sub(former.log),
        }
    }
}

/// Where a traced process's calls are listed.
#[derive(Debug, Clone)]
pub(crate) struct Trace(PathBuf);

impl Trace {
    /// Whether processes can be traced here.
    pub(crate) async fn is_possible() -> bool {
        let tried = traced("true".as_ref(), Path::new("/dev/null"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        tried.is_ok_and(|status| status.success())
    }

    /// A trace that will be listed in this file.
    pub(crate) fn to(file: PathBuf) -> Self {
        Self(file)
    }

    /// A command that runs `program` traced. It has the program's own process id: the tracer is a grandchild.
    pub(crate) fn command(&self, program: &Path) -> Command {
        traced(program, &self.0)
    }

    /// What was called so far.
    pub(crate) fn count(&self) -> Result<Syncs, Failure> {
        let text = fs::read_to_string(&self.0).map_err(Failure::io("read what strace has seen"))?;
        Ok(count(&text))
    }
}

fn traced(program: &Path, to: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args([
        "-D",
        "-f",
        "--seccomp-bpf",
        "-y",
        "-qq",
        "--signal=none",
        "-e",
        "trace=fsync,fdatasync",
        "-o",
    ]);
    command.arg(to).arg(program);
    command
}

/// One call a line, with its file: `PID fdatasync(9</d/ringback.db-wal>) = 0`. A call that another thread's
/// interrupts is written as two lines, of which only the first has a parenthesis after the name.
fn count(text: &str) -> Syncs {
    let calls = text.lines().filter(|line| line.contains("sync("));
    calls.fold(Syncs::default(), |syncs, call| Syncs {
        all: syncs.all + 1,
        checkpoints: syncs.checkpoints + usize::from(call.contains(".db>")),
        log: syncs.log + usize::from(call.contains(".db-wal>")),
    })
}

#[cfg(test)]
mod tests {
    use super::{Syncs, count};

    #[test]
    fn a_commit_is_a_sync_of_the_log_that_is_no_checkpoints() {
        let text = "1 fsync(3</d>) = 0\n\
                    1 fdatasync(9</d/x.db-wal>) = 0\n\
                    1 fdatasync(9</d/x.db-wal> <unfinished ...>\n\
                    2 fdatasync(9</d/x.db>) = 0\n\
                    1 <... fdatasync resumed>) = 0\n";
        let syncs = count(text);
        assert_eq!(syncs, Syncs { all: 4, checkpoints: 1, log: 2 });
        assert_eq!(syncs.commits(), 1);
        assert_eq!(
            syncs.since(Syncs { all: 1, checkpoints: 0, log: 1 }),
            Syncs { all: 3, checkpoints: 1, log: 1 }
        );
    }
}
