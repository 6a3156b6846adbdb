//! Where a connection is to go: what a policy judges.

use http::Uri;
use std::net::IpAddr;
use url::{Host, Url};

/// Scheme, host and port of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// `https`, else `http`.
    pub(crate) secure: bool,
    /// A literal address, or a name still to be resolved.
    pub(crate) host: Host<String>,
    /// The port to dial, the scheme's own if the URL names none.
    pub(crate) port: u16,
}

impl Target {
    /// From a URL whose scheme is `http` or `https`; none if it has no host.
    pub(crate) fn of_url(url: &Url) -> Option<Self> {
        let host = url.host()?.to_owned();
        Some(Self { secure: url.scheme() == "https", host, port: url.port_or_known_default()? })
    }

    /// From the URI that the connector is handed. It stems from a URL in its normal form, so a host that is
    /// no address in its usual spelling is a name.
    pub(crate) fn of_uri(uri: &Uri) -> Option<Self> {
        let secure = uri.scheme() == Some(&http::uri::Scheme::HTTPS);
        let text = uri.host()?;
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        let host = match bare.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Host::Ipv4(address),
            Ok(IpAddr::V6(address)) => Host::Ipv6(address),
            Err(_) => Host::Domain(text.to_owned()),
        };
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Some(Self { secure, host, port })
    }

    /// The host's name, if it is one.
    pub(crate) fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    /// The host's address, if it is one.
    pub(crate) fn literal(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some((*address).into()),
            Host::Ipv6(address) => Some((*address).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_and_the_uri_made_of_it_are_the_same_target() {
        for text in [
            "https://app.example.com/hooks?x=1",
            "http://app.example.com:8080/",
            "https://0x7f.1/",
            "http://[::ffff:127.0.0.1]:81/",
            "https://app.example.com.:443/",
        ] {
            let url: Url = text.parse().unwrap();
            let uri: Uri = url.as_str().parse().unwrap();
            assert_eq!(Target::of_url(&url), Target::of_uri(&uri), "{text}");
        }
    }
}
