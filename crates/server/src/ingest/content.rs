//! Is what came an event?

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ringback_webhook::EnvelopeHead;

use crate::error::ApiError;

/// Reads the head of the event in a body. Asked only of calls whose signature is right.
pub(super) fn read<'b>(headers: &HeaderMap, body: &'b [u8]) -> Result<EnvelopeHead<'b>, ApiError> {
    // What was signed are the bytes on the wire, and those are what goes on: packed ones would reach apps
    // that cannot tell.
    if value(headers, header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"))
    {
        let message = "the body is encoded (content-encoding); send it as it is";
        return Err(unsupported("unsupported_content_encoding", message));
    }
    if !value(headers, header::CONTENT_TYPE).is_none_or(is_json) {
        return Err(unsupported(
            "unsupported_content_type",
            "the content type is not JSON (application/json)",
        ));
    }
    EnvelopeHead::parse(body).map_err(|error| ApiError::bad_request(error.code(), error.to_string()))
}

fn unsupported(code: &'static str, message: &'static str) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, message)
}

/// The value of a header, if there is one and it is not empty.
fn value(headers: &HeaderMap, name: HeaderName) -> Option<&[u8]> {
    headers.get(name).map(HeaderValue::as_bytes).map(<[u8]>::trim_ascii).filter(|value| !value.is_empty())
}

/// `application/json` or any type with the suffix `+json` (RFC 6839), in any case, with any parameters.
fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let essence = essence.to_ascii_lowercase();
    essence == b"application/json" || (essence.contains(&b'/') && essence.ends_with(b"+json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &[u8] = br#"{"type":"a.b"}"#;

    fn code(name: HeaderName, value: &'static str, body: &[u8]) -> &'static str {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        read(&headers, body).err().map_or("ok", |error| error.code())
    }

    #[test]
    fn only_a_present_type_that_is_not_json_is_refused() {
        for good in
            ["", "application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"]
        {
            assert_eq!(code(header::CONTENT_TYPE, good, EVENT), "ok", "{good}");
        }
        for bad in ["text/plain", "application/jsonp", "json", "+json", "application/json,text/html", ";"] {
            assert_eq!(code(header::CONTENT_TYPE, bad, EVENT), "unsupported_content_type", "{bad}");
        }
        assert!(read(&HeaderMap::new(), EVENT).is_ok());
    }

    #[test]
    fn an_encoded_body_is_refused() {
        assert_eq!(code(header::CONTENT_ENCODING, "Identity", EVENT), "ok");
        assert_eq!(code(header::CONTENT_ENCODING, "gzip", EVENT), "unsupported_content_encoding");
    }

    #[test]
    fn what_is_no_event_is_named() {
        for (body, expected) in [
            (&b"{"[..], "not_json"),
            (b"", "not_json"),
            (b"[]", "not_an_object"),
            (b"{}", "missing_type"),
            (br#"{"type":1}"#, "type_not_a_string"),
            (br#"{"type":"x"}"#, "malformed_type"),
        ] {
            assert_eq!(code(header::CONTENT_TYPE, "application/json", body), expected);
        }
    }
}
