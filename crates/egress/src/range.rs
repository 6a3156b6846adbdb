//! The special address ranges: what a public address is not.
//!
//! Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and what has been added
//! since), and the cloud providers' own documents for the addresses of their metadata services.
//!
//! An IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4) is judged as the IPv4 address: see
//! [`embedded`]. One whose lower half is an ISATAP identifier is judged as itself and as the address in it:
//! see [`tunnelled`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// How a special range can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// By any rule that covers the address, or that names the host.
    AnyRule,
    /// Only by a network rule that is no wider than the range itself. A name, or a wide network such as
    /// `0.0.0.0/0`, does not open it: nobody who writes those means the machine's own credentials service.
    ExactRule,
}

/// One row of [`RANGES`].
#[derive(Debug)]
pub(crate) struct Range {
    /// What a person calls the range: `loopback`, `private network`.
    pub(crate) name: &'static str,
    /// The addresses.
    pub(crate) network: IpNet,
    /// What it takes to reach them.
    pub(crate) opening: Opening,
}

/// Every range that is refused unless a rule opens it. The first row that holds an address names it, so that
/// a narrow range stands above the wide one around it.
static RANGES: &[Range] = &[
    v4("cloud metadata", [169, 254, 169, 254], 32, Opening::ExactRule),
    v4("cloud metadata", [169, 254, 170, 2], 32, Opening::ExactRule), // Amazon ECS: task credentials
    v4("cloud metadata", [169, 254, 170, 23], 32, Opening::ExactRule), // Amazon EKS: pod identity
    v4("cloud metadata", [169, 254, 42, 42], 32, Opening::ExactRule), // Scaleway
    v4("cloud metadata", [169, 254, 0, 23], 32, Opening::ExactRule),  // Tencent Cloud
    v4("cloud metadata", [100, 100, 100, 200], 32, Opening::ExactRule), // Alibaba Cloud
    v4("cloud metadata", [192, 0, 0, 192], 32, Opening::ExactRule),   // Oracle Cloud
    v4("cloud metadata", [168, 63, 129, 16], 32, Opening::ExactRule), // Azure: a public address, served by the host
    v4("loopback", [127, 0, 0, 0], 8, Opening::AnyRule),
    v4("private network", [10, 0, 0, 0], 8, Opening::AnyRule),
    v4("private network", [172, 16, 0, 0], 12, Opening::AnyRule),
    v4("private network", [192, 168, 0, 0], 16, Opening::AnyRule),
    v4("carrier-grade NAT", [100, 64, 0, 0], 10, Opening::AnyRule),
    v4("link-local", [169, 254, 0, 0], 16, Opening::ExactRule),
    v4("unspecified", [0, 0, 0, 0], 8, Opening::ExactRule),
    v4("protocol assignments", [192, 0, 0, 0], 24, Opening::ExactRule),
    v4("documentation", [192, 0, 2, 0], 24, Opening::AnyRule),
    v4("documentation", [198, 51, 100, 0], 24, Opening::AnyRule),
    v4("documentation", [203, 0, 113, 0], 24, Opening::AnyRule),
    v4("6to4 relay", [192, 88, 99, 0], 24, Opening::ExactRule),
    v4("benchmark", [198, 18, 0, 0], 15, Opening::AnyRule),
    v4("multicast", [224, 0, 0, 0], 4, Opening::ExactRule),
    v4("broadcast", [255, 255, 255, 255], 32, Opening::ExactRule),
    v4("reserved", [240, 0, 0, 0], 4, Opening::ExactRule),
    v6("cloud metadata", [0xfd00, 0x0ec2, 0, 0], 0, 32, Opening::ExactRule), // Amazon: every service of the host
    v6("cloud metadata", [0xfd20, 0x00ce, 0, 0], 0x254, 128, Opening::ExactRule), // Google Cloud
    v6("cloud metadata", [0xfd00, 0x0042, 0, 0], 0x42, 128, Opening::ExactRule), // Scaleway
    v6("loopback", [0, 0, 0, 0], 1, 128, Opening::AnyRule),
    v6("unspecified", [0, 0, 0, 0], 0, 128, Opening::ExactRule),
    v6("unique-local", [0xfc00, 0, 0, 0], 0, 7, Opening::AnyRule),
    v6("link-local", [0xfe80, 0, 0, 0], 0, 10, Opening::ExactRule),
    v6("site-local", [0xfec0, 0, 0, 0], 0, 10, Opening::AnyRule),
    v6("multicast", [0xff00, 0, 0, 0], 0, 8, Opening::ExactRule),
    v6("local NAT64", [0x0064, 0xff9b, 1, 0], 0, 48, Opening::ExactRule),
    v6("documentation", [0x2001, 0x0db8, 0, 0], 0, 32, Opening::AnyRule),
    v6("documentation", [0x3fff, 0, 0, 0], 0, 20, Opening::AnyRule),
    v6("benchmark", [0x2001, 2, 0, 0], 0, 48, Opening::AnyRule),
    v6("Teredo", [0x2001, 0, 0, 0], 0, 32, Opening::ExactRule),
    v6("overlay identifiers", [0x2001, 0x0010, 0, 0], 0, 28, Opening::ExactRule), // ORCHID
    v6("overlay identifiers", [0x2001, 0x0020, 0, 0], 0, 28, Opening::ExactRule), // ORCHIDv2
    v6("protocol assignments", [0x2001, 0, 0, 0], 0, 23, Opening::ExactRule),
    v6("discard", [0x0100, 0, 0, 0], 0, 64, Opening::ExactRule),
    v6("segment routing", [0x5f00, 0, 0, 0], 0, 16, Opening::ExactRule),
    // Whatever is outside 2000::/3 is not global unicast today.
    v6("reserved", [0, 0, 0, 0], 0, 3, Opening::ExactRule),
    v6("reserved", [0x4000, 0, 0, 0], 0, 2, Opening::ExactRule),
    v6("reserved", [0x8000, 0, 0, 0], 0, 1, Opening::ExactRule),
];

const fn v4(name: &'static str, [a, b, c, d]: [u8; 4], prefix: u8, opening: Opening) -> Range {
    Range { name, network: IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)), opening }
}

const fn v6(name: &'static str, [a, b, c, d]: [u16; 4], last: u16, prefix: u8, opening: Opening) -> Range {
    let address = Ipv6Addr::new(a, b, c, d, 0, 0, 0, last);
    Range { name, network: IpNet::V6(Ipv6Net::new_assert(address, prefix)), opening }
}

/// The special range that holds this address, or none for a public one. Expects an address that went through
/// [`embedded`].
pub(crate) fn of(address: IpAddr) -> Option<&'static Range> {
    RANGES.iter().find(|range| range.network.contains(&address))
}

/// The IPv4 address that an IPv6 address stands for, else the address itself.
///
/// Mapped `::ffff:0:0/96` (RFC 4291), NAT64's well-known prefix `64:ff9b::/96` (RFC 6052), 6to4 `2002::/16`
/// (RFC 3056): each would reach an IPv4 host past a check of the IPv6 form alone.
pub(crate) fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let octets = v6.octets();
    let v4 = match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x0064, 0xff9b, 0, 0, 0, 0, _, _] => {
            [octets[12], octets[13], octets[14], octets[15]]
        }
        [0x2002, ..] => [octets[2], octets[3], octets[4], octets[5]],
        _ => return address,
    };
    IpAddr::from(v4)
}

/// The IPv4 address that an ISATAP router would forward to (RFC 5214, section 6.1): an identifier
/// `0:5efe:a.b.c.d` or `200:5efe:a.b.c.d` under any prefix.
pub(crate) fn tunnelled(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else { return None };
    let octets = v6.octets();
    match v6.segments() {
        [_, _, _, _, 0 | 0x0200, 0x5efe, _, _] => {
            Some(IpAddr::from([octets[12], octets[13], octets[14], octets[15]]))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(address: &str) -> Option<&'static str> {
        of(embedded(address.parse().unwrap())).map(|range| range.name)
    }

    #[test]
    fn the_edges_of_each_range_are_inside_and_their_neighbours_are_not() {
        for (first, last, name) in [
            ("127.0.0.0", "127.255.255.255", "loopback"),
            ("10.0.0.0", "10.255.255.255", "private network"),
            ("172.16.0.0", "172.31.255.255", "private network"),
            ("192.168.0.0", "192.168.255.255", "private network"),
            ("100.64.0.0", "100.127.255.255", "carrier-grade NAT"),
            ("169.254.0.0", "169.254.255.255", "link-local"),
            ("0.0.0.0", "0.255.255.255", "unspecified"),
            ("192.0.0.0", "192.0.0.255", "protocol assignments"),
            ("192.0.2.0", "192.0.2.255", "documentation"),
            ("198.51.100.0", "198.51.100.255", "documentation"),
            ("203.0.113.0", "203.0.113.255", "documentation"),
            ("198.18.0.0", "198.19.255.255", "benchmark"),
            ("224.0.0.0", "239.255.255.255", "multicast"),
            ("240.0.0.0", "255.255.255.254", "reserved"),
            ("255.255.255.255", "255.255.255.255", "broadcast"),
            ("::", "::", "unspecified"),
            ("::1", "::1", "loopback"),
            ("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique-local"),
            ("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"),
            ("ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"),
            ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"),
            ("2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo"),
            ("2001:10::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "overlay identifiers"),
            ("2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol assignments"),
            ("100::", "100::ffff:ffff:ffff:ffff", "discard"),
            ("5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "segment routing"),
            ("::ffff:0:0:0", "::ffff:0:ffff:ffff", "reserved"),
            ("4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"),
        ] {
            assert_eq!(name_of(first), Some(name), "{first}");
            assert_eq!(name_of(last), Some(name), "{last}");
        }
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert_eq!(name_of(public), None, "{public}");
        }
    }

    #[test]
    fn metadata_services_are_named_before_the_ranges_around_them() {
        for address in [
            "169.254.169.254",
            "169.254.42.42",
            "169.254.0.23",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:42::42",
        ] {
            assert_eq!(name_of(address), Some("cloud metadata"), "{address}");
        }
    }

    #[test]
    fn an_ipv4_address_inside_an_ipv6_one_is_the_one_judged() {
        for (outer, inner) in [
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("64:ff9b::10.1.2.3", "10.1.2.3"),
            ("2002:a9fe:a9fe::1", "169.254.169.254"),
            ("2002:0808:0808::", "8.8.8.8"),
            ("::127.0.0.1", "::127.0.0.1"),
            ("64:ff9b:1::7f00:1", "64:ff9b:1::7f00:1"),
            ("2606:4700::1111", "2606:4700::1111"),
            ("10.1.2.3", "10.1.2.3"),
        ] {
            assert_eq!(embedded(outer.parse().unwrap()), inner.parse::<IpAddr>().unwrap(), "{outer}");
        }
        assert_eq!(name_of("::127.0.0.1"), Some("reserved"));
        assert_eq!(name_of("64:ff9b:1::7f00:1"), Some("local NAT64"));
    }

    #[test]
    fn the_address_behind_an_isatap_router_is_seen() {
        for (outer, inner) in [
            ("2606:4700::5efe:127.0.0.1", Some("127.0.0.1")),
            ("2606:4700::200:5efe:10.0.0.1", Some("10.0.0.1")),
            ("fe80::5efe:8.8.8.8", Some("8.8.8.8")),
            ("2606:4700::1:5efe:10.0.0.1", None),
            ("2606:4700::1111", None),
            ("10.0.0.1", None),
        ] {
            let inner = inner.map(|inner| inner.parse().unwrap());
            assert_eq!(tunnelled(outer.parse().unwrap()), inner, "{outer}");
        }
    }

    #[test]
    fn no_row_is_hidden_by_a_wider_one_above_it() {
        for (index, row) in RANGES.iter().enumerate() {
            let above = RANGES[..index].iter().find(|other| other.network.contains(&row.network));
            assert!(above.is_none(), "{} is hidden by {}", row.network, above.unwrap().network);
        }
    }
}
