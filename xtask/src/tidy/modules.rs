//! No orphans: every Rust file of a package is a target's root, or a module that one of them declares.
//!
//! An orphan is never compiled, so nothing else notices that it no longer fits.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use crate::Failure;
use crate::files;
use crate::tidy::Violation;
use crate::workspace::Package;

/// Follows the `mod` declarations from the package's roots; every other file is a violation.
pub(crate) fn check(package: &Package) -> Result<Vec<Violation>, Failure> {
    let mut texts = HashMap::new();
    for path in files::below(package.folder(), &|path| files::has_extension(path, "rs"))? {
        let text = files::text(&path)?;
        texts.insert(path, text);
    }
    let message =
        "no module declares this file, so it is never compiled: declare it with `mod`, or delete it";
    Ok(orphans(&package.roots, &texts).iter().map(|path| Violation::new(path, 1, message)).collect())
}

/// The files among `texts` that are reached from none of `roots`.
fn orphans(roots: &[PathBuf], texts: &HashMap<PathBuf, String>) -> Vec<PathBuf> {
    let mut reached = BTreeSet::new();
    let mut waiting: Vec<(PathBuf, bool)> = roots.iter().map(|root| (root.clone(), true)).collect();
    while let Some((path, is_root)) = waiting.pop() {
        let Some(text) = texts.get(&path) else { continue };
        if !reached.insert(path.clone()) {
            continue;
        }
        for module in declared(text) {
            waiting.extend(candidates(&path, is_root, &module).into_iter().map(|path| (path, false)));
        }
    }
    let mut orphans: Vec<PathBuf> = texts.keys().filter(|path| !reached.contains(*path)).cloned().collect();
    orphans.sort();
    orphans
}

/// One `mod name;`, with the `#[path]` that stands before it.
#[derive(Debug, PartialEq, Eq)]
struct Declaration {
    name: String,
    path: Option<String>,
}

fn declared(text: &str) -> Vec<Declaration> {
    let mut declarations = Vec::new();
    let mut path = None;
    for line in text.lines().map(str::trim) {
        if let Some(value) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            path = Some(value.to_owned());
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            declarations.extend(module_name(line).map(|name| Declaration { name, path: path.take() }));
            path = None;
        }
    }
    declarations
}

/// The name in `mod name;`, with whatever visibility before it.
fn module_name(line: &str) -> Option<String> {
    let name = line.strip_suffix(';')?;
    let (before, name) = name.rsplit_once("mod ").unwrap_or(("none", name));
    let visibility = before.trim();
    let is_item = visibility.is_empty() || visibility == "pub" || visibility.starts_with("pub(");
    let is_name = name.chars().all(|character| character.is_alphanumeric() || character == '_');
    (is_item && is_name && !name.is_empty()).then(|| name.to_owned())
}

/// Where the file of `module`, declared in `parent`, may lie.
fn candidates(parent: &Path, is_root: bool, module: &Declaration) -> Vec<PathBuf> {
    let beside = parent.parent().unwrap_or(parent);
    if let Some(path) = &module.path {
        return vec![without_parent_steps(&beside.join(path))];
    }
    let is_folder_module = parent.file_name().is_some_and(|name| name == "mod.rs");
    let base = if is_root || is_folder_module { beside.to_owned() } else { parent.with_extension("") };
    vec![base.join(format!("{}.rs", module.name)), base.join(&module.name).join("mod.rs")]
}

/// The path with every `..` resolved by name, as it is listed; there are no links to folders to get wrong.
fn without_parent_steps(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> HashMap<PathBuf, String> {
        files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect()
    }

    #[test]
    fn follows_declarations_through_both_layouts() {
        let texts = files(&[
            ("src/lib.rs", "//! x\nmod a;\npub mod b;\npub(crate) mod c;\n"),
            ("src/a.rs", "#[cfg(test)]\nmod tests;\n"),
            ("src/a/tests.rs", ""),
            ("src/b/mod.rs", "mod inner;"),
            ("src/b/inner.rs", "#[path = \"../else.rs\"]\nmod other;"),
            ("src/else.rs", ""),
            ("src/c.rs", "mod inline {\n    fn f() {}\n}"),
            ("tests/conform.rs", "mod common;"),
            ("tests/common/mod.rs", ""),
        ]);
        assert_eq!(orphans(&["src/lib.rs".into(), "tests/conform.rs".into()], &texts), Vec::<PathBuf>::new());
    }

    #[test]
    fn finds_what_nobody_declares() {
        let texts = files(&[
            ("src/lib.rs", "mod a;\n// mod gone;\nmod inline { }\n"),
            ("src/a.rs", "mod deep;"),
            ("src/deep.rs", ""),
            ("src/gone.rs", ""),
            ("src/inline.rs", ""),
        ]);
        let expected = ["src/deep.rs", "src/gone.rs", "src/inline.rs"].map(PathBuf::from);
        assert_eq!(orphans(&["src/lib.rs".into()], &texts), expected);
    }

    #[test]
    fn reads_only_declarations() {
        assert_eq!(module_name("mod a;").as_deref(), Some("a"));
        assert_eq!(module_name("pub(in crate::x) mod a_1;").as_deref(), Some("a_1"));
        for line in ["mod a {", "use mod_a;", "let x = mod y;", "//! mod a;", "mod ;", "x;"] {
            assert_eq!(module_name(line), None, "{line}");
        }
    }
}
