//! From a host to the addresses that may be dialled.
//!
//! A name is looked up once, every address is judged, and only those that pass are handed on: there is no
//! second lookup that could give another answer (DNS rebinding).

use std::net::SocketAddr;

use crate::connector::ConnectError;
use crate::lookup::{Lookup, LookupError};
use crate::policy::Policy;
use crate::target::Target;

/// How many addresses of one name are tried at most: 8. All are judged; a name with a thousand is no means to
/// have a thousand doors knocked at, nor to have the time-out cut into a thousand pieces.
pub(crate) const MAX_ADDRESSES: usize = 8;

/// Looks names up and judges what comes back.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    pub(crate) policy: Policy,
    pub(crate) lookup: Lookup,
}

impl Resolver {
    /// The permitted addresses of a target, in the order of the lookup; at least one, at most
    /// [`MAX_ADDRESSES`].
    pub(crate) async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
        match (target.literal(), target.name()) {
            (Some(address), _) => self.permitted(target, &[SocketAddr::new(address, target.port)]),
            (None, Some(name)) => {
                let found = self.lookup.addresses(name).await.map_err(ConnectError::Resolve)?;
                self.permitted(target, &found)
            }
            (None, None) => Err(ConnectError::NoHost),
        }
    }

    fn permitted(&self, target: &Target, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, ConnectError> {
        let mut refused = None;
        let mut permitted = Vec::new();
        for socket in found {
            match self.policy.judge(target, socket.ip()) {
                Ok(()) if permitted.len() == MAX_ADDRESSES => break,
                Ok(()) => permitted.push(with_port(*socket, target.port)),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match (permitted.is_empty(), refused) {
            (false, _) => Ok(permitted),
            (true, Some(refusal)) => Err(ConnectError::Refused(refusal)),
            (true, None) => Err(ConnectError::Resolve(LookupError::NotFound)),
        }
    }
}

/// The port is the target's: whatever a lookup says of ports is not judged and does not count. What else it
/// says, such as the interface of a link-local address, stays.
fn with_port(mut socket: SocketAddr, port: u16) -> SocketAddr {
    socket.set_port(port);
    socket
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lookup;

    fn resolver(policy: Policy) -> Resolver {
        Resolver { policy, lookup: Lookup::new(Arc::new(lookup::system), 1) }
    }

    fn target(url: &str) -> Target {
        Target::of_url(&url.parse().unwrap()).unwrap()
    }

    fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn only_the_permitted_addresses_of_a_name_are_handed_on() {
        let found =
            sockets(&["10.0.0.1:0", "93.184.215.14:0", "[::ffff:127.0.0.1]:0", "[2606:4700::1111]:0"]);
        let permitted =
            resolver(Policy::public_only()).permitted(&target("https://mixed.example.com/"), &found).unwrap();
        assert_eq!(permitted, sockets(&["93.184.215.14:443", "[2606:4700::1111]:443"]));
    }

    #[test]
    fn plain_http_goes_only_to_the_addresses_that_a_rule_names() {
        let found = sockets(&["93.184.215.14:0", "10.0.0.1:0"]);
        let permitted =
            resolver(Policy::dev()).permitted(&target("http://mixed.example.com/"), &found).unwrap();
        assert_eq!(permitted, sockets(&["10.0.0.1:80"]));
    }

    #[test]
    fn of_many_addresses_all_are_judged_and_a_few_are_tried() {
        let bad = std::iter::repeat_n("10.0.0.1:0".parse().unwrap(), 1000);
        let good = (0..1000_u16).map(|n| SocketAddr::from(([93, 184, 1 + (n >> 8) as u8, n as u8], 0)));
        let found: Vec<SocketAddr> = bad.chain(good).collect();
        let target = target("https://many.example.com:8443/");
        let permitted = resolver(Policy::public_only()).permitted(&target, &found).unwrap();
        assert_eq!(permitted.len(), MAX_ADDRESSES);
        assert_eq!(permitted[0], "93.184.1.0:8443".parse().unwrap());
    }

    #[test]
    fn the_port_is_the_urls_whatever_a_lookup_says() {
        let found = sockets(&["93.184.215.14:22"]);
        let target = target("https://app.example.com/");
        let permitted = resolver(Policy::public_only()).permitted(&target, &found).unwrap();
        assert_eq!(permitted, sockets(&["93.184.215.14:443"]));
    }

    #[test]
    fn a_name_without_an_address_is_not_found() {
        let outcome = resolver(Policy::dev()).permitted(&target("https://empty.example.com/"), &[]);
        assert!(matches!(outcome, Err(ConnectError::Resolve(LookupError::NotFound))));
    }
}
