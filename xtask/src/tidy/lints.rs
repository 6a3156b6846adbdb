//! Every package takes the workspace's lints: one forgotten line would switch them all off for a crate.

use std::path::Path;

use crate::tidy::Violation;

/// Checks the manifest that reads `text`.
pub(crate) fn check(manifest: &Path, text: &str) -> Option<Violation> {
    let missing = "takes none of the workspace's lints: add `[lints]` with `workspace = true`";
    (!takes_workspace_lints(text)).then(|| Violation::new(manifest, 1, missing))
}

fn takes_workspace_lints(text: &str) -> bool {
    let mut table = "";
    text.lines().map(without_blanks_and_comment).any(|line| {
        if line.starts_with('[') {
            table = if line == "[lints]" { "lints" } else { "another" };
        }
        match table {
            "" => line == "lints.workspace=true",
            "lints" => line == "workspace=true",
            _ => false,
        }
    })
}

fn without_blanks_and_comment(line: &str) -> String {
    let code = line.split_once('#').map_or(line, |(code, _)| code);
    code.chars().filter(|character| !character.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_both_spellings() {
        assert!(takes_workspace_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true # all\n"));
        assert!(takes_workspace_lints("lints.workspace = true\n[package]\nname = \"a\"\n"));
    }

    #[test]
    fn rejects_what_only_looks_like_it() {
        for text in [
            "[package]\nname = \"a\"\n",
            "[lints]\nworkspace = false\n",
            "[lints]\n# workspace = true\n",
            "[dependencies.serde]\nworkspace = true\n",
            "[lints]\n[dependencies.serde]\nworkspace = true\n",
            "[package]\nlints.workspace = true\n",
        ] {
            assert!(!takes_workspace_lints(text), "{text}");
        }
    }

    #[test]
    fn names_the_manifest() {
        let found = check(Path::new("/w/a/Cargo.toml"), "[package]").unwrap();
        assert!(found.relative_to(Path::new("/w")).starts_with("a/Cargo.toml:1: takes none"));
    }
}
