//! Headers that go with every attempt to an endpoint.
//!
//! They are shown as they were given: what only the endpoint may know belongs in `authentication`, which is
//! not shown.

use http::HeaderName;
use ringback_domain::ExtraHeader;
use serde_json::Value;

use crate::error::ApiError;
use crate::fields::Fields;
use crate::nearest::shown;

const FIELD: &str = "headers";

/// How many headers an endpoint may have.
const MAX_HEADERS: usize = 20;
/// The longest value, in bytes.
const MAX_VALUE_BYTES: usize = 4096;

/// What connections and bodies need for themselves (RFC 9110, section 7.6.1, and RFC 9112), and what Ringback
/// sets.
const RESERVED: [&str; 17] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
];

/// `headers`, an object of texts; a new set in place of the whole old one.
pub(super) fn read(fields: &Fields) -> Result<Option<Vec<ExtraHeader>>, ApiError> {
    let Some(value) = fields.value(FIELD) else { return Ok(None) };
    let Value::Object(headers) = value else {
        let message = "`headers` must be an object of names and texts, as in {\"x-team\": \"billing\"}";
        return Err(ApiError::bad_request("invalid_type", message).param(FIELD));
    };
    if headers.len() > MAX_HEADERS {
        return Err(wrong(format!("`headers` has {}, more than the {MAX_HEADERS} allowed", headers.len())));
    }
    let mut read: Vec<ExtraHeader> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let header = ExtraHeader { name: read_name(name)?, value: read_value(name, value)? };
        if read.iter().any(|other| other.name == header.name) {
            return Err(wrong(format!("the header `{}` is given twice", header.name)));
        }
        read.push(header);
    }
    Ok(Some(read))
}

fn read_name(name: &str) -> Result<String, ApiError> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(wrong(format!("`{}` is no name of a header", shown(name))));
    };
    let name = parsed.as_str();
    if name == "authorization" {
        return Err(wrong("set the header `authorization` by `authentication`, which keeps it to itself"));
    }
    if name.starts_with("webhook-") {
        return Err(wrong(format!("the header `{name}` is the signature's; Ringback sets it")));
    }
    if RESERVED.contains(&name) {
        return Err(wrong(format!("the header `{name}` is HTTP's or Ringback's own and cannot be set")));
    }
    Ok(name.to_owned())
}

fn read_value(name: &str, value: &Value) -> Result<String, ApiError> {
    let fits = |text: &&str| {
        text.len() <= MAX_VALUE_BYTES
            && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
            && text.trim_ascii().len() == text.len()
    };
    value.as_str().filter(fits).map(str::to_owned).ok_or_else(|| {
        wrong(format!(
            "the value of the header `{}` must be at most {MAX_VALUE_BYTES} printable ASCII characters, without blanks at its \
             ends",
            shown(name)
        ))
    })
}

fn wrong(message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::invalid_value(FIELD, message)
}
