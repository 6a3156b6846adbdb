//! How domain values stand in columns.

use std::error::Error;
use std::str::FromStr;

use bytes::{BufMut, Bytes, BytesMut};
use ringback_domain::{Timestamp, TypedId};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::failure::Failure;

/// An id as a column of type UUID: the 16 bytes, whose order is that of the ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key(pub(super) [u8; 16]);

/// How the server shows a key that is no noun's.
pub(super) fn hex(Key(bytes): Key) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The column's value of an id.
pub(super) fn key(id: impl TypedId) -> Key {
    Key(id.to_bytes())
}

impl ToSql for Key {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    to_sql_checked!();
}

impl FromSql<'_> for Key {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.try_into()?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }
}

/// A column's value, decoded as `T`.
pub(super) fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Failure> {
    row.try_get(column).map_err(Failure::unreadable)
}

/// A typed id.
pub(super) fn id<I: TypedId>(row: &Row, column: usize) -> Result<I, Failure> {
    get::<Key>(row, column).map(|key| I::from_bytes(key.0))
}

/// A typed id from a column that may be null.
pub(super) fn optional_id<I: TypedId>(row: &Row, column: usize) -> Result<Option<I>, Failure> {
    Ok(get::<Option<Key>>(row, column)?.map(|key| I::from_bytes(key.0)))
}

/// A time from a column of Unix milliseconds.
pub(super) fn time(row: &Row, column: usize) -> Result<Timestamp, Failure> {
    get(row, column).map(Timestamp::from_unix_ms)
}

/// A time from a column that may be null.
pub(super) fn optional_time(row: &Row, column: usize) -> Result<Option<Timestamp>, Failure> {
    Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_unix_ms))
}

/// The column's value of a time that may not be.
pub(super) fn ms(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_unix_ms)
}

/// A number of another type than the column's, `C`.
pub(super) fn number<'a, C, T>(row: &'a Row, column: usize) -> Result<T, Failure>
where
    C: FromSql<'a>,
    T: TryFrom<C, Error: Error + Send + Sync + 'static>,
{
    T::try_from(get::<C>(row, column)?).map_err(Failure::unreadable)
}

/// A number from a column that may be null.
pub(super) fn optional_number<'a, C, T>(row: &'a Row, column: usize) -> Result<Option<T>, Failure>
where
    C: FromSql<'a>,
    T: TryFrom<C, Error: Error + Send + Sync + 'static>,
{
    get::<Option<C>>(row, column)?.map(T::try_from).transpose().map_err(Failure::unreadable)
}

/// A value from its word or text; a text that is none makes the row unreadable.
pub(super) fn word<T>(row: &Row, column: usize) -> Result<T, Failure>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    get::<&str>(row, column)?.parse().map_err(Failure::unreadable)
}

/// A value from a word that may be null.
pub(super) fn optional_word<T>(row: &Row, column: usize) -> Result<Option<T>, Failure>
where
    T: FromStr<Err: Error + Send + Sync + 'static>,
{
    get::<Option<&str>>(row, column)?.map(str::parse).transpose().map_err(Failure::unreadable)
}

/// Bytes.
pub(super) fn bytes(row: &Row, column: usize) -> Result<Bytes, Failure> {
    get::<&[u8]>(row, column).map(Bytes::copy_from_slice)
}

/// A limit or a count as a parameter.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// So many bytes, e.g. a hash.
pub(super) fn array<const N: usize>(row: &Row, column: usize) -> Result<[u8; N], Failure> {
    get::<&[u8]>(row, column)?.try_into().map_err(Failure::unreadable)
}

/// How many rows a statement changed.
pub(super) fn counted(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}
