//! A statement that is put together: its text and its parameters, numbered as they come.
//!
//! A condition by which an index is to be used is written with `=`. One that only picks among what the index
//! gives is written with `IS NOT DISTINCT FROM`, which no index serves: so the planner is not left to guess
//! from statistics which of the two is narrower.

use tokio_postgres::types::ToSql;

/// The text so far, and the values for it.
#[derive(Default)]
pub(super) struct Statement {
    pub(super) sql: String,
    params: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Statement {
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), params: Vec::new() }
    }

    /// Adds text.
    pub(super) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Adds text and a value behind it.
    pub(super) fn bind(&mut self, sql: &str, value: impl ToSql + Sync + Send + 'static) {
        self.params.push(Box::new(value));
        self.sql.push_str(sql);
        self.sql.push('$');
        self.sql.push_str(&self.params.len().to_string());
    }

    pub(super) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.params.iter().map(|value| value.as_ref() as &(dyn ToSql + Sync)).collect()
    }
}
