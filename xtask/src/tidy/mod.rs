//! `cargo xtask tidy`: the rules of the house that neither compiler nor linter holds.
//!
//! | file | rule |
//! |---|---|
//! | [`floors`] | dependencies point down: the table of `docs/ARCHITECTURE.md` against the manifests |
//! | [`lints`] | every package takes the workspace's lints |
//! | [`modules`] | every Rust file is reached from a target's root: no orphans |
//! | [`source`] | every module says what it is; no file grows past its limit, no comment past its width; no words of unfinished work |
//! | [`links`] | every relative link of the documents leads somewhere |
//!
//! Each rule is a pure function from text to [`Violation`]s, with its own tests; this file reads the disk.
//! The rules are textual: they read Rust line by line and do not expand macros, which is enough for code
//! that rustfmt has laid out.

mod floors;
mod links;
mod lints;
mod modules;
mod source;
mod violation;

use std::path::Path;

pub(crate) use violation::Violation;

use crate::files;
use crate::workspace::{self, Package};
use crate::{Failure, Verdict};

/// Checks the project and prints one line per violation.
pub(crate) fn run() -> Verdict {
    let workspace = workspace::load()?;
    let root = &workspace.root;
    let mut violations = Vec::new();
    for package in &workspace.packages {
        violations.extend(check_package(package)?);
    }
    violations.extend(check_sources(root)?);
    violations.extend(check_documents(root)?);
    violations.sort();
    print(root, &violations);
    Ok(violations.is_empty())
}

fn check_package(package: &Package) -> Result<Vec<Violation>, Failure> {
    let manifest = files::text(&package.manifest)?;
    let mut violations = floors::check(package, &manifest);
    violations.extend(lints::check(&package.manifest, &manifest));
    violations.extend(modules::check(package)?);
    Ok(violations)
}

/// Every text file in which work could be left unfinished; documents are not among them, because they
/// may speak about the forbidden words.
fn check_sources(root: &Path) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for path in files::below(root, &source::is_source)? {
        violations.extend(source::check(&path, &files::text(&path)?));
    }
    Ok(violations)
}

fn check_documents(root: &Path) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for path in files::below(root, &|path| files::has_extension(path, "md"))? {
        violations.extend(links::check(&path, &files::text(&path)?)?);
    }
    Ok(violations)
}

#[expect(clippy::print_stdout, reason = "the violations are this chore's output")]
fn print(root: &Path, violations: &[Violation]) {
    for violation in violations {
        println!("{}", violation.relative_to(root));
    }
    match violations.len() {
        0 => println!("tidy: all is in order"),
        count => println!("tidy: {count} to put right"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chores_themselves_are_tidy() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let sources = files::below(here, &source::is_source).unwrap();
        assert!(sources.contains(&here.join("src/tidy/mod.rs")), "the walk found {sources:?}");
        assert_eq!(check_sources(here).unwrap(), []);
    }
}
