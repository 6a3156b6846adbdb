//! Addresses among the settings, judged when they are read.

use std::net::SocketAddr;

use serde::Deserialize;
use url::Url;

/// Where to listen: a host and a port.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ListenAddress(String);

impl ListenAddress {
    /// As it was said.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is no address to listen on.
#[derive(Debug, thiserror::Error)]
#[error(
    "it must be HOST:PORT, such as 127.0.0.1:4600, 0.0.0.0:4600 or [::1]:4600, with a port from 0 to 65535"
)]
pub(crate) struct NoListenAddress;

impl TryFrom<String> for ListenAddress {
    type Error = NoListenAddress;

    fn try_from(said: String) -> Result<Self, NoListenAddress> {
        let is_name = |host: &str| !host.is_empty() && !host.contains([':', '/', '[', ']', ' ']);
        let is_named =
            || said.rsplit_once(':').is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok());
        if said.parse::<SocketAddr>().is_ok() || is_named() { Ok(Self(said)) } else { Err(NoListenAddress) }
    }
}

/// What the URLs of sources begin with.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PublicUrl(Url);

impl PublicUrl {
    /// The URL itself.
    pub(crate) fn as_url(&self) -> &Url {
        &self.0
    }
}

/// What nobody can be reached by.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPublicUrl {
    #[error("it must be an http or https URL, such as https://hooks.example.com")]
    Form,
    #[error("it must be without user name and password: senders have none to show")]
    Credentials,
    #[error("it must be without a query (`?`) and a fragment (`#`): the URLs of sources go on where it ends")]
    Tail,
}

impl TryFrom<String> for PublicUrl {
    type Error = NoPublicUrl;

    fn try_from(said: String) -> Result<Self, NoPublicUrl> {
        let url = Url::parse(&said).map_err(|_| NoPublicUrl::Form)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(NoPublicUrl::Form);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NoPublicUrl::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(NoPublicUrl::Tail);
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_listen_on_is_a_host_and_a_port() {
        for said in [
            "127.0.0.1:4600",
            "0.0.0.0:0",
            "[::]:4600",
            "[fe80::1]:80",
            "localhost:65535",
            "node-1.internal:4600",
        ] {
            assert_eq!(ListenAddress::try_from(said.to_owned()).unwrap().as_str(), said);
        }
        for said in [
            "",
            "foo",
            ":4700",
            "4700",
            "127.0.0.1",
            "127.0.0.1:99999",
            "::1:80:",
            "http://127.0.0.1:80",
            "a b:1",
        ] {
            assert!(ListenAddress::try_from(said.to_owned()).is_err(), "{said}");
        }
    }

    #[test]
    fn a_public_url_is_one_that_others_can_go_on_from() {
        for said in ["https://hooks.example.com", "http://10.0.0.7:4600", "https://example.com/hooks/"] {
            assert!(PublicUrl::try_from(said.to_owned()).is_ok(), "{said}");
        }
        for (said, word) in [
            ("foo", "an http or https URL"),
            ("ftp://example.com", "an http or https URL"),
            ("hooks.example.com:443", "an http or https URL"),
            ("https://user@example.com", "without user name"),
            ("https://:secret@example.com", "without user name"),
            ("https://example.com/?a=b", "without a query"),
            ("https://example.com/#a", "without a query"),
            ("https://example.com/?", "without a query"),
        ] {
            let error = PublicUrl::try_from(said.to_owned()).unwrap_err().to_string();
            assert!(error.contains(word), "{said}: {error}");
        }
    }
}
