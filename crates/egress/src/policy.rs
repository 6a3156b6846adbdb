//! What may be reached: public addresses over HTTPS, and more by rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use http::Uri;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;
use url::Url;

use crate::known;
use crate::ports::DeniedPorts;
use crate::range;
use crate::refusal::Refusal;
use crate::rule::{Addresses, Rule};
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
/// Ports where other protocols than HTTP are spoken (the setting `egress.deny_ports`) are refused on every
/// host, unless a rule names host and port.
///
/// Cloning is cheap, and a policy never changes: a client is made with one, and another needs a client of its
/// own.
#[derive(Clone, Debug)]
pub struct Policy {
    rules: Arc<[Rule]>,
    denied_ports: DeniedPorts,
    addresses: Addresses,
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
        Self {
            rules: Arc::default(),
            denied_ports: DeniedPorts::Default,
            addresses: Addresses::ToBeJudged,
            unrestricted: false,
        }
    }

    /// For `serve --dev`: also loopback (`127.0.0.0/8`, `::1`) and private networks (`10.0.0.0/8`,
    /// `172.16.0.0/12`, `192.168.0.0/16`, `fc00::/7`), over HTTPS and HTTP. Plain HTTP to a public address
    /// stays refused, and so do the denied ports.
    pub fn dev() -> Self {
        Self { rules: DEV_NETWORKS.map(Rule::network).into(), ..Self::public_only() }
    }

    /// Every address and port, over HTTPS and HTTP. Only for a command line that calls the server a person
    /// named; never for a server, which calls what its users name.
    pub fn unrestricted() -> Self {
        Self { denied_ports: DeniedPorts::none(), unrestricted: true, ..Self::public_only() }
    }

    /// Denies these ports in place of the default ones
    /// ([`default_denied_ports`](crate::default_denied_ports)); none at all if there are none here. Port 0 is
    /// refused in any case.
    #[must_use]
    pub fn deny_ports(self, ports: impl IntoIterator<Item = u16>) -> Self {
        Self { denied_ports: DeniedPorts::Chosen(ports.into_iter().collect()), ..self }
    }

    /// Leaves names to the proxy (the setting `egress.proxy_resolves`): their addresses are never seen, so
    /// that it is the proxy which has to refuse those that are not public. Literal addresses, ports and the
    /// names that are known (`localhost`, the clouds' metadata services) are judged here as ever; plain HTTP
    /// needs a rule that names the host. A client without a proxy resolves and judges names all the same.
    #[must_use]
    pub fn leave_names_to_proxy(self) -> Self {
        Self { addresses: Addresses::NeverSeen, ..self }
    }

    pub(crate) fn leaves_names_to_proxy(&self) -> bool {
        self.addresses == Addresses::NeverSeen
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
        self.judge_as(target, address)?;
        match range::tunnelled(address) {
            Some(inner) => self.judge_as(target, inner),
            None => Ok(()),
        }
    }

    /// Judges an address as it stands.
    fn judge_as(&self, target: &Target, address: IpAddr) -> Result<(), Refusal> {
        let special = range::of(address);
        let mut permitted = false;
        let mut with_port = false;
        for rule in self.rules.iter().filter(|rule| rule.permits(target, address, special)) {
            permitted = true;
            with_port |= rule.names_port();
        }
        let denied = self.denied_ports.find(target.port).filter(|_| !with_port);
        match (special, denied) {
            (Some(range), _) if !permitted => Err(Refusal::address(target, address, range, denied.is_some())),
            (_, Some(protocol)) => Err(Refusal::denied_port(target, protocol)),
            (None, None) if !permitted && !target.secure => Err(Refusal::plain_http(target)),
            _ => Ok(()),
        }
    }

    /// Judges a name as far as it goes without its addresses: refuses what no rule could permit.
    fn judge_name(&self, target: &Target, name: &str) -> Result<(), Refusal> {
        if self.unrestricted {
            return Ok(());
        }
        if let Some(addresses) = known::addresses(name) {
            let mut verdicts = addresses.iter().map(|address| self.judge(target, *address));
            // One that is permitted is enough: only that one will be dialled.
            let first = verdicts.next().unwrap_or(Ok(()));
            return if verdicts.any(|verdict| verdict.is_ok()) { Ok(()) } else { first };
        }
        let mut permitted = false;
        let mut with_port = false;
        for rule in &*self.rules {
            if rule.may_permit_name(name, target.port, self.addresses) {
                permitted = true;
                with_port |= rule.names_port();
            }
        }
        match self.denied_ports.find(target.port) {
            Some(protocol) if !with_port => Err(Refusal::denied_port(target, protocol)),
            _ if target.secure || permitted => Ok(()),
            _ => Err(Refusal::plain_http(target)),
        }
    }
}
