//! A row of a table for a terminal.

/// How a row's value is got from what stands in a column, and shown. A row that was not measured is left out.
pub(super) struct Row<Column> {
    pub(super) label: &'static str,
    pub(super) value: fn(&Column) -> Option<f64>,
    pub(super) decimals: usize,
}
