//! JSON written again without being understood: numbers and strings keep their texts, and only what stands
//! between them, the order of keys, and single escapes change.

use serde::de::IgnoredAny;

/// How deep objects and lists may be nested in each other.
const MAX_DEPTH: usize = 64;

/// The order of the keys in OpenAI's examples. Others follow in the order they have.
const ENVELOPE: [&str; 5] = ["\"object\"", "\"id\"", "\"type\"", "\"created_at\"", "\"data\""];

/// How to write.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// A blank after each comma and colon.
    pub(super) blanks: bool,
    pub(super) escapes: Escapes,
    pub(super) order: Order,
}

/// How characters in strings are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escapes {
    /// As they were.
    AsTheyAre,
    /// Everything beyond ASCII as `\u` and lower-case digits.
    All,
    /// Characters beyond ASCII as themselves.
    NoneBeyondAscii,
    /// `/` without a backslash.
    NoSlashes,
}

/// In which order keys are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they stood.
    AsItIs,
    /// At the top as in [`ENVELOPE`], below as they stood.
    Envelope,
    /// Sorted by their texts, on every level.
    Sorted,
}

/// Valid JSON, as a tree of pieces of its text.
pub(super) struct Document<'a>(Node<'a>);

enum Node<'a> {
    /// A string with its quotes, a number or a word.
    Leaf(&'a str),
    List(Vec<Node<'a>>),
    Object(Vec<(&'a str, Node<'a>)>),
}

impl<'a> Document<'a> {
    /// `None` for what is no JSON, or nested too deep.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        // After this the text is known to be well-formed, and the reader below need not check it again.
        serde_json::from_str::<IgnoredAny>(text).ok()?;
        Reader { rest: text }.node(MAX_DEPTH).map(Self)
    }

    pub(super) fn write(&self, style: Style) -> Vec<u8> {
        let mut out = String::new();
        write(&mut out, &self.0, style);
        out.into_bytes()
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn node(&mut self, depth: usize) -> Option<Node<'a>> {
        self.skip_blanks();
        match self.rest.as_bytes().first()? {
            b'[' => self.list(depth.checked_sub(1)?),
            b'{' => self.object(depth.checked_sub(1)?),
            _ => self.leaf().map(Node::Leaf),
        }
    }

    fn list(&mut self, depth: usize) -> Option<Node<'a>> {
        let mut items = Vec::new();
        self.skip(1)?;
        while !self.ends_with(b']')? {
            items.push(self.node(depth)?);
        }
        Some(Node::List(items))
    }

    fn object(&mut self, depth: usize) -> Option<Node<'a>> {
        let mut fields = Vec::new();
        self.skip(1)?;
        while !self.ends_with(b'}')? {
            self.skip_blanks();
            let key = self.leaf()?;
            self.skip_blanks();
            self.skip(1)?;
            fields.push((key, self.node(depth)?));
        }
        Some(Node::Object(fields))
    }

    /// Whether the list or object is at its end; a comma before the next item is taken off.
    fn ends_with(&mut self, end: u8) -> Option<bool> {
        self.skip_blanks();
        let next = *self.rest.as_bytes().first()?;
        if next == b',' || next == end {
            self.skip(1)?;
        }
        Some(next == end)
    }

    fn leaf(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        let len = if bytes.first() == Some(&b'"') {
            string_len(bytes)?
        } else {
            bytes.iter().position(|byte| b" \t\r\n,]}:".contains(byte)).unwrap_or(bytes.len())
        };
        let (leaf, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(leaf)
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.rest = self.rest.get(bytes..)?;
        Some(())
    }
}

/// The length of the string that `bytes` begin with, both quotes included.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut index = 1;
    loop {
        match bytes.get(index)? {
            b'"' => return Some(index + 1),
            b'\\' => index += 2,
            _ => index += 1,
        }
    }
}

fn write(out: &mut String, node: &Node<'_>, style: Style) {
    match node {
        Node::Leaf(text) => write_leaf(out, text, style.escapes),
        Node::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                write_comma(out, index, style);
                write(out, item, style);
            }
            out.push(']');
        }
        Node::Object(fields) => {
            out.push('{');
            // Below the top, OpenAI's order is no longer known.
            let inner = match style.order {
                Order::Envelope => Style { order: Order::AsItIs, ..style },
                _ => style,
            };
            for (index, (key, value)) in in_order(fields, style.order).into_iter().enumerate() {
                write_comma(out, index, style);
                write_leaf(out, key, style.escapes);
                out.push_str(if style.blanks { ": " } else { ":" });
                write(out, value, inner);
            }
            out.push('}');
        }
    }
}

fn write_comma(out: &mut String, index: usize, style: Style) {
    if index > 0 {
        out.push_str(if style.blanks { ", " } else { "," });
    }
}

fn in_order<'n, 'a>(fields: &'n [(&'a str, Node<'a>)], order: Order) -> Vec<&'n (&'a str, Node<'a>)> {
    let mut fields: Vec<_> = fields.iter().collect();
    match order {
        Order::AsItIs => {}
        Order::Sorted => fields.sort_by_key(|(key, _)| *key),
        Order::Envelope => fields
            .sort_by_key(|(key, _)| ENVELOPE.iter().position(|known| known == key).unwrap_or(ENVELOPE.len())),
    }
    fields
}

fn write_leaf(out: &mut String, text: &str, escapes: Escapes) {
    match escapes {
        Escapes::AsTheyAre => out.push_str(text),
        Escapes::All => text.chars().for_each(|character| escape(out, character)),
        Escapes::NoSlashes => unescape(out, text, |escape| escape.starts_with('/').then_some(('/', 1))),
        Escapes::NoneBeyondAscii => unescape(out, text, beyond_ascii),
    }
}

fn escape(out: &mut String, character: char) {
    if character.is_ascii() {
        out.push(character);
        return;
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        out.push_str("\\u");
        out.extend(
            (0..4).rev().filter_map(|place| char::from_digit(u32::from(*unit) >> (4 * place) & 15, 16)),
        );
    }
}

/// Writes `text`, with every escape for which `plain` knows a character, and how long the escape is without
/// its backslash, as that character.
fn unescape(out: &mut String, text: &str, plain: impl Fn(&str) -> Option<(char, usize)>) {
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        out.push_str(before);
        rest = if let Some((character, len)) = plain(escape) {
            out.push(character);
            &escape[len..]
        } else {
            // What is escaped is ASCII, by the grammar; a backslash must not begin another escape.
            out.push('\\');
            let kept = escape.chars().next().map_or(0, char::len_utf8);
            out.push_str(&escape[..kept]);
            &escape[kept..]
        };
    }
    out.push_str(rest);
}

/// `uXXXX`, or two of them for one character of 17 bits and more.
fn beyond_ascii(escape: &str) -> Option<(char, usize)> {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let first = unit(escape.strip_prefix('u')?)?;
    let second = escape.get(5..).and_then(|rest| unit(rest.strip_prefix("\\u")?));
    let units = [first, second.unwrap_or(0)];
    let len = if (0xd800..0xdc00).contains(&first) { 2 } else { 1 };
    let character = char::decode_utf16(units[..len].iter().copied()).next()?.ok()?;
    (!character.is_ascii()).then_some((character, [5, 11][len - 1]))
}
