//! From a host to the addresses that may be dialled.
//!
//! A name is looked up once, every address is judged, and only those that pass are handed on: there is no
//! second lookup that could give another answer (DNS rebinding).

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::connector::ConnectError;
use crate::policy::Policy;
use crate::target::Target;

/// Looks names up and judges what comes back. Clones share the bound on lookups.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    policy: Policy,
    lookups: Arc<Semaphore>,
}

impl Resolver {
    /// At most `max_lookups` (at least one) names are looked up at once.
    pub(crate) fn new(policy: Policy, max_lookups: usize) -> Self {
        let permits = max_lookups.clamp(1, Semaphore::MAX_PERMITS);
        Self { policy, lookups: Arc::new(Semaphore::new(permits)) }
    }

    /// The permitted addresses of a target, in the system resolver's order; at least one.
    pub(crate) async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = match (target.literal(), target.name()) {
            (None, Some(name)) => self.look_up(name, target.port).await.map_err(ConnectError::Resolve)?,
            (literal, _) => {
                literal.map(|address| SocketAddr::new(address, target.port)).into_iter().collect()
            }
        };
        self.permitted(target, found)
    }

    fn permitted(&self, target: &Target, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ConnectError> {
        let judge = |address: IpAddr| self.policy.judge(target, address);
        let mut refused = None;
        let mut permitted = Vec::with_capacity(found.len());
        for socket in found {
            match judge(socket.ip()) {
                Ok(()) => permitted.push(socket),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match (permitted.is_empty(), refused) {
            (false, _) => Ok(permitted),
            (true, Some(refusal)) => Err(ConnectError::Refused(refusal)),
            (true, None) => Err(ConnectError::Resolve(io::ErrorKind::NotFound.into())),
        }
    }

    /// The system's resolver, on a thread of its own. The permit stays with the thread, not with the caller
    /// who may have stopped waiting: the bound is on threads in use.
    async fn look_up(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            let found = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
            drop(permit);
            found
        });
        lookup.await.map_err(io::Error::other)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(policy: Policy) -> Resolver {
        Resolver::new(policy, 1)
    }

    fn target(url: &str) -> Target {
        Target::of_url(&url.parse().unwrap()).unwrap()
    }

    fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn only_the_permitted_addresses_of_a_name_are_handed_on() {
        let found = sockets(&[
            "10.0.0.1:443",
            "93.184.215.14:443",
            "[::ffff:127.0.0.1]:443",
            "[2606:4700::1111]:443",
        ]);
        let permitted =
            resolver(Policy::public_only()).permitted(&target("https://mixed.example.com/"), found).unwrap();
        assert_eq!(permitted, sockets(&["93.184.215.14:443", "[2606:4700::1111]:443"]));
    }

    #[test]
    fn plain_http_goes_only_to_the_addresses_that_a_rule_names() {
        let found = sockets(&["93.184.215.14:80", "10.0.0.1:80"]);
        let permitted =
            resolver(Policy::dev()).permitted(&target("http://mixed.example.com/"), found).unwrap();
        assert_eq!(permitted, sockets(&["10.0.0.1:80"]));
    }

    #[test]
    fn a_named_host_still_does_not_reach_metadata() {
        let policy = Policy::public_only().allow(["app.internal", "0.0.0.0/0"]).unwrap();
        let found = sockets(&["169.254.169.254:80"]);
        let refused = resolver(policy).permitted(&target("http://app.internal/"), found).unwrap_err();
        let ConnectError::Refused(refusal) = refused else { panic!("{refused:?}") };
        assert_eq!((refusal.code(), refusal.setting()), ("address_not_allowed", None));
    }

    #[test]
    fn a_name_without_an_address_is_not_found() {
        let outcome = resolver(Policy::dev()).permitted(&target("https://empty.example.com/"), Vec::new());
        assert!(
            matches!(outcome, Err(ConnectError::Resolve(error)) if error.kind() == io::ErrorKind::NotFound)
        );
    }
}
