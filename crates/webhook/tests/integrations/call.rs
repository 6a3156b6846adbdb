//! A call as bytes on a socket, so that a test can send what no client would.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use ringback_webhook::{SigningSecret, UnixSeconds, sign};

/// How long a test waits for a server before it calls it hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the body is announced, and how much of it is sent.
enum Framing {
    /// `content-length`, and all of it.
    Whole,
    /// In chunks of a few bytes, up to the last.
    Chunked,
    /// In one chunk that nothing follows: the end never comes.
    ChunkedWithoutEnd,
    /// `content-length`, and nothing of it.
    AnnouncedOnly,
}

/// A call of a webhook, in the making.
pub(crate) struct Call {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    framing: Framing,
}

/// What a server said to it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    /// A call with JSON that is signed as it is.
    pub(crate) fn signed(secret: &SigningSecret, sent_at: UnixSeconds, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut map = http::HeaderMap::new();
        sign([secret], "wh_1", sent_at, &body).unwrap().apply(&mut map);
        let text = |value: &http::HeaderValue| value.to_str().unwrap().to_owned();
        let mut headers: Vec<_> = map.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        Self { headers, body, framing: Framing::Whole }
    }

    /// Adds a header, beside any of that name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }

    /// Sends another body than the one that was signed.
    pub(crate) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    pub(crate) fn chunked_without_end(mut self) -> Self {
        self.framing = Framing::ChunkedWithoutEnd;
        self
    }

    pub(crate) fn announced_only(mut self) -> Self {
        self.framing = Framing::AnnouncedOnly;
        self
    }

    /// Sends the call over a connection of its own and waits for the answer.
    pub(crate) fn send(&self, to: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&self.bytes(to)).unwrap();
        Answer::read(stream)
    }

    fn bytes(&self, to: SocketAddr) -> Vec<u8> {
        let mut bytes = format!("POST /webhook HTTP/1.1\r\nhost: {to}\r\n").into_bytes();
        for (name, value) in &self.headers {
            bytes.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        let framing = match self.framing {
            Framing::Whole | Framing::AnnouncedOnly => format!("content-length: {}\r\n\r\n", self.body.len()),
            Framing::Chunked | Framing::ChunkedWithoutEnd => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        };
        bytes.extend(framing.into_bytes());
        match self.framing {
            Framing::Whole => bytes.extend(&self.body),
            Framing::Chunked => {
                self.body.chunks(7).for_each(|part| push_chunk(&mut bytes, part));
                push_chunk(&mut bytes, b"");
            }
            Framing::ChunkedWithoutEnd => push_chunk(&mut bytes, &self.body),
            Framing::AnnouncedOnly => {}
        }
        bytes
    }
}

fn push_chunk(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
    bytes.extend(part);
    bytes.extend(b"\r\n");
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn read(stream: TcpStream) -> Self {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let status = line().split(' ').nth(1).expect("a status line").parse().unwrap();
        let lines = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()));
        let headers = lines
            .map(|line| {
                line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap()
            })
            .collect();
        let mut answer = Self { status, headers, body: String::new() };
        let length = answer.header("content-length").expect("a body of known length").parse().unwrap();
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        answer.body = String::from_utf8(body).unwrap();
        answer
    }
}
