//! The proxy that calls go through, where the operator's network has no other way out.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

/// An HTTP proxy that opens tunnels (`CONNECT`, RFC 9110, section 9.3.6), and the credentials it wants.
///
/// A tunnel is asked for plain HTTP too, so that the proxy sees addresses but no request, and its other end
/// is the judged address. The proxy's own address is the operator's choice and not judged.
///
/// `Debug` shows where it is and not the credentials.
#[derive(Clone)]
pub struct Proxy {
    /// Scheme, host and port, without the credentials.
    uri: Uri,
    authorization: Option<HeaderValue>,
}

/// A proxy's URL that cannot be used. The text never shows it: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It cannot be read as an absolute URL.
    #[error("it is not a complete URL such as http://user:password@proxy.internal:3128")]
    Invalid,
    /// Its scheme is not `http`.
    #[error(
        "its scheme is {scheme:?}, but only http proxies can be used (TLS to the endpoint goes through the tunnel)"
    )]
    Scheme {
        /// The scheme it has.
        scheme: String,
    },
    /// It has a path, a query or a fragment, which mean nothing for a proxy.
    #[error("it goes on after host and port; leave that out")]
    Path,
    /// The user's name has a colon in it, which Basic authentication cannot transmit (RFC 7617, section 2).
    #[error("the user name holds a colon")]
    UserName,
}

impl Proxy {
    /// Reads `http://user:password@host:port`; the user information may be left out, and is percent-encoded.
    /// The port is 80 if none is given.
    ///
    /// # Errors
    ///
    /// [`ProxyError`], which says what is wrong without showing the text.
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let url: Url = text.trim().parse().map_err(|_| ProxyError::Invalid)?;
        if url.scheme() != "http" {
            return Err(ProxyError::Scheme { scheme: url.scheme().to_owned() });
        }
        let host = url.host_str().ok_or(ProxyError::Invalid)?;
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or(ProxyError::Invalid)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(ProxyError::Path);
        }
        let uri = format!("http://{host}:{port}/").parse().map_err(|_| ProxyError::Invalid)?;
        Ok(Self { uri, authorization: authorization(&url)? })
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("authority", &self.uri.authority().map(http::uri::Authority::as_str))
            .field("authorization", &self.authorization.as_ref().map(|_| "[REDACTED]"))
            .finish()
    }
}

/// The value of `Proxy-Authorization`: `Basic`, of the user information as it is once decoded (RFC 7617).
fn authorization(url: &Url) -> Result<Option<HeaderValue>, ProxyError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut pair = Zeroizing::new(percent_decode_str(url.username()).collect::<Vec<u8>>());
    if pair.contains(&b':') {
        return Err(ProxyError::UserName);
    }
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(&*pair)));
    let mut value = HeaderValue::from_str(&text).expect("base64 has no character that a header may not have");
    value.set_sensitive(true);
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_used() {
        for (text, uri, authorization) in [
            ("http://proxy.internal:3128", "http://proxy.internal:3128/", None),
            (" http://proxy.internal ", "http://proxy.internal:80/", None),
            ("http://[::1]:8080/", "http://[::1]:8080/", None),
            ("http://user:pass@10.0.0.1:3128", "http://10.0.0.1:3128/", Some("Basic dXNlcjpwYXNz")),
            ("http://user@proxy:3128", "http://proxy:3128/", Some("Basic dXNlcjo=")),
            // a@b : p:/\r\n
            ("http://a%40b:p%3A%2F%0D%0A@proxy:3128", "http://proxy:3128/", Some("Basic YUBiOnA6Lw0K")),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.uri().to_string(), uri, "{text}");
            assert_eq!(proxy.authorization().map(|value| value.to_str().unwrap()), authorization, "{text}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_and_not_shown() {
        for (text, expected) in [
            ("", ProxyError::Invalid),
            ("proxy.internal", ProxyError::Invalid),
            ("proxy.internal:3128", ProxyError::Scheme { scheme: "proxy.internal".into() }),
            ("socks5://hidden:hidden@proxy:1080", ProxyError::Scheme { scheme: "socks5".into() }),
            ("https://hidden:hidden@proxy:3128", ProxyError::Scheme { scheme: "https".into() }),
            ("http://hidden:hidden@proxy:3128/hidden", ProxyError::Path),
            ("http://proxy:3128/?hidden", ProxyError::Path),
            ("http://proxy:3128/#hidden", ProxyError::Path),
            ("http://proxy:0", ProxyError::Invalid),
            ("http://hidden:hidden@:3128", ProxyError::Invalid),
            ("http://hid%3Aden:hidden@proxy:3128", ProxyError::UserName),
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
        }
    }

    #[test]
    fn its_debug_form_shows_no_credentials() {
        let shown = format!("{:?}", Proxy::parse("http://user:pass@proxy:3128").unwrap());
        assert!(shown.contains("proxy:3128") && shown.contains("[REDACTED]"), "{shown}");
        for secret in ["user", "pass", "dXNlcjpwYXNz"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
