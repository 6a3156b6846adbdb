//! The project's own files: a walk that leaves out what tools put there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Folders that hold nothing written by hand, by name, at any depth.
const NOT_OURS: [&str; 7] =
    [".git", ".venv", "__pycache__", ".pytest_cache", "node_modules", "ringback-data", "target"];

/// Every file below `folder` for which `wanted` holds, in order of path. A missing folder has no files.
pub(crate) fn below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    if folder.is_dir() {
        collect(folder, wanted, &mut found)?;
        found.sort();
    }
    Ok(found)
}

/// The text of one file.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(Failure::on("read", path))
}

/// Whether the path ends in `.extension`.
pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn collect(folder: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).map_err(Failure::on("list", folder))? {
        let path = entry.map_err(Failure::on("list", folder))?.path();
        let ours =
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| !NOT_OURS.contains(&name));
        if !ours {
            continue;
        }
        // A link is not followed: what it names is checked where it lives, or is not ours.
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            collect(&path, wanted, found)?;
        } else if wanted(&path) {
            found.push(path);
        }
    }
    Ok(())
}
