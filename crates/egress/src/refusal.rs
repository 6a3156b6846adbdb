//! Why a target is refused, and what would permit it.

use std::net::IpAddr;

use thiserror::Error;

use crate::range::{Opening, Range};
use crate::target::Target;

/// Why a URL may not be called.
///
/// The text is one sentence for the person who gave the URL; it names at most the host, never a path, a query
/// or a user.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The URL, as given or in its normal form, is longer than [`MAX_URL_BYTES`](crate::MAX_URL_BYTES).
    #[error("the URL is {length} bytes long, more than the {} permitted", crate::MAX_URL_BYTES)]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It cannot be read as an absolute URL, or only by guessing (backslashes, missing slashes, line breaks).
    #[error("this is not a complete URL such as https://app.example.com/webhooks")]
    Invalid,
    /// Its scheme is neither `https` nor `http`.
    #[error("the URL's scheme is {scheme:?}, but it must be https or http")]
    Scheme {
        /// The scheme it has.
        scheme: String,
    },
    /// It names no host.
    #[error("the URL names no host")]
    NoHost,
    /// It holds a user name or a password, which would be stored and shown with it.
    #[error(
        "the URL holds a user name or password, which would be stored and shown; an endpoint has `authentication` for them"
    )]
    UserInfo,
    /// It has a fragment (`#…`), which is never sent.
    #[error("the URL has a fragment (the part from #), which is never sent; leave it out")]
    Fragment,
    /// Its port is 0.
    #[error("the URL's port is 0, which cannot be called")]
    Port,
    /// Its port is on the deny list (the setting `egress.deny_ports`), and no rule names host and port.
    #[error("{}; permit it for this host with the setting {}", port_sentence(*port, *protocol), setting(rule))]
    DeniedPort {
        /// The port, the scheme's own if the URL names none.
        port: u16,
        /// What is spoken there, such as `SMTP`, where that is known.
        protocol: Option<&'static str>,
        /// The rule that would open it.
        rule: String,
    },
    /// Plain HTTP to a host that no rule permits it for.
    #[error(
        "plain HTTP to {host} is not permitted: use https, or permit it with the setting {}",
        setting(rule)
    )]
    PlainHttp {
        /// The host, as the URL names it.
        host: String,
        /// The rule that would open it.
        rule: String,
    },
    /// The host is, or resolved to, an address in a special range that no rule opens.
    #[error("{}; {} {}", address_sentence(host, *address, range), remedy(*guarded), setting(rule))]
    Address {
        /// The host, as the URL names it.
        host: String,
        /// The address that was judged: the IPv4 address in an IPv6 one, where there is one.
        address: IpAddr,
        /// What the range is called, such as `loopback`, `private network`, `cloud metadata`.
        range: &'static str,
        /// Whether nothing opens it but a rule that is no wider than the range: nobody calls such an address
        /// without meaning to.
        guarded: bool,
        /// The rule that would open it.
        rule: String,
    },
}

impl Refusal {
    /// A stable code for programs, snake case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "url_too_long",
            Self::Invalid => "url_invalid",
            Self::Scheme { .. } => "url_scheme_not_allowed",
            Self::NoHost => "url_without_host",
            Self::UserInfo => "url_with_user_info",
            Self::Fragment => "url_with_fragment",
            Self::Port => "url_port_not_allowed",
            Self::DeniedPort { .. } => "port_not_allowed",
            Self::PlainHttp { .. } => "plain_http_not_allowed",
            Self::Address { .. } => "address_not_allowed",
        }
    }

    /// The line of `ringback.toml` that would permit the target; none for a URL that nothing makes right.
    pub fn setting(&self) -> Option<String> {
        match self {
            Self::DeniedPort { rule, .. } | Self::PlainHttp { rule, .. } | Self::Address { rule, .. } => {
                Some(setting(rule))
            }
            _ => None,
        }
    }

    /// The refusal of `address`, found for the target's host; `port_too` if its port is denied besides.
    pub(crate) fn address(target: &Target, address: IpAddr, range: &Range, port_too: bool) -> Self {
        let guarded = range.opening == Opening::ExactRule;
        let port = port_too.then_some(target.port);
        let rule = match target.name() {
            Some(name) if !guarded => rule(name, port),
            _ => rule(&address.to_string(), port),
        };
        Self::Address { host: target.host.to_string(), address, range: range.name, guarded, rule }
    }

    /// The refusal of the target's port.
    pub(crate) fn denied_port(target: &Target, protocol: Option<&'static str>) -> Self {
        let rule = rule(&target.host.to_string(), Some(target.port));
        Self::DeniedPort { port: target.port, protocol, rule }
    }

    /// The refusal of plain HTTP to the target's host.
    pub(crate) fn plain_http(target: &Target) -> Self {
        let host = target.host.to_string();
        Self::PlainHttp { rule: rule(&host, None), host }
    }
}

/// A rule as a person writes it: an IPv6 address has brackets only before a port.
fn rule(host: &str, port: Option<u16>) -> String {
    match (bare(host), port) {
        (host, None) => host.to_owned(),
        (host, Some(port)) if host.contains(':') => format!("[{host}]:{port}"),
        (host, Some(port)) => format!("{host}:{port}"),
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

fn setting(rule: &str) -> String {
    format!("egress.allow = [\"{rule}\"]")
}

fn address_sentence(host: &str, address: IpAddr, range: &str) -> String {
    match address.to_string() {
        address if address == bare(host) => format!("{address} is not a public address ({range})"),
        address => format!("{host} stands for {address}, which is not a public address ({range})"),
    }
}

fn remedy(guarded: bool) -> &'static str {
    match guarded {
        true => "only an address that is written out permits it, as in the setting",
        false => "permit it with the setting",
    }
}

fn port_sentence(port: u16, protocol: Option<&str>) -> String {
    match protocol {
        Some(protocol) => format!("port {port} ({protocol}) is on the deny list egress.deny_ports"),
        None => format!("port {port} is on the deny list egress.deny_ports"),
    }
}

#[cfg(test)]
mod tests {
    use crate::Policy;

    #[test]
    fn each_text_is_a_sentence_that_helps() {
        for (url, text) in [
            (
                "https://127.0.0.1/",
                r#"127.0.0.1 is not a public address (loopback); permit it with the setting egress.allow = ["127.0.0.1"]"#,
            ),
            (
                "https://[::1]:8443/",
                r#"::1 is not a public address (loopback); permit it with the setting egress.allow = ["::1"]"#,
            ),
            (
                "https://[::ffff:10.0.0.1]/",
                r#"[::ffff:a00:1] stands for 10.0.0.1, which is not a public address (private network); permit it with the setting egress.allow = ["10.0.0.1"]"#,
            ),
            (
                "http://169.254.169.254/latest",
                r#"169.254.169.254 is not a public address (cloud metadata); only an address that is written out permits it, as in the setting egress.allow = ["169.254.169.254"]"#,
            ),
            (
                "https://app.example.com:25/",
                r#"port 25 (SMTP) is on the deny list egress.deny_ports; permit it for this host with the setting egress.allow = ["app.example.com:25"]"#,
            ),
            (
                "https://localhost/",
                r#"localhost stands for 127.0.0.1, which is not a public address (loopback); permit it with the setting egress.allow = ["localhost"]"#,
            ),
            (
                "http://app.example.com/secret-path",
                r#"plain HTTP to app.example.com is not permitted: use https, or permit it with the setting egress.allow = ["app.example.com"]"#,
            ),
            ("ftp://app.example.com/", r#"the URL's scheme is "ftp", but it must be https or http"#),
        ] {
            assert_eq!(Policy::public_only().check_url(url).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn the_setting_of_a_refusal_permits_what_was_refused() {
        for url in [
            "https://127.0.0.1/",
            "http://[::1]:81/",
            "http://10.0.0.1/",
            "http://app.internal/",
            "http://[::ffff:a00:1]/",
            "http://[::1]:6379/",
            "http://10.0.0.1:25/",
            "https://93.184.215.14:25/",
            "https://[2606:4700::1111]:22/",
            "https://app.example.com:22/",
            "http://localhost:6379/",
            "http://localhost/",
            "http://169.254.169.254/",
            "http://metadata.google.internal/",
            "http://metadata.google.internal:53/",
            "https://[2001::1]/",
            "https://[fd00:ec2::254]:53/",
            "https://[2606:4700::5efe:10.0.0.1]/",
        ] {
            let line = Policy::public_only().check_url(url).unwrap_err().setting().unwrap();
            let rule =
                line.strip_prefix("egress.allow = [\"").and_then(|rest| rest.strip_suffix("\"]")).unwrap();
            let policy = Policy::public_only().allow([rule]).unwrap();
            assert!(policy.check_url(url).is_ok(), "{line} for {url}");
        }
    }
}
