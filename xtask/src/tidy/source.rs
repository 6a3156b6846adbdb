//! What holds for the text of every source file: a header, a bounded length, comments as wide as the code at
//! most, no unfinished work.

use std::path::Path;

use crate::files::has_extension;
use crate::tidy::Violation;

/// The most lines of product code in one file, its inline tests not counted.
const MAX_CODE_LINES: usize = 600;
/// The most lines of one file altogether; also the limit of a file that holds nothing but tests.
const MAX_LINES: usize = 900;
/// The most characters of a line of Rust that is a comment: those of `rustfmt.toml`, which leaves comments
/// alone.
const MAX_COMMENT_WIDTH: usize = 110;
/// Words that mark unfinished work. Written in halves, so that this list does not find itself.
const UNFINISHED: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX"), concat!("db", "g!")];

/// Whether the file is one of those that [`check`] reads.
pub(crate) fn is_source(path: &Path) -> bool {
    let named = path.file_name().is_some_and(|name| name == "Makefile");
    named
        || ["rs", "sql", "py", "mjs", "ts", "tsx", "sh", "toml"].iter().any(|kind| has_extension(path, kind))
}

/// Checks the text of one source file.
pub(crate) fn check(path: &Path, text: &str) -> Vec<Violation> {
    let mut violations = unfinished(path, text);
    if has_extension(path, "rs") {
        violations.extend(header(path, text));
        violations.extend(length(path, text));
        violations.extend(wide_comments(path, text));
    }
    violations
}

/// A file under `src/` begins by saying what it is; a crate's root may take its README for that.
fn header(path: &Path, text: &str) -> Option<Violation> {
    let in_src = path.components().any(|part| part.as_os_str() == "src");
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let is_root = path.file_name().is_some_and(|name| name == "lib.rs" || name == "main.rs");
    let documented = first.starts_with("//!") || is_root && first.starts_with("#![doc = include_str!(");
    let missing = "does not begin with `//!`: say in a sentence what this module is";
    (in_src && !documented).then(|| Violation::new(path, 1, missing))
}

fn length(path: &Path, text: &str) -> Option<Violation> {
    let lines = text.lines().count();
    let code = if is_test_only(path) { 0 } else { lines_of_code(text) };
    if code > MAX_CODE_LINES {
        let message = format!("{code} lines of code, at most {MAX_CODE_LINES}: split it by noun or verb");
        return Some(Violation::new(path, MAX_CODE_LINES + 1, message));
    }
    let message =
        || format!("{lines} lines, at most {MAX_LINES}: split it, or move its tests to a file of their own");
    (lines > MAX_LINES).then(|| Violation::new(path, MAX_LINES + 1, message()))
}

/// A row of a table cannot be broken, nor can a long word.
fn wide_comments(path: &Path, text: &str) -> Vec<Violation> {
    let is_wide = |line: &str| {
        let comment = line.trim_start();
        let words = comment.trim_start_matches(['/', '!']).trim_start();
        line.chars().count() > MAX_COMMENT_WIDTH
            && comment.starts_with("//")
            && !words.starts_with('|')
            && words.contains(' ')
    };
    let wide = text.lines().enumerate().filter(|(_, line)| is_wide(line));
    let message = format!("a comment of more than {MAX_COMMENT_WIDTH} characters: break the line");
    wide.map(|(index, _)| Violation::new(path, index + 1, message.clone())).collect()
}

fn is_test_only(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
        || path.components().any(|part| part.as_os_str() == "tests")
}

/// The lines before the inline test module, which by custom stands last; all of them if there is none.
fn lines_of_code(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let starts_tests = |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod tests {");
    lines.windows(2).position(starts_tests).unwrap_or(lines.len())
}

fn unfinished(path: &Path, text: &str) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| contains_word(line, word)) {
            let message = format!("`{word}`: finish it, or open an issue and say here what holds today");
            violations.push(Violation::new(path, index + 1, message));
        }
    }
    violations
}

/// Whether `word` stands in `line` with no letter, digit or underscore directly around it.
fn contains_word(line: &str, word: &str) -> bool {
    let joins = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(joins) && (word.ends_with('!') || !after.is_some_and(joins))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        check(Path::new(path), text).iter().map(|found| found.relative_to(Path::new(""))).collect()
    }

    #[test]
    fn a_module_says_what_it_is() {
        assert_eq!(messages("crates/a/src/b.rs", "\n//! What it is.\nfn f() {}\n"), [""; 0]);
        assert_eq!(messages("crates/a/src/lib.rs", "#![doc = include_str!(\"../README.md\")]\n"), [""; 0]);
        assert_eq!(messages("crates/a/tests/c.rs", "fn f() {}\n"), [""; 0]);
        for text in
            ["", "// What it is.\n", "#![doc = include_str!(\"x.md\")]\n", "use std::fmt;\n//! Late.\n"]
        {
            assert_eq!(messages("crates/a/src/b.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn code_and_tests_have_their_own_limits() {
        let code = |lines: usize| format!("//! x\n{}", "x\n".repeat(lines - 1));
        let with_tests =
            |lines: usize| format!("{}#[cfg(test)]\nmod tests {{\n{}", code(600), "x\n".repeat(lines));
        assert_eq!(messages("src/a.rs", &code(600)), [""; 0]);
        assert!(messages("src/a.rs", &code(601))[0].starts_with("src/a.rs:601: 601 lines of code"));
        assert_eq!(messages("src/a.rs", &with_tests(298)), [""; 0]);
        assert!(
            messages("src/a.rs", &with_tests(299))[0].starts_with("src/a.rs:901: 901 lines, at most 900")
        );
        assert_eq!(messages("tests/a.rs", &code(900)), [""; 0]);
        assert_eq!(messages("tests/a.rs", &code(901)).len(), 1);
    }

    #[test]
    fn comments_are_as_wide_as_code() {
        let words = |count: usize| "word ".repeat(count);
        let wide = format!("//! x\n    /// {}\n", words(21));
        assert!(messages("src/a.rs", &wide)[0].starts_with("src/a.rs:2: a comment of more than 110"));
        for fits in [
            format!("//! x\n    /// {}ends\n", words(19)),
            format!("//! x\n/// | {} |\n", words(30)),
            format!("//! x\n/// https://example.com/{}\n", "a".repeat(110)),
            format!("//! x\nconst A: &str = \"{} // no comment\";\n", words(30)),
        ] {
            assert_eq!(messages("src/a.rs", &fits), [""; 0], "{fits}");
        }
        assert_eq!(messages("a.py", &wide), [""; 0]);
    }

    #[test]
    fn unfinished_work_is_found_by_whole_words() {
        let line = |word: &str| messages("a.py", &format!("x = 1\n# {word} later\n")).len();
        for word in UNFINISHED {
            assert_eq!(line(word), 1, "{word}");
            assert_eq!(line(&format!("A{word}")), 0, "{word}");
        }
        assert_eq!(line(&format!("{}S", UNFINISHED[0])), 0);
        assert_eq!(messages("a.rs", &format!("//! x\nfn f() {{ {}(1); }}\n", UNFINISHED[3])).len(), 1);
    }

    #[test]
    fn reads_code_and_not_documents() {
        for path in ["Makefile", "a/b.rs", "b.sql", "c.mjs", "Cargo.toml"] {
            assert!(is_source(Path::new(path)), "{path}");
        }
        for path in ["README.md", "package-lock.json", "rs"] {
            assert!(!is_source(Path::new(path)), "{path}");
        }
    }
}
