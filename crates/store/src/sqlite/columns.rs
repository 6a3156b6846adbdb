//! How domain values stand in columns.

use std::str::FromStr;

use ringback_domain::{Timestamp, TypedId};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Row, RowIndex};

/// A typed id from a column of 16 bytes.
pub(super) fn id<I: TypedId>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<I> {
    row.get::<_, [u8; 16]>(column).map(I::from_bytes)
}

/// A typed id from a column that may be null.
pub(super) fn optional_id<I: TypedId>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<I>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(I::from_bytes))
}

/// A time from a column of Unix milliseconds.
pub(super) fn time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_unix_ms)
}

/// A time from a column that may be null.
pub(super) fn optional_time(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_unix_ms))
}

/// An enumeration's value from its word.
pub(super) fn word<T>(row: &Row<'_>, column: impl RowIndex) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    parse(row.get_ref(column)?.as_str()?)
}

/// A value from its text; a text that is none makes the row unreadable.
pub(super) fn parse<T>(text: &str) -> rusqlite::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    text.parse().map_err(unreadable)
}

/// A row that holds what it cannot hold: the database was changed by other means.
pub(super) fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(FromSqlError::other(error)))
}
