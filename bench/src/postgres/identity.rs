//! Who the server runs as: it refuses to be run by root.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::{fs, io};

/// A user.
pub(super) struct Identity {
    /// User and group, if they are not our own.
    other: Option<(u32, u32)>,
}

impl Identity {
    /// Ourselves, or if that is root somebody of less power. `own` is a folder that we have made.
    pub(super) fn of(own: &Path) -> io::Result<Self> {
        if fs::metadata(own)?.uid() != 0 {
            return Ok(Self { other: None });
        }
        let other =
            ["postgres", "nobody"].into_iter().find_map(|name| Some((id("-u", name)?, id("-g", name)?)));
        Ok(Self { other })
    }

    /// Makes a folder theirs, and nobody else's.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        self.other.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))
    }

    /// A command that they run.
    pub(super) fn command(&self, program: &Path) -> Command {
        let Some((user, group)) = self.other else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]);
        command.arg(program);
        command
    }
}

fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, name]).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
