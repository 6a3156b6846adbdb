//! Whether the body is of a kind that can be an event, by what its headers say.

use super::Rejection;
use crate::HeaderLookup;

/// Asked only of calls whose signature is right.
///
/// A header that is absent or empty is no objection: the standard asks for JSON, not for a label on it. If
/// one is repeated, each of its values must do.
pub(super) fn check<H: HeaderLookup + ?Sized>(headers: &H) -> Result<(), Rejection> {
    if !values(headers, "content-encoding").all(|coding| coding.eq_ignore_ascii_case(b"identity")) {
        return Err(Rejection::UnsupportedContentEncoding);
    }
    if !values(headers, "content-type").all(is_json) {
        return Err(Rejection::UnsupportedContentType);
    }
    Ok(())
}

fn values<'h, H: HeaderLookup + ?Sized>(headers: &'h H, name: &str) -> impl Iterator<Item = &'h [u8]> {
    headers.header_values(name).map(<[u8]>::trim_ascii).filter(|value| !value.is_empty())
}

/// `application/json`, or any type with the suffix `+json` (RFC 6839), in any case and with any parameters.
fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let essence = essence.to_ascii_lowercase();
    essence == b"application/json" || (essence.contains(&b'/') && essence.ends_with(b"+json"))
}

#[cfg(test)]
mod tests {
    use super::check;

    fn verdict(name: &str, values: &[&str]) -> &'static str {
        let headers: Vec<_> = values.iter().map(|value| (name, *value)).collect();
        check(&headers).err().map_or("ok", |rejection| rejection.code())
    }

    #[test]
    fn only_a_type_that_is_there_and_not_json_is_refused() {
        for good in
            ["", " ", "application/json", "Application/JSON; charset=utf-8", "application/cloudevents+json"]
        {
            assert_eq!(verdict("Content-Type", &[good]), "ok", "{good:?}");
        }
        for bad in ["text/plain", "application/jsonp", "json", "+json", "application/json,text/html", ";"] {
            assert_eq!(verdict("content-type", &[bad]), "unsupported_content_type", "{bad:?}");
        }
        assert_eq!(verdict("content-type", &["application/json", "text/plain"]), "unsupported_content_type");
        assert_eq!(verdict("content-type", &[]), "ok");
    }

    #[test]
    fn an_encoded_body_is_refused() {
        assert_eq!(verdict("content-encoding", &["Identity"]), "ok");
        for bad in ["gzip", "br", "identity, gzip"] {
            assert_eq!(verdict("content-encoding", &[bad]), "unsupported_content_encoding", "{bad}");
        }
    }
}
