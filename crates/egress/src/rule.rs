//! One rule of `egress.allow`: a network, an address or a host name, the latter two with a port if wanted.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::Host;

use crate::host_name::{is_host_name, plain};
use crate::policy::PolicyError;
use crate::range::{self, Opening, Range};
use crate::target::Target;

/// What one rule permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    scope: Scope,
    /// The only port permitted; none permits them all.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    /// Every address of a network, however it was reached: as a literal, or from a name.
    Network(IpNet),
    /// A host name, lower-case and without a final dot: exactly this one, none below it.
    Name(String),
}

/// Whether a name's addresses will be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// They are judged when the name is called, so that a rule for a network may yet come to bear.
    ToBeJudged,
    /// The proxy finds them out for itself: only a rule that names the host counts.
    NeverSeen,
}

impl Rule {
    /// A rule for a whole network, all ports.
    pub(crate) fn network(network: IpNet) -> Self {
        Self { scope: Scope::Network(network.trunc()), port: None }
    }

    /// Reads a rule as a person writes it: `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`, `127.0.0.1:8080`,
    /// `[::1]:8080`, `app.internal`, `app.internal:8080`.
    ///
    /// # Errors
    ///
    /// [`PolicyError`], naming the rule, if it is none of these.
    pub(crate) fn parse(text: &str) -> Result<Self, PolicyError> {
        let trimmed = text.trim();
        if let Ok(network) = trimmed.parse::<IpNet>() {
            return Self::of_network(text, network);
        }
        if let Ok(address) = trimmed.parse::<IpAddr>() {
            return Ok(Self::of_address(address, None));
        }
        if let Ok(socket) = trimmed.parse::<SocketAddr>() {
            return match socket.port() {
                0 => Err(PolicyError::not_a_rule(text)),
                port => Ok(Self::of_address(socket.ip(), Some(port))),
            };
        }
        Self::of_host(trimmed).ok_or_else(|| PolicyError::not_a_rule(text))
    }

    fn of_network(text: &str, network: IpNet) -> Result<Self, PolicyError> {
        // Such an address is judged as the IPv4 address in it, so that this rule would never match anything.
        if network.addr().is_ipv6() && range::embedded(network.network()).is_ipv4() {
            return Err(PolicyError::EmbeddedNetwork { rule: text.to_owned() });
        }
        Ok(Self::network(network))
    }

    fn of_address(address: IpAddr, port: Option<u16>) -> Self {
        Self { scope: Scope::Network(IpNet::from(range::embedded(address))), port }
    }

    fn of_host(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            _ if text.ends_with(']') => (text, None),
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port != 0)?)),
            None => (text, None),
        };
        match Host::parse(host).ok()? {
            // A rule with `*` or `,` in it is a mistake about what rules can say, and must not pass for a
            // name that never matches.
            Host::Domain(name) => {
                is_host_name(&name).then(|| Self { scope: Scope::Name(plain(&name)), port })
            }
            Host::Ipv4(address) => Some(Self::of_address(address.into(), port)),
            Host::Ipv6(address) => Some(Self::of_address(address.into(), port)),
        }
    }

    /// Whether this rule opens `address` for `target`. `special` is the range that the address is in.
    pub(crate) fn permits(&self, target: &Target, address: IpAddr, special: Option<&Range>) -> bool {
        if !self.permits_port(target.port) {
            return false;
        }
        let exact_only = special.filter(|range| range.opening == Opening::ExactRule);
        match (&self.scope, exact_only) {
            (Scope::Network(network), None) => network.contains(&address),
            (Scope::Network(network), Some(range)) => {
                network.contains(&address) && range.network.contains(network)
            }
            (Scope::Name(name), None) => target.name().is_some_and(|host| plain(host) == *name),
            (Scope::Name(_), Some(_)) => false,
        }
    }

    /// Whether this rule permits a host name, or could once its addresses are known.
    pub(crate) fn may_permit_name(&self, name: &str, port: u16, addresses: Addresses) -> bool {
        self.permits_port(port)
            && match &self.scope {
                Scope::Network(_) => addresses == Addresses::ToBeJudged,
                Scope::Name(own) => plain(name) == *own,
            }
    }

    /// Whether this rule is about one port: such a rule wins over the deny list of ports.
    pub(crate) fn names_port(&self) -> bool {
        self.port.is_some()
    }

    fn permits_port(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Network(network) => write!(f, "{network}")?,
            Scope::Name(name) => f.write_str(name)?,
        }
        match self.port {
            Some(port) => write!(f, " on port {port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read() {
        for (text, shown) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("fd00::/8", "fd00::/8"),
            ("127.0.0.1", "127.0.0.1/32"),
            (" 127.0.0.1 ", "127.0.0.1/32"),
            ("::1", "::1/128"),
            ("[::1]", "::1/128"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"),
            ("127.0.0.1:8080", "127.0.0.1/32 on port 8080"),
            ("[::1]:8080", "::1/128 on port 8080"),
            ("app.internal", "app.internal"),
            ("App.Internal.", "app.internal"),
            ("my_app", "my_app"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("app.internal:8080", "app.internal on port 8080"),
        ] {
            assert_eq!(Rule::parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused_by_name() {
        for text in [
            "",
            " ",
            "10.0.0.0/33",
            "10.0.0/8",
            "*.internal",
            "a,b",
            "http://app.internal",
            "app.internal/path",
            "app.internal:0",
            "app.internal:70000",
            "app.internal:",
            "127.0.0.1:0",
            "a..b",
            ".",
            "user@host",
        ] {
            let error = Rule::parse(text).unwrap_err();
            assert_eq!(error, PolicyError::NotARule { rule: text.to_owned() }, "{text}");
        }
        for text in ["::ffff:10.0.0.0/104", "64:ff9b::/96", "2002::/16"] {
            let error = Rule::parse(text).unwrap_err();
            assert_eq!(error, PolicyError::EmbeddedNetwork { rule: text.to_owned() }, "{text}");
        }
    }
}
