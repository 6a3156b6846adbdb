//! The table of mistakes. A new one is a row here and a case in the tests, nothing more.

use super::{
    bodies,
    clock::{self, Clocks},
    explanation::Finding,
    readings::{self, Raw, Reading},
    secrets,
};
use crate::secret::SigningSecret;

/// A mistake, and how to undo it to see whether it was the one.
pub(super) struct Hypothesis {
    pub(super) finding: Finding,
    pub(super) how: How,
}

/// Undoing gives nothing where the mistake cannot have been made.
pub(super) enum How {
    /// What the configured text, without white space around it, should have been read as.
    Secret(fn(&str) -> Option<SigningSecret>),
    /// The text is right, but belongs to another receiver.
    OtherSecret,
    /// What the body may have been when it was signed.
    Body(fn(&[u8]) -> Vec<Vec<u8>>),
    /// What the headers may have been when they were sent.
    Headers(fn(&Raw<'_>) -> Vec<Reading>),
    /// The signature is right; whether this is why the time is not.
    Clock(fn(&Clocks<'_>) -> bool),
    /// What the body looks like, when nothing could be proven.
    Sight(fn(&[u8]) -> bool),
}

/// Every mistake that [`explain`](super::explain()) looks for, in the order in which it does.
pub fn hypotheses() -> impl Iterator<Item = &'static Finding> {
    TABLE.iter().map(|hypothesis| &hypothesis.finding)
}

const fn row(code: &'static str, how: How, sentence: &'static str) -> Hypothesis {
    Hypothesis { finding: Finding { code, sentence }, how }
}

pub(super) static TABLE: [Hypothesis; 35] = [
    row(
        "timestamp_in_milliseconds",
        How::Clock(clock::timestamp_in_milliseconds),
        "The signature is right, but webhook-timestamp counts milliseconds: the sender has to send Unix seconds.",
    ),
    row(
        "now_in_milliseconds",
        How::Clock(clock::now_in_milliseconds),
        "The signature is right, but the receiver compares the timestamp with a time in milliseconds: pass Unix seconds as now.",
    ),
    row(
        "one_clock_of_sender_ahead",
        How::Clock(clock::one_sender_ahead),
        "The signature is right, but the timestamp is {secs} s in the future, though other calls come in time: one of the sender's machines has a clock that is {secs} s ahead; tell the sender.",
    ),
    row(
        "clock_behind",
        How::Clock(clock::receiver_behind),
        "The signature is right, but the timestamp is {secs} s in the future, which no delay or replay explains: this machine's clock is {secs} s behind the sender's; synchronise it with a time server.",
    ),
    row(
        "clock_ahead",
        How::Clock(clock::receiver_ahead),
        "The signature is right, but the timestamp is {secs} s old: this machine's clock is {secs} s ahead of the sender's; synchronise it with a time server. If it is right, the call was held up on the way or recorded and sent again.",
    ),
    row(
        "late_or_replayed",
        How::Clock(clock::late_or_replayed),
        "The signature is right, but the timestamp is {secs} s old, and that is not this machine's clock: the call was held up on the way, or somebody recorded it and sent it again. The sender's next attempt has a fresh timestamp; refuse this one.",
    ),
    row(
        "headers_merged",
        How::Headers(readings::unmerged),
        "A proxy has joined repeated headers into one value with commas: let it pass each webhook header on once.",
    ),
    row(
        "headers_repeated",
        How::Headers(readings::one_of_each),
        "A webhook header occurs twice with different values, and one of them is right: find out what adds the other, mostly a proxy or a test tool that signs a signed call again.",
    ),
    row(
        "timestamp_sent_in_milliseconds",
        How::Headers(readings::timestamp_in_seconds),
        "The call was signed with a timestamp in seconds and sent with one in milliseconds: the sender has to send the one that it signed.",
    ),
    row(
        "secret_surrounding_whitespace",
        How::Secret(secrets::trimmed),
        "The secret has white space or a line end around it: configure it without, and trim what is read from a file.",
    ),
    row(
        "secret_quoted",
        How::Secret(secrets::unquoted),
        "The secret has quotes around it: configure it without them.",
    ),
    row(
        "secret_inner_whitespace",
        How::Secret(secrets::unbroken),
        "The secret has a blank or a line break inside: copy it again, as one line.",
    ),
    row(
        "secret_with_variable_name",
        How::Secret(secrets::assigned),
        "The secret has the name of a variable and `=` in front: configure only what follows.",
    ),
    row(
        "secret_with_label",
        How::Secret(secrets::unlabelled),
        "The secret has `v1,` in front, which belongs to signatures: configure what follows the comma.",
    ),
    row(
        "secret_prefix_case",
        How::Secret(secrets::prefix_in_lower_case),
        "The secret's prefix is not in lower case: it is `whsec_`.",
    ),
    row(
        "secret_prefix_doubled",
        How::Secret(secrets::prefix_once),
        "The secret has `whsec_` in front twice: configure it with one.",
    ),
    row(
        "secret_prefix_missing",
        How::Secret(secrets::prefixed),
        "The secret has lost its `whsec_`, so its text was taken for the key: configure it with the prefix.",
    ),
    row(
        "secret_base64url",
        How::Secret(secrets::standard_alphabet),
        "The secret is written in URL-safe base64: replace `-` by `+` and `_` by `/`, and fill up with `=` to a multiple of four.",
    ),
    row(
        "secret_padding_missing",
        How::Secret(secrets::padded),
        "The secret has lost the `=` at its end: configure it with them.",
    ),
    row(
        "secret_not_decoded",
        How::Secret(secrets::encoded_text),
        "The sender signs with the text after `whsec_` as it stands, and the receiver with the bytes that it encodes: the sender has to decode it from base64.",
    ),
    row(
        "secret_whole_text_is_key",
        How::Secret(secrets::whole_text),
        "The sender signs with the whole text of the secret, its prefix included, and the receiver with the bytes that it encodes: the sender has to take `whsec_` off and decode the rest from base64.",
    ),
    row(
        "secret_of_another",
        How::OtherSecret,
        "The call was signed with a secret that is configured elsewhere: either it was sent to the wrong address, or two secrets were mixed up.",
    ),
    row(
        "body_newline_added",
        How::Body(bodies::without_last_line_end),
        "The body has got a line end at its end that was not signed: verify the bytes as they came, and read files and pipes without adding one.",
    ),
    row(
        "body_newline_removed",
        How::Body(bodies::with_last_line_end),
        "The body has lost the line end at its end: verify the bytes as they came, untrimmed.",
    ),
    row(
        "body_lf_became_crlf",
        How::Body(bodies::with_lf),
        "The line ends of the body have become CR LF: something treats it as a text file; pass the bytes on as they came.",
    ),
    row(
        "body_crlf_became_lf",
        How::Body(bodies::with_crlf),
        "The line ends of the body were CR LF and have become LF: something treats it as a text file; pass the bytes on as they came.",
    ),
    row(
        "body_bom_added",
        How::Body(bodies::without_bom),
        "The body has got a byte order mark in front that was not signed: it was written to a text file or converted; pass the bytes on as they came.",
    ),
    row(
        "body_bom_removed",
        How::Body(bodies::with_bom),
        "The body has lost the byte order mark in front, as when it is read as text: verify the bytes as they came.",
    ),
    row(
        "body_respaced",
        How::Body(bodies::respaced),
        "The body was parsed and written again with other blanks: verify the bytes as they came, before any JSON parser.",
    ),
    row(
        "body_unicode_unescaped",
        How::Body(bodies::escaped),
        "The body was parsed and written again, and its \\u escapes have become characters: verify the bytes as they came, before any JSON parser.",
    ),
    row(
        "body_unicode_escaped",
        How::Body(bodies::unescaped),
        "The body was parsed and written again, and its characters have become \\u escapes: verify the bytes as they came, before any JSON parser.",
    ),
    row(
        "body_slashes_escaped",
        How::Body(bodies::with_plain_slashes),
        "The body was parsed and written again, and its slashes have got a backslash: verify the bytes as they came, before any JSON parser.",
    ),
    row(
        "body_keys_reordered",
        How::Body(bodies::in_envelope_order),
        "The body was parsed and written again, which has changed the order of its keys: verify the bytes as they came, before any JSON parser.",
    ),
    row(
        "body_keys_unsorted",
        How::Body(bodies::sorted),
        "The body was signed with its keys sorted and sent, or verified, in another order: sign and verify the very bytes that are sent.",
    ),
    row(
        "body_still_gzip",
        How::Sight(bodies::is_gzip),
        "The body is still compressed (gzip), and the signature is mostly that of the body before: let the server or proxy inflate it, and verify the result.",
    ),
];
