//! Names whose addresses are known without asking anybody.
//!
//! `localhost` is loopback wherever it is resolved (RFC 6761, section 6.3), and the clouds' metadata services
//! have names that resolve only inside. Judging them by name refuses them when an endpoint is saved, and is
//! what is left where a proxy resolves names. It is no list of all bad names: a name can be made to stand for
//! anything, so what protects is that the addresses are judged.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::host_name::plain;

const LOOPBACK: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
const METADATA: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254))];
const TENCENT: &[IpAddr] = &[IpAddr::V4(Ipv4Addr::new(169, 254, 0, 23))];

/// The name, lower-case and without a final dot, and its addresses.
static NAMES: &[(&str, &[IpAddr])] = &[
    ("localhost", LOOPBACK),
    ("localhost.localdomain", LOOPBACK),
    ("localhost4", LOOPBACK),
    ("localhost6", LOOPBACK),
    ("ip6-localhost", LOOPBACK),
    ("ip6-loopback", LOOPBACK),
    ("metadata.google.internal", METADATA),
    ("metadata.goog", METADATA),
    ("instance-data.ec2.internal", METADATA),
    ("metadata.tencentyun.com", TENCENT),
];

/// The addresses that `name` stands for, where that is known.
pub(crate) fn addresses(name: &str) -> Option<&'static [IpAddr]> {
    let plain = plain(name);
    if plain.ends_with(".localhost") {
        return Some(LOOPBACK);
    }
    NAMES.iter().find(|(known, _)| *known == plain).map(|(_, addresses)| *addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_makes_no_difference_and_likeness_does_not_count() {
        for name in ["localhost", "LocalHost.", "a.b.localhost", "ip6-loopback"] {
            assert_eq!(addresses(name), Some(LOOPBACK), "{name}");
        }
        assert_eq!(addresses("Metadata.Google.Internal."), Some(METADATA));
        for name in ["localhost.example.com", "mylocalhost", "metadata.google.internal.example.com", ""] {
            assert_eq!(addresses(name), None, "{name}");
        }
    }
}
