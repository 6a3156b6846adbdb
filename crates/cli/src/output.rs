//! How answers look: JSON as the API gave it, or text for people. Colour only on a terminal.

use anstream::println;
use anstyle::{AnsiColor, Style};
use serde_json::Value;

/// Prints the API's own JSON.
pub(crate) fn json(value: &Value) {
    println!("{value:#}");
}

/// A column of a table: its heading, and the path of the field in each item.
pub(crate) type Column = (&'static str, &'static [&'static str]);

/// Prints a list as a table, or says that it is empty.
pub(crate) fn table(items: &[Value], columns: &[Column], when_empty: &str) {
    if items.is_empty() {
        anstream::eprintln!("{when_empty}");
        return;
    }
    let rows: Vec<Vec<String>> =
        items.iter().map(|item| columns.iter().map(|(_, path)| cell(at(item, path))).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, (heading, _))| {
            rows.iter().map(|row| row[i].chars().count()).chain([heading.len()]).max().unwrap_or(0)
        })
        .collect();
    let bold = Style::new().bold();
    let headings: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    println!("{bold}{}{bold:#}", line(&headings, &widths, |_, text| text.to_owned()).trim_end());
    for row in &rows {
        println!("{}", line(row, &widths, |_, text| paint(text)).trim_end());
    }
}

/// Prints an object's fields one a line, those that are set.
pub(crate) fn fields(object: &Value, columns: &[Column]) {
    let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    for (heading, path) in columns {
        let value = at(object, path);
        if !value.is_null() {
            println!("{heading:width$}  {}", paint(&cell(value)));
        }
    }
}

fn at<'a>(item: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(item, |value, key| &value[*key])
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn line(cells: &[String], widths: &[usize], paint: impl Fn(usize, &str) -> String) -> String {
    let mut text = String::new();
    for (i, cell) in cells.iter().enumerate() {
        let padding = widths[i].saturating_sub(cell.chars().count()) + 2;
        text.push_str(&paint(i, cell));
        text.extend(std::iter::repeat_n(' ', padding));
    }
    text
}

/// Words of state have colours with a meaning: green is well, yellow is under way, red wants attention.
fn paint(text: &str) -> String {
    let colour = match text {
        "delivered" | "active" | "ready" | "ok" | "succeeded" => AnsiColor::Green,
        "pending" | "unrouted" | "archived" => AnsiColor::Yellow,
        "dead" | "http_error" | "timeout" | "unreachable" | "blocked" | "unavailable" => AnsiColor::Red,
        _ => return text.to_owned(),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}
