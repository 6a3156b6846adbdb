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
        items.iter().map(|item| columns.iter().map(|(_, path)| cell(item, path)).collect()).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, (heading, _))| {
            rows.iter().map(|row| row[i].chars().count()).chain([heading.len()]).max().unwrap_or(0)
        })
        .collect();
    let bold = Style::new().bold();
    let headings: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    println!("{bold}{}{bold:#}", line(&headings, &widths, str::to_owned).trim_end());
    for row in &rows {
        println!("{}", line(row, &widths, paint).trim_end());
    }
}

/// Prints an object's fields one a line, those that are set.
pub(crate) fn fields(object: &Value, columns: &[Column]) {
    let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    for (heading, path) in columns {
        if is_set(at(object, path)) {
            println!("{heading:width$}  {}", paint(&cell(object, path)));
        }
    }
}

/// A list or an object without anything in it says no more than an absent one.
fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

fn at<'a>(item: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(item, |value, key| &value[*key])
}

/// A field as people read it: times of the API's `…_at` fields as dates in UTC.
fn cell(item: &Value, path: &[&str]) -> String {
    let value = at(item, path);
    let is_time = path.last().is_some_and(|key| key.ends_with("_at"));
    match value.as_i64().filter(|_| is_time).map(jiff::Timestamp::from_second) {
        Some(Ok(time)) => time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        _ => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn line(cells: &[String], widths: &[usize], paint: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (i, cell) in cells.iter().enumerate() {
        let padding = widths[i].saturating_sub(cell.chars().count()) + 2;
        text.push_str(&paint(cell));
        text.extend(std::iter::repeat_n(' ', padding));
    }
    text
}

/// Words of state have colours with a meaning: green is well, yellow is under way, red wants attention.
fn paint(text: &str) -> String {
    let colour = match text {
        "delivered" | "accepted" | "active" | "ready" | "ok" | "succeeded" => AnsiColor::Green,
        "pending" | "unrouted" | "archived" | "held" | "duplicate" => AnsiColor::Yellow,
        "dead" | "rejected" | "http_error" | "timeout" | "unreachable" | "blocked" | "unavailable" => {
            AnsiColor::Red
        }
        _ => return text.to_owned(),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_shown_as_people_read_them() {
        let item = json!({ "created_at": 1_750_287_018, "n": 5, "none": null, "list": ["a", "b"], "in": { "s": "x" } });
        assert_eq!(cell(&item, &["created_at"]), "2025-06-18 22:50:18 UTC");
        assert_eq!(cell(&item, &["n"]), "5");
        assert_eq!(cell(&item, &["none"]), "-");
        assert_eq!(cell(&item, &["list"]), "a,b");
        assert_eq!(cell(&item, &["in", "s"]), "x");
        assert_eq!(cell(&item, &["absent", "deep"]), "-");
    }

    #[test]
    fn what_is_empty_is_not_set() {
        for (value, set) in [(json!(null), false), (json!([]), false), (json!({}), false), (json!([0]), true)]
        {
            assert_eq!(is_set(&value), set, "{value}");
        }
        assert!(is_set(&json!(false)) && is_set(&json!("")) && is_set(&json!(0)));
    }

    #[test]
    fn columns_line_up_whatever_their_width() {
        let cells = ["é".to_owned(), "b".to_owned()];
        assert_eq!(line(&cells, &[3, 1], str::to_owned), "é    b  ");
    }
}
