//! Bodies as they may have been when they were signed.
//!
//! Each function undoes one thing that happens to bodies on their way to a verifier, and gives nothing where
//! it cannot have happened. What a parser threw away is guessed: blanks as the two usual writers set them,
//! and the keys in the order of OpenAI's envelope or sorted.

use super::{
    answers::GZIP_MAGIC,
    json::{self, Escapes, Order, Style},
};

const BOM: &[u8] = b"\xef\xbb\xbf";

pub(super) fn without_last_line_end(body: &[u8]) -> Vec<Vec<u8>> {
    let Some(rest) = body.strip_suffix(b"\n") else {
        return Vec::new();
    };
    let without_cr = rest.strip_suffix(b"\r");
    [Some(rest), without_cr].into_iter().flatten().map(<[u8]>::to_vec).collect()
}

pub(super) fn with_last_line_end(body: &[u8]) -> Vec<Vec<u8>> {
    if body.ends_with(b"\n") {
        return Vec::new();
    }
    [&b"\n"[..], b"\r\n"].map(|end| [body, end].concat()).into()
}

pub(super) fn with_lf(body: &[u8]) -> Vec<Vec<u8>> {
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    let ends = lines.len() - 1;
    if !lines[..ends].iter().any(|line| line.ends_with(b"\r")) {
        return Vec::new();
    }
    let stripped: Vec<_> = lines.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    vec![stripped.join(&b'\n')]
}

pub(super) fn with_crlf(body: &[u8]) -> Vec<Vec<u8>> {
    if !body.contains(&b'\n') {
        return Vec::new();
    }
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
    vec![lines.join(&b"\r\n"[..])]
}

pub(super) fn without_bom(body: &[u8]) -> Vec<Vec<u8>> {
    body.strip_prefix(BOM).map(<[u8]>::to_vec).into_iter().collect()
}

pub(super) fn with_bom(body: &[u8]) -> Vec<Vec<u8>> {
    if body.starts_with(BOM) { Vec::new() } else { vec![[BOM, body].concat()] }
}

pub(super) fn respaced(body: &[u8]) -> Vec<Vec<u8>> {
    rewritten(body, Escapes::AsTheyAre, Order::AsItIs)
}

pub(super) fn escaped(body: &[u8]) -> Vec<Vec<u8>> {
    if body.is_ascii() { Vec::new() } else { rewritten(body, Escapes::All, Order::AsItIs) }
}

pub(super) fn unescaped(body: &[u8]) -> Vec<Vec<u8>> {
    if has_escape(body, b'u') { rewritten(body, Escapes::NoneBeyondAscii, Order::AsItIs) } else { Vec::new() }
}

pub(super) fn with_plain_slashes(body: &[u8]) -> Vec<Vec<u8>> {
    if has_escape(body, b'/') { rewritten(body, Escapes::NoSlashes, Order::AsItIs) } else { Vec::new() }
}

pub(super) fn in_envelope_order(body: &[u8]) -> Vec<Vec<u8>> {
    rewritten(body, Escapes::AsTheyAre, Order::Envelope)
}

pub(super) fn sorted(body: &[u8]) -> Vec<Vec<u8>> {
    rewritten(body, Escapes::AsTheyAre, Order::Sorted)
}

pub(super) fn is_gzip(body: &[u8]) -> bool {
    body.starts_with(GZIP_MAGIC)
}

fn has_escape(body: &[u8], letter: u8) -> bool {
    body.windows(2).any(|pair| pair == [b'\\', letter])
}

/// With either kind of spacing: tight as JavaScript and most senders write, or with blanks as Python does. A
/// line end after the JSON, which writers do not set, goes with the blanks.
fn rewritten(body: &[u8], escapes: Escapes, order: Order) -> Vec<Vec<u8>> {
    let Some(document) = json::Document::read(body) else {
        return Vec::new();
    };
    [false, true].into_iter().map(|blanks| document.write(Style { blanks, escapes, order })).collect()
}
