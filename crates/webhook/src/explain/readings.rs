//! What the three headers say, and what they may have said before somebody joined or repeated them.

use std::collections::HashSet;

use crate::{
    headers::{self, HeaderLookup, ID, SIGNATURE, TIMESTAMP},
    signature::{self, Mac},
};

/// How many values of one header are looked at, if it is repeated or joined.
const MAX_VALUES: usize = 2;

/// How many signatures of one call are looked at.
const MAX_SIGNATURES: usize = 256;

/// The longest value of a header that is looked at, in bytes.
const MAX_VALUE_BYTES: usize = 16 * 1024;

/// Timestamps beyond this many seconds, the year 5138, count milliseconds.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// The first different values of each header.
pub(super) struct Raw<'h> {
    id: Values<'h>,
    timestamp: Values<'h>,
    signature: Values<'h>,
}

/// Those of one header. An empty one is none, but makes the header a repeated one.
#[derive(Default)]
struct Values<'h> {
    kept: Vec<&'h [u8]>,
    is_repeated: bool,
    is_cut: bool,
}

/// One way to understand the headers.
#[derive(PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) id: Vec<u8>,
    pub(super) timestamp: Vec<u8>,
    pub(super) signatures: Vec<Mac>,
}

impl<'h> Raw<'h> {
    pub(super) fn read<H: HeaderLookup + ?Sized>(headers: &'h H) -> Self {
        let values = |name| Values::read(headers.header_values(name).map(headers::trim_blanks));
        Self { id: values(ID), timestamp: values(TIMESTAMP), signature: values(SIGNATURE) }
    }

    /// The headers as they stand: the first of each.
    pub(super) fn as_sent(&self) -> Option<Reading> {
        Some(Reading::of(self.id.first()?, self.timestamp.first()?, self.signature.first()?))
    }

    /// The timestamp as it stands, if it is one.
    pub(super) fn seconds(&self) -> Option<i64> {
        read_seconds(self.timestamp.first()?)
    }

    /// Whether everything there is will be looked at.
    pub(super) fn is_whole(&self) -> bool {
        let signatures = self.signature.kept.iter().map(|value| signature::candidates(value).count());
        !self.all().iter().any(|values| values.is_cut) && signatures.max().unwrap_or(0) <= MAX_SIGNATURES
    }

    fn all(&self) -> [&Values<'h>; 3] {
        [&self.id, &self.timestamp, &self.signature]
    }
}

impl<'h> Values<'h> {
    fn read(values: impl Iterator<Item = &'h [u8]>) -> Self {
        let mut read = Self::default();
        let mut first = None;
        for value in values {
            read.is_repeated |= *first.get_or_insert(value) != value;
            if value.is_empty() || read.kept.contains(&value) {
                continue;
            }
            if value.len() <= MAX_VALUE_BYTES && read.kept.len() < MAX_VALUES {
                read.kept.push(value);
            } else {
                read.is_cut = true;
            }
        }
        read
    }

    fn first(&self) -> Option<&'h [u8]> {
        self.kept.first().copied()
    }

    fn last(&self) -> Option<&'h [u8]> {
        self.kept.last().copied()
    }
}

impl Reading {
    fn of(id: &[u8], timestamp: &[u8], signatures: &[u8]) -> Self {
        Self {
            id: id.to_vec(),
            timestamp: timestamp.to_vec(),
            signatures: signature::candidates(signatures).take(MAX_SIGNATURES).collect(),
        }
    }

    /// The timestamp, if it is one.
    pub(super) fn seconds(&self) -> Option<i64> {
        read_seconds(&self.timestamp)
    }
}

fn read_seconds(text: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(text).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// With every joined value taken apart again.
pub(super) fn unmerged(raw: &Raw<'_>) -> Vec<Reading> {
    let (Some(id), Some(timestamp), Some(signatures)) =
        (raw.id.first(), raw.timestamp.first(), raw.signature.first())
    else {
        return Vec::new();
    };
    let apart = take_apart(signatures);
    let (ids, timestamps, as_sent) = (parts(id), parts(timestamp), raw.as_sent());
    let readings =
        ids.iter().flat_map(|id| timestamps.iter().map(|timestamp| Reading::of(id, timestamp, &apart)));
    readings.filter(|reading| Some(reading) != as_sent.as_ref()).collect()
}

/// With a blank before each label that follows a comma. A comma elsewhere is that of a label, or damage.
fn take_apart(signatures: &[u8]) -> Vec<u8> {
    let mut apart = signatures.to_vec();
    for comma in 0..apart.len() {
        if apart[comma..].starts_with(b",v1,") {
            apart[comma] = b' ';
        }
    }
    apart
}

fn parts(value: &[u8]) -> Vec<&[u8]> {
    let mut seen = HashSet::new();
    let parts = value.split(|byte| *byte == b',').map(headers::trim_blanks);
    parts.filter(|part| !part.is_empty() && seen.insert(*part)).take(MAX_VALUES).collect()
}

/// With the first value of each repeated header, and with the last.
pub(super) fn one_of_each(raw: &Raw<'_>) -> Vec<Reading> {
    if !raw.all().iter().any(|values| values.is_repeated) {
        return Vec::new();
    }
    let last = || Some(Reading::of(raw.id.last()?, raw.timestamp.last()?, raw.signature.last()?));
    [raw.as_sent(), last()].into_iter().flatten().collect()
}

/// With the timestamp in seconds, if it is in milliseconds.
pub(super) fn timestamp_in_seconds(raw: &Raw<'_>) -> Vec<Reading> {
    let seconds =
        raw.seconds().filter(|milliseconds| *milliseconds >= FIRST_MILLISECONDS).map(|ms| ms / 1000);
    let reading = |seconds: i64| {
        let timestamp = seconds.to_string().into_bytes();
        Some(Reading { timestamp, ..raw.as_sent()? })
    };
    seconds.and_then(reading).into_iter().collect()
}
