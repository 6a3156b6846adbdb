//! What may be reached: public addresses over HTTPS, and more by rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;
use url::Url;

use crate::range;
use crate::refusal::Refusal;
use crate::rule::Rule;
use crate::syntax;
use crate::target::Target;

/// What [`Policy::dev`] opens: loopback, and the private networks that home and container networks use.
const DEV_NETWORKS: [IpNet; 6] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12)),
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7)),
];

/// What may be reached.
///
/// Public addresses over HTTPS always. Rules (the setting `egress.allow`) open more, and permit plain HTTP to
/// what they name:
///
/// | rule | permits |
/// |---|---|
/// | `10.0.0.0/8`, `fd00::/8` | every address of the network, as a literal or behind a name |
/// | `127.0.0.1`, `::1`, `127.0.0.1:8080`, `[::1]:8080` | one address, on one port if one is given |
/// | `app.internal`, `app.internal:8080` | exactly this host name, whatever address it has, on one port if one is given |
///
/// Link-local, metadata, multicast, unspecified and reserved addresses are opened neither by a name nor by a
/// network wider than their own range: `169.254.169.254` must be written out. An IPv6 address that carries an
/// IPv4 address (mapped, NAT64, 6to4) is judged as that one.
///
/// Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Arc<[Rule]>,
    unrestricted: bool,
}

/// A rule of `egress.allow` that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is none of the forms that a rule may have.
    #[error(
        "egress rule {rule:?} is not a network (10.0.0.0/8), an address (127.0.0.1) or a host name (app.internal); \
         an address or name may be followed by a port (app.internal:8080)"
    )]
    NotARule {
        /// The rule as given.
        rule: String,
    },
    /// It is an IPv6 network of addresses that carry IPv4 addresses, which are judged as those.
    #[error(
        "egress rule {rule:?} would match nothing: such addresses are judged by the IPv4 address in them, so name that network"
    )]
    EmbeddedNetwork {
        /// The rule as given.
        rule: String,
    },
}

impl PolicyError {
    pub(crate) fn not_a_rule(rule: &str) -> Self {
        Self::NotARule { rule: rule.to_owned() }
    }
}

impl Policy {
    /// Public addresses over HTTPS, nothing else: what a server starts from.
    pub fn public_only() -> Self {
        Self { rules: Arc::default(), unrestricted: false }
    }

    /// For `serve --dev`: also loopback (`127.0.0.0/8`, `::1`) and private networks (`10.0.0.0/8`,
    /// `172.16.0.0/12`, `192.168.0.0/16`, `fc00::/7`), over HTTPS and HTTP. Plain HTTP to a public address
    /// stays refused.
    pub fn dev() -> Self {
        Self { rules: DEV_NETWORKS.map(Rule::network).into(), unrestricted: false }
    }

    /// Every address, over HTTPS and HTTP. Only for a command line that calls the server a person named;
    /// never for a server, which calls what its users name.
    pub fn unrestricted() -> Self {
        Self { rules: Arc::default(), unrestricted: true }
    }

    /// Permits more: see the table at [`Policy`]. Adds to the rules that there are.
    ///
    /// # Errors
    ///
    /// [`PolicyError`], naming the first rule that cannot be used.
    pub fn allow(self, rules: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, PolicyError> {
        let added = rules.into_iter().map(|rule| Rule::parse(rule.as_ref()));
        let rules = self.rules.iter().cloned().map(Ok).chain(added).collect::<Result<_, _>>()?;
        Ok(Self { rules, ..self })
    }

    /// Judges a URL as far as that is possible without resolving names: for the moment an endpoint is saved.
    /// Returns it in its normal form, which [`check_url`](Self::check_url) accepts again and leaves as it is.
    ///
    /// A host name may still be refused when it is called, by the addresses that it then has.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: the syntax, the scheme, or the literal address.
    pub fn check_url(&self, url: &str) -> Result<Url, Refusal> {
        self.check(url).map(|(url, _)| url)
    }

    /// As [`check_url`](Self::check_url), with the URI to send to.
    pub(crate) fn check(&self, url: &str) -> Result<(Url, Uri), Refusal> {
        let (url, uri) = syntax::read(url)?;
        let target = Target::of_url(&url).ok_or(Refusal::NoHost)?;
        if target.port == 0 {
            return Err(Refusal::Port);
        }
        match (target.literal(), target.name()) {
            (Some(address), _) => self.judge(&target, address)?,
            (None, Some(name)) => self.judge_name(&target, name)?,
            (None, None) => return Err(Refusal::NoHost),
        }
        Ok((url, uri))
    }

    /// Whether `address`, which the target's host is or resolved to, may be dialled.
    pub(crate) fn judge(&self, target: &Target, address: IpAddr) -> Result<(), Refusal> {
        if self.unrestricted {
            return Ok(());
        }
        let address = range::embedded(address);
        let special = range::of(address);
        if self.rules.iter().any(|rule| rule.permits(target, address, special)) {
            return Ok(());
        }
        let host = target.host.to_string();
        match special {
            Some(range) => Err(Refusal::address(host, target.literal().is_some(), address, range)),
            None if target.secure => Ok(()),
            None => Err(Refusal::PlainHttp { host }),
        }
    }

    /// Plain HTTP to a name can be refused at once when no rule could ever permit it.
    fn judge_name(&self, target: &Target, name: &str) -> Result<(), Refusal> {
        let open = self.unrestricted || self.rules.iter().any(|rule| rule.may_permit_name(name, target.port));
        match target.secure || open {
            true => Ok(()),
            false => Err(Refusal::PlainHttp { host: name.to_owned() }),
        }
    }
}
