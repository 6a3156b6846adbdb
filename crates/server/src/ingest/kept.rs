//! What is kept of a refused call, and how it is read again.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use ringback_domain::KeptCall;
use ringback_webhook::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};

/// The most of a body that is kept, in bytes.
pub(crate) const MAX_KEPT_BODY_BYTES: usize = 16 * 1024;
/// The most of the headers that are kept, in bytes. A set that is larger is cut at the end of a line.
const MAX_KEPT_HEADER_BYTES: usize = 4 * 1024;
/// The headers that say what a call is and who signed it. No others are kept: they may hold what is nobody's
/// business.
const KEPT_HEADERS: [HeaderName; 6] = [
    WEBHOOK_ID,
    WEBHOOK_TIMESTAMP,
    WEBHOOK_SIGNATURE,
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    header::USER_AGENT,
];

/// Keeps as much of a call as is allowed.
pub(crate) fn keep(headers: &HeaderMap, body: &Bytes) -> KeptCall {
    KeptCall {
        headers: write_headers(headers),
        // A copy: a slice would hold the whole body in memory.
        body: Bytes::copy_from_slice(&body[..body.len().min(MAX_KEPT_BODY_BYTES)]),
        body_bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
    }
}

fn write_headers(headers: &HeaderMap) -> Bytes {
    let mut kept = BytesMut::new();
    for name in KEPT_HEADERS {
        for value in headers.get_all(&name) {
            let line = name.as_str().len() + value.len() + 3;
            if kept.len() + line <= MAX_KEPT_HEADER_BYTES {
                kept.put_slice(name.as_str().as_bytes());
                kept.put_slice(b": ");
                kept.put_slice(value.as_bytes());
                kept.put_u8(b'\n');
            }
        }
    }
    kept.freeze()
}

/// The headers of a kept call, as they were received. A header's value holds no line break, so a line is a
/// header.
pub(crate) fn read_headers(kept: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in kept.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii_start());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_survive_as_they_were_and_no_others_are_kept() {
        let mut headers = HeaderMap::new();
        headers.append(WEBHOOK_ID, HeaderValue::from_static("wh_1"));
        headers.append(WEBHOOK_SIGNATURE, HeaderValue::from_static("v1,a"));
        headers.append(WEBHOOK_SIGNATURE, HeaderValue::from_static("v1,b: c"));
        headers.append(WEBHOOK_TIMESTAMP, HeaderValue::from_bytes(b"\xff").unwrap());
        let expected = headers.clone();
        headers.append(header::COOKIE, HeaderValue::from_static("secret"));
        assert_eq!(read_headers(&keep(&headers, &Bytes::new()).headers), expected);
    }

    #[test]
    fn what_is_too_large_is_cut_and_says_so() {
        let mut headers = HeaderMap::new();
        headers.append(WEBHOOK_ID, HeaderValue::from_static("wh_1"));
        headers.append(header::USER_AGENT, HeaderValue::from_bytes(&[b'x'; 5000]).unwrap());
        let call = keep(&headers, &Bytes::from(vec![b'x'; MAX_KEPT_BODY_BYTES + 1]));
        assert_eq!((call.body.len(), call.body_bytes), (MAX_KEPT_BODY_BYTES, 16 * 1024 + 1));
        assert!(!call.is_whole());
        assert_eq!(read_headers(&call.headers).len(), 1);
        assert!(keep(&headers, &Bytes::from_static(b"x")).is_whole());
    }
}
