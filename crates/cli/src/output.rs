//! How answers look: JSON as the API gave it, or text for people. Colour only on a terminal.
//!
//! Stdout is for data, stderr is for talk. A reader of stdout that goes away early, as `head` does, has seen
//! enough: what is left is not printed, and that is no error.

mod cell;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use anstyle::Style;
use serde_json::Value;

use self::cell::{at, cell, is_set, paint};
use crate::exit::CliError;

pub(crate) use self::cell::{harmless, time};

/// A column of a table: its heading, and the path of the field in each item.
pub(crate) type Column = (&'static str, &'static [&'static str]);

/// Prints data and ends the line.
pub(crate) fn line(text: impl Display) -> Result<(), CliError> {
    wrote(writeln!(anstream::stdout().lock(), "{text}"))
}

/// Prints data as it is.
pub(crate) fn bytes(data: &[u8]) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    wrote(stdout.write_all(data).and_then(|()| stdout.flush()))
}

fn wrote(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(source) => Err(CliError::Failed {
            message: "cannot write the answer".into(),
            source: Some(Box::new(source)),
        }),
        Ok(()) => Ok(()),
    }
}

/// What was done is done, also when the answer could not be written: then the error says so.
pub(crate) fn or_say(
    written: Result<(), CliError>,
    done: impl FnOnce() -> Option<String>,
) -> Result<(), CliError> {
    match written {
        Err(CliError::Failed { message, source }) => {
            let done = done().map_or_else(String::new, |done| format!("; {done}"));
            Err(CliError::Failed { message: format!("{message}{done}"), source })
        }
        written => written,
    }
}

/// Tells the person something that is no data. Whether anybody listens is no reason to fail.
pub(crate) fn talk(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Asks the person something; the answer comes on the same line.
pub(crate) fn ask(question: &str) {
    let _ = write!(anstream::stderr().lock(), "{question}");
}

/// Tells how far something is, over and over on one line; on a terminal only, so that a log does not fill
/// with it.
pub(crate) fn talk_over(text: impl Display) {
    let mut stderr = anstream::stderr().lock();
    if stderr.is_terminal() {
        let _ = write!(stderr, "\r{text}");
    }
}

/// Prints the API's own JSON.
pub(crate) fn json(value: &Value) -> Result<(), CliError> {
    line(format_args!("{value:#}"))
}

/// Prints a list as a table, or says that it is empty.
pub(crate) fn table(items: &[Value], columns: &[Column], when_empty: &str) -> Result<(), CliError> {
    if items.is_empty() {
        talk(when_empty);
        return Ok(());
    }
    let row = |item| columns.iter().map(|(_, path)| cell(item, path).replace('\n', " ")).collect();
    let rows: Vec<Vec<String>> = items.iter().map(row).collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(i, (heading, _))| {
            rows.iter().map(|row| row[i].chars().count()).chain([heading.len()]).max().unwrap_or(0)
        })
        .collect();
    let bold = Style::new().bold();
    let headings: Vec<String> = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let mut text = format!("{bold}{}{bold:#}", joined(&headings, &widths, str::to_owned).trim_end());
    for row in &rows {
        text.push('\n');
        text.push_str(joined(row, &widths, paint).trim_end());
    }
    line(text)
}

/// The columns that say something of any of the items; an empty one is left out.
pub(crate) fn columns_in_use(items: &[Value], columns: &[Column]) -> Vec<Column> {
    let in_use = |(_, path): &&Column| items.iter().any(|item| is_set(at(item, path)));
    columns.iter().filter(in_use).copied().collect()
}

/// Prints an object's fields one a line, those that are set.
pub(crate) fn fields(object: &Value, columns: &[Column]) -> Result<(), CliError> {
    let set = columns.iter().filter(|(_, path)| is_set(at(object, path)));
    let shown: Vec<(&str, String)> = set.map(|(heading, path)| (*heading, cell(object, path))).collect();
    let width = columns.iter().map(|(heading, _)| heading.len()).max().unwrap_or(0);
    lined_up(&shown, width)
}

/// Prints values one a line, each after its name.
pub(crate) fn named(values: &[(&str, String)]) -> Result<(), CliError> {
    lined_up(values, values.iter().map(|(name, _)| name.len()).max().unwrap_or(0))
}

fn lined_up(values: &[(&str, String)], width: usize) -> Result<(), CliError> {
    let lines: Vec<String> =
        values.iter().map(|(name, value)| format!("{name:width$}  {}", paint(value))).collect();
    match lines.is_empty() {
        true => Ok(()),
        false => line(lines.join("\n")),
    }
}

fn joined(cells: &[String], widths: &[usize], paint: impl Fn(&str) -> String) -> String {
    let mut text = String::new();
    for (i, cell) in cells.iter().enumerate() {
        let padding = widths[i].saturating_sub(cell.chars().count()) + 2;
        text.push_str(&paint(cell));
        text.extend(std::iter::repeat_n(' ', padding));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_width() {
        let cells = ["é".to_owned(), "b".to_owned()];
        assert_eq!(joined(&cells, &[3, 1], str::to_owned), "é    b  ");
    }

    #[test]
    fn a_column_without_anything_in_it_is_left_out() {
        let columns: [Column; 3] = [("A", &["a"]), ("B", &["b"]), ("C", &["c", "d"])];
        let items = [serde_json::json!({ "a": 1, "b": null }), serde_json::json!({ "c": { "d": "x" } })];
        let left: Vec<&str> = columns_in_use(&items, &columns).iter().map(|(heading, _)| *heading).collect();
        assert_eq!(left, ["A", "C"]);
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error_and_a_full_disk_is_one() {
        assert!(wrote(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(wrote(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
