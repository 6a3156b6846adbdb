//! Is there room on the disk for what comes next?
//!
//! A commit of one page proves little: it may fit into what a failed commit left of the log, where no call
//! fits. So a check writes a file beside the database and removes it. That is no promise either: who fills
//! the disk next is not known.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::folder::private;

/// How much must fit: more than most calls need, and little enough to be written at every check.
const PROBE_BYTES: usize = 64 * 1024;
/// The file that is written. One that a crash left behind is overwritten, and removed then.
const PROBE_FILE: &str = "room";

/// The room in a data folder. Checks must not run side by side.
pub(super) struct Room {
    probe: PathBuf,
}

impl Room {
    /// In this data folder.
    pub(super) fn of(folder: &Path) -> Self {
        Self { probe: folder.join(PROBE_FILE) }
    }

    /// Says whether a file of some size can still be written.
    pub(super) fn check(&self) -> io::Result<()> {
        let written = self.write();
        // What was written of it is in the way, the more so when it did not fit.
        let removed = fs::remove_file(&self.probe);
        written.and(removed)
    }

    fn write(&self) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        private(&mut options).open(&self.probe)?.write_all(&[0; PROBE_BYTES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_leaves_nothing_behind_and_fails_where_nothing_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::of(folder.path());
        fs::write(folder.path().join(PROBE_FILE), "left behind by a crash").unwrap();
        room.check().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        drop(folder);
        assert!(room.check().is_err());
    }
}
