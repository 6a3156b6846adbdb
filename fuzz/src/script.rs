//! Inputs as texts with markers.
//!
//! | marker, in a head | becomes |
//! |---|---|
//! | `{now}` | the time of signing, in Unix seconds |
//! | `{fresh}` | a `webhook-id` that this run has not used yet |
//! | `{token}` | the last part of the source's ingest URL |
//! | `{length}` | the length of the body |
//! | `{chunked}` | `chunked`, and the body goes out in chunks |
//! | `{signature}` | the right signature for the id and timestamp of this head and for the body |
//!
//! `{next}` begins another request on the same connection. Bodies are taken as they stand.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::reference::{self, Headers};
use crate::{NOW, server};

/// How many bytes of a body go into one chunk: few, so that small bodies have several.
const CHUNK_BYTES: usize = 7;

/// What goes over the wire, and the bodies that were there to be signed.
#[derive(Debug, Default)]
pub struct Script {
    /// All requests, one after the other.
    pub wire: Vec<u8>,
    /// Their bodies, before chunking.
    pub bodies: Vec<Vec<u8>>,
}

/// Writes out the requests of an input. `used` counts the fresh ids.
#[must_use]
pub fn expand(input: &[u8], used: &AtomicU64) -> Script {
    let mut script = Script::default();
    for part in split(input, b"{next}") {
        let (head, body) = halves(part, b"\r\n\r\n");
        let head = fill_in(head, body, used);
        let chunked = reference::contains(&head, b"{chunked}");
        script.wire.extend(replace(&head, b"{chunked}", b"chunked"));
        script.wire.extend(b"\r\n\r\n");
        script.wire.extend(if chunked { in_chunks(body) } else { body.to_vec() });
        script.bodies.push(body.to_vec());
    }
    script
}

/// The header fields of a head, one a line; a line without a colon is none. `\r` at the end of a line is no
/// part of it.
#[must_use]
pub fn fields(head: &[u8]) -> Headers {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let pair = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        Some((name.to_owned(), line[colon + 1..].to_vec()))
    };
    lines.filter_map(pair).collect()
}

/// Puts the right signature wherever it is asked for.
#[must_use]
pub fn sign(head: &[u8], body: &[u8], key: &[u8]) -> Vec<u8> {
    let fields = fields(head);
    let (id, timestamp) =
        (reference::first(&fields, "webhook-id"), reference::first(&fields, "webhook-timestamp"));
    replace(head, b"{signature}", reference::signature(key, id, timestamp, body).as_bytes())
}

/// What stands before the first `border`, and what after; nothing after if there is none.
#[must_use]
pub fn halves<'i>(input: &'i [u8], border: &[u8]) -> (&'i [u8], &'i [u8]) {
    match position(input, border) {
        Some(at) => (&input[..at], &input[at + border.len()..]),
        None => (input, &[]),
    }
}

/// Writes `value` for every `marker`.
#[must_use]
pub fn replace(text: &[u8], marker: &[u8], value: &[u8]) -> Vec<u8> {
    split(text, marker).join(value)
}

fn fill_in(head: &[u8], body: &[u8], used: &AtomicU64) -> Vec<u8> {
    let mut head = head.to_vec();
    if reference::contains(&head, b"{fresh}") {
        let id = format!("wh_{}", used.fetch_add(1, Ordering::Relaxed));
        head = replace(&head, b"{fresh}", id.as_bytes());
    }
    head = replace(&head, b"{now}", NOW.to_string().as_bytes());
    head = replace(&head, b"{token}", server::TOKEN.as_bytes());
    head = replace(&head, b"{length}", body.len().to_string().as_bytes());
    sign(&head, body, &server::KEY)
}

fn in_chunks(body: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    for chunk in body.chunks(CHUNK_BYTES) {
        wire.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
        wire.extend(chunk);
        wire.extend(b"\r\n");
    }
    wire.extend(b"0\r\n\r\n");
    wire
}

fn split<'i>(input: &'i [u8], border: &[u8]) -> Vec<&'i [u8]> {
    let mut parts = Vec::new();
    let mut rest = input;
    while let Some(at) = position(rest, border) {
        parts.push(&rest[..at]);
        rest = &rest[at + border.len()..];
    }
    parts.push(rest);
    parts
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
