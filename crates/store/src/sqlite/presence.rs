//! Is the database still where it was opened?
//!
//! A file that is removed or replaced while it is open can still be written to: everything would seem to go
//! well, and be gone with the process. So before each commit the files are looked for at their places. That
//! is two cheap system calls, and no promise: who removes a file between the look and the commit loses what
//! is in it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

/// The files of an open database, as they were when it was opened.
pub(super) struct Presence {
    files: Vec<(PathBuf, Identity)>,
}

/// Which file it is, whatever its name: device and inode.
type Identity = (u64, u64);

impl Presence {
    /// Of the database at this path, which must be open in WAL mode and have been written to, so that its log
    /// exists.
    pub(super) fn of(database: &Path) -> io::Result<Self> {
        let mut log = OsString::from(database);
        log.push("-wal");
        let files = [database.to_owned(), PathBuf::from(log)];
        let files = files.into_iter().map(|path| identity(&path).map(|identity| (path, identity)));
        Ok(Self { files: files.collect::<io::Result<_>>()? })
    }

    /// Of a database that is no file.
    #[cfg(test)]
    pub(super) fn of_none() -> Self {
        Self { files: Vec::new() }
    }

    /// Says whether all are in their places still.
    pub(super) fn check(&self) -> rusqlite::Result<()> {
        for (path, expected) in &self.files {
            if identity(path).ok().as_ref() != Some(expected) {
                return Err(gone(path));
            }
        }
        Ok(())
    }
}

fn gone(path: &Path) -> rusqlite::Error {
    let message = format!(
        "{} was moved, removed or replaced while in use: put it back, or stop Ringback and start it anew",
        path.display()
    );
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CANTOPEN), Some(message))
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    std::fs::metadata(path).map(|_| (0, 0))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_the_one_that_was_opened_is_noticed_and_its_return_too() {
        let folder = tempfile::tempdir().unwrap();
        let (database, log) = (folder.path().join("x.db"), folder.path().join("x.db-wal"));
        std::fs::write(&database, "").unwrap();
        std::fs::write(&log, "").unwrap();
        let presence = Presence::of(&database).unwrap();
        assert!(presence.check().is_ok());
        for file in [&database, &log] {
            let aside = folder.path().join("aside");
            std::fs::rename(file, &aside).unwrap();
            let error = presence.check().unwrap_err().to_string();
            assert!(error.contains("put it back"), "{error}");
            std::fs::write(file, "").unwrap();
            assert!(presence.check().is_err(), "another file of the same name");
            std::fs::rename(&aside, file).unwrap();
            assert!(presence.check().is_ok());
        }
    }
}
