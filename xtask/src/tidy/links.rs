//! Every relative link of a Markdown document leads to a file that exists, and to a heading in it.
//!
//! Links to the web are left alone: whether they answer is not a property of this tree. Reference-style
//! links and HTML anchors are not used in the project, and not read here.

use std::collections::HashMap;
use std::path::Path;

use crate::Failure;
use crate::files;
use crate::tidy::Violation;

/// Checks the document at `path` that reads `text`.
pub(crate) fn check(path: &Path, text: &str) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    for link in relative_links(text) {
        if let Some(fault) = fault(path, text, &link.target)? {
            let message = format!("the link `{}` {fault}: correct or remove it", link.target);
            violations.push(Violation::new(path, link.line, message));
        }
    }
    Ok(violations)
}

/// What is wrong with a link to `target` in the document at `path`.
fn fault(path: &Path, text: &str, target: &str) -> Result<Option<&'static str>, Failure> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let linked = if file.is_empty() { path.to_owned() } else { path.parent().unwrap_or(path).join(file) };
    if !file.is_empty() && !linked.exists() {
        return Ok(Some("leads nowhere"));
    }
    if heading.is_empty() || !files::has_extension(&linked, "md") {
        return Ok(None);
    }
    let there = if file.is_empty() { anchors(text) } else { anchors(&files::text(&linked)?) };
    Ok((!there.iter().any(|anchor| anchor == heading)).then_some("names a heading that is not there"))
}

#[derive(Debug, PartialEq, Eq)]
struct Link {
    /// Counted from 1.
    line: usize,
    target: String,
}

fn relative_links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, content) in prose(text) {
        let mut rest = content.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let Some((inside, remaining)) = after.split_once(')') else { break };
            let target = inside.split_whitespace().next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                links.push(Link { line, target: target.to_owned() });
            }
            rest = remaining;
        }
    }
    links
}

/// The anchors of the document's headings, as the common renderers form them.
fn anchors(text: &str) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut anchors = Vec::new();
    for (_, line) in outside_code_blocks(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug = slug(title.trim());
        let earlier = seen.entry(slug.clone()).or_default();
        anchors.push(if *earlier == 0 { slug } else { format!("{slug}-{earlier}") });
        *earlier += 1;
    }
    anchors
}

/// Lower case, blanks to hyphens, and every other character dropped that is no letter, digit, `-` or `_`.
fn slug(title: &str) -> String {
    let kept = |character: char| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    };
    title.to_lowercase().chars().filter_map(kept).collect()
}

/// Numbered lines without code: no fenced blocks, and code spans emptied.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    outside_code_blocks(text).map(|(line, content)| {
        let spans: Vec<&str> = content.split('`').collect();
        // An odd number of backticks opens no span: then the line is taken as it is.
        if spans.len().is_multiple_of(2) {
            return (line, content.to_owned());
        }
        (line, spans.into_iter().step_by(2).collect())
    })
}

fn outside_code_blocks(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        (!in_block && !fence).then_some((index + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_relative_links_with_their_lines() {
        let text = "[a](A.md) and ![b](img/b.svg \"B\")\n\n[c](#c) [w](https://example.org/) `[x](y)`\n```\n[n](n)\n```\n[d](../d.md#e)\n";
        let found: Vec<(usize, String)> =
            relative_links(text).into_iter().map(|link| (link.line, link.target)).collect();
        let expected = [(1, "A.md"), (1, "img/b.svg"), (3, "#c"), (7, "../d.md#e")];
        assert_eq!(found, expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn forms_anchors_as_renderers_do() {
        let text = "# The house\n\n## One event's way\n## `make test`, and more\n```\n# not one\n```\n#no\n## The house\n";
        assert_eq!(anchors(text), ["the-house", "one-events-way", "make-test-and-more", "the-house-1"]);
    }

    #[test]
    fn reports_missing_files_and_headings() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = "[a](src/main.rs)\n[b](src/gone.rs)\n[c](#there)\n# There\n[d](#elsewhere)\n";
        let found = check(&root.join("README.md"), text).unwrap();
        let lines: Vec<String> = found.iter().map(|found| found.relative_to(root)).collect();
        let expected = [
            "README.md:2: the link `src/gone.rs` leads nowhere: correct or remove it",
            "README.md:5: the link `#elsewhere` names a heading that is not there: correct or remove it",
        ];
        assert_eq!(lines, expected);
    }
}
