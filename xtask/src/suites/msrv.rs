//! The oldest Rust that the published crate claims to build with.
//!
//! Where the compiler in use *is* that version, the whole run is the test of the claim. Where it is newer,
//! rustup is asked for the old one, which checks the crate with all its features into a target folder of its
//! own.

use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::suites::{runner, say};

/// Checks the claim; returns whether it holds.
pub(super) fn check(root: &Path) -> Result<bool, Failure> {
    let claimed = claimed(root)?;
    let in_use = in_use()?;
    if is_release_of(&in_use, &claimed) {
        say(&format!("\nthe oldest Rust that is supported, {claimed}, is the one in use ({in_use})"));
        return Ok(true);
    }
    runner::pass(
        Command::new("cargo")
            .arg(format!("+{claimed}"))
            .args(["check", "--package", "ringback-webhook", "--all-features", "--target-dir", "target/msrv"])
            .current_dir(root),
    )
}

/// `rust-version` of the workspace's manifest.
fn claimed(root: &Path) -> Result<String, Failure> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml"))
        .map_err(|cause| Failure::new(format!("cannot read Cargo.toml: {cause}")))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| Failure::new("Cargo.toml has no `rust-version`".to_owned()))
}

/// The version of the compiler, such as `1.95.0`.
fn in_use() -> Result<String, Failure> {
    let output = Command::new("rustc")
        .arg("--version")
        .output()
        .map_err(|cause| Failure::new(format!("cannot run rustc: {cause}")))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.split_whitespace().nth(1).map(str::to_owned);
    version.ok_or_else(|| Failure::new("rustc does not say its version".to_owned()))
}

/// Whether `version` (`1.95.0`) is a release of `line` (`1.95`).
fn is_release_of(version: &str, line: &str) -> bool {
    version == line || version.strip_prefix(line).is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::is_release_of;

    #[test]
    fn a_release_belongs_to_one_line() {
        assert!(is_release_of("1.95.0", "1.95"));
        assert!(is_release_of("1.95.1", "1.95"));
        assert!(!is_release_of("1.96.0", "1.95"));
        assert!(!is_release_of("1.950.0", "1.95"));
        assert!(is_release_of("1.95.0", "1.95.0"));
    }
}
