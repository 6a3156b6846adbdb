//! What a server sent back over one connection, taken apart without an HTTP library.

use crate::reference::{Headers, first};
use crate::script;

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header fields.
    pub headers: Headers,
    /// Its body; empty if the request was a `HEAD`.
    pub body: Vec<u8>,
}

/// All answers of a connection, in their order.
///
/// # Panics
/// When the bytes are anything but whole answers.
#[must_use]
pub fn read(mut reply: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !reply.is_empty() {
        let (head, rest) = script::halves(reply, b"\r\n\r\n");
        let status = status(head);
        let headers = script::fields(head);
        let length = length(status, &headers);
        // After the answer to a `HEAD` comes the next answer, or nothing; no body of this server begins like
        // that.
        let bodiless = rest.is_empty() || rest.starts_with(b"HTTP/1.");
        let length = if bodiless { 0 } else { length };
        assert!(rest.len() >= length, "an answer {status} was cut short");
        answers.push(Answer { status, headers, body: rest[..length].to_vec() });
        reply = &rest[length..];
    }
    answers
}

fn status(head: &[u8]) -> u16 {
    let line = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "));
    let digits = line.and_then(|line| std::str::from_utf8(line.get(..3)?).ok());
    let status = digits.and_then(|digits| digits.parse().ok());
    status.unwrap_or_else(|| panic!("no answer begins like this: {:?}", String::from_utf8_lossy(head)))
}

fn length(status: u16, headers: &Headers) -> usize {
    if (100..200).contains(&status) {
        return 0;
    }
    let length =
        std::str::from_utf8(first(headers, "content-length")).ok().and_then(|text| text.parse().ok());
    length.unwrap_or_else(|| panic!("an answer {status} does not say how long it is"))
}
