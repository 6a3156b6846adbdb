//! Rows in the binary format of COPY (PostgreSQL's documentation, "COPY", "Binary Format").

use bytes::{BufMut as _, Bytes, BytesMut};

/// What a stream of rows begins with: the signature, no flags, no extension of the header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with.
const TRAILER: i16 = -1;

/// Rows of one table.
#[derive(Default)]
pub(super) struct Tuples(BytesMut);

impl Tuples {
    /// The beginning of a stream.
    pub(super) fn header() -> Bytes {
        Bytes::from_static(HEADER)
    }

    /// The end of a stream.
    pub(super) fn trailer() -> Bytes {
        Bytes::copy_from_slice(&TRAILER.to_be_bytes())
    }

    /// Begins a row of so many columns.
    pub(super) fn row(&mut self, columns: i16) -> &mut Self {
        self.0.put_i16(columns);
        self
    }

    /// A `uuid`, a `bytea` or a `text`.
    pub(super) fn bytes(&mut self, value: impl AsRef<[u8]>) -> &mut Self {
        let value = value.as_ref();
        self.0.put_i32(i32::try_from(value.len()).expect("a value of the history is short"));
        self.0.put_slice(value);
        self
    }

    /// An `int8`.
    pub(super) fn int8(&mut self, value: i64) -> &mut Self {
        self.0.put_i32(8);
        self.0.put_i64(value);
        self
    }

    /// An `int8`, or none.
    pub(super) fn int8_or_null(&mut self, value: Option<i64>) -> &mut Self {
        match value {
            Some(value) => self.int8(value),
            None => {
                self.0.put_i32(-1);
                self
            }
        }
    }

    /// An `int4`.
    pub(super) fn int4(&mut self, value: i32) -> &mut Self {
        self.0.put_i32(4);
        self.0.put_i32(value);
        self
    }

    /// Takes the rows so far.
    pub(super) fn take(&mut self) -> Bytes {
        self.0.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::Tuples;

    #[test]
    fn a_row_is_its_columns_each_with_its_length() {
        let mut tuples = Tuples::default();
        tuples.row(3).bytes("ab").int4(1).int8_or_null(None);
        let expected = [0, 3, 0, 0, 0, 2, b'a', b'b', 0, 0, 0, 4, 0, 0, 0, 1, 255, 255, 255, 255];
        assert_eq!(tuples.take().as_ref(), expected);
        assert!(tuples.take().is_empty());
    }
}
