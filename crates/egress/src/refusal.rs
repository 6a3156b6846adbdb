//! Why a target is refused, and what would permit it.

use std::net::IpAddr;

use thiserror::Error;

use crate::range::Opening;

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
        "the URL holds a user name or password; leave them out, calls are authenticated by their signature"
    )]
    UserInfo,
    /// It has a fragment (`#…`), which is never sent.
    #[error("the URL has a fragment (the part from #), which is never sent; leave it out")]
    Fragment,
    /// Its port is 0.
    #[error("the URL's port is 0, which cannot be called")]
    Port,
    /// Plain HTTP to a host that no rule permits it for.
    #[error(
        "plain HTTP to {host} is not permitted: use https, or permit it with the setting {}",
        setting(host)
    )]
    PlainHttp {
        /// The host, as the URL names it.
        host: String,
    },
    /// The host is, or resolved to, an address in a special range that no rule opens.
    #[error("{}", sentence(host, *address, range, opened_by.as_deref()))]
    Address {
        /// The host, as the URL names it.
        host: String,
        /// The address that was judged: the IPv4 address in an IPv6 one, where there is one.
        address: IpAddr,
        /// What the range is called, such as `loopback`, `private network`, `cloud metadata`.
        range: &'static str,
        /// The rule that would open it; none for the ranges that nobody calls by intention.
        opened_by: Option<String>,
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
            Self::PlainHttp { .. } => "plain_http_not_allowed",
            Self::Address { .. } => "address_not_allowed",
        }
    }

    /// The line of `ringback.toml` that would permit the target, if one would and can be meant: a metadata or
    /// link-local address is permitted only by whoever writes it down without being told.
    pub fn setting(&self) -> Option<String> {
        match self {
            Self::PlainHttp { host } => Some(setting(host)),
            Self::Address { opened_by, .. } => opened_by.as_deref().map(setting),
            _ => None,
        }
    }

    /// The refusal of `address`, found for `host`.
    pub(crate) fn address(host: String, literal: bool, address: IpAddr, range: &crate::range::Range) -> Self {
        let opened_by = match range.opening {
            Opening::AnyRule if literal => Some(address.to_string()),
            Opening::AnyRule => Some(host.clone()),
            Opening::ExactRule => None,
        };
        Self::Address { host, address, range: range.name, opened_by }
    }
}

fn setting(rule: &str) -> String {
    // An IPv6 host is written without the brackets of a URL.
    let rule = rule.trim_start_matches('[').trim_end_matches(']');
    format!("egress.allow = [\"{rule}\"]")
}

fn sentence(host: &str, address: IpAddr, range: &str, opened_by: Option<&str>) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let what = match address.to_string() {
        address if address == bare => format!("{address} is not a public address ({range})"),
        address => format!("{host} stands for {address}, which is not a public address ({range})"),
    };
    match opened_by {
        Some(rule) => format!("{what}; permit it with the setting {}", setting(rule)),
        None => format!("{what} and is refused"),
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
                "169.254.169.254 is not a public address (cloud metadata) and is refused",
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
        ] {
            let line = Policy::public_only().check_url(url).unwrap_err().setting().unwrap();
            let rule =
                line.strip_prefix("egress.allow = [\"").and_then(|rest| rest.strip_suffix("\"]")).unwrap();
            let policy = Policy::public_only().allow([rule]).unwrap();
            assert!(policy.check_url(url).is_ok(), "{line} for {url}");
        }
    }
}
