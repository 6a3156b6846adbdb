//! However an address is spelt, the verdict is the one of its usual form.

use std::net::Ipv4Addr;

use proptest::prelude::*;
use ringback_egress::Policy;

fn verdict(policy: &Policy, scheme: &str, host: &str) -> Option<&'static str> {
    policy.check_url(&format!("{scheme}://{host}/")).err().map(|refusal| refusal.code())
}

/// The same IPv4 address, as URLs can hold it.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    let (high, low) = (bits >> 16, bits & 0xffff);
    vec![
        format!("{bits}"),
        format!("{bits:#x}"),
        format!("0{bits:o}"),
        format!("{a:#x}.{b}.0{c:o}.{d}"),
        format!("{a}.{}", bits & 0x00ff_ffff),
        format!("{a}.{b}.{low}"),
        format!("{address}."),
        format!("[::ffff:{address}]"),
        format!("[::ffff:{high:x}:{low:x}]"),
        format!("[64:ff9b::{address}]"),
        format!("[2002:{high:x}:{low:x}::1]"),
    ]
}

/// Any address, and more often one that means something.
fn address() -> impl Strategy<Value = Ipv4Addr> {
    let edges =
        [[127, 0, 0, 1], [10, 0, 0, 1], [169, 254, 169, 254], [0, 0, 0, 0], [100, 64, 0, 1], [255; 4]];
    prop_oneof![
        any::<u32>().prop_map(Ipv4Addr::from),
        prop::sample::select(edges.map(Ipv4Addr::from).to_vec())
    ]
}

proptest! {
    #[test]
    fn the_verdict_does_not_depend_on_the_spelling(address in address()) {
        for policy in [Policy::public_only(), Policy::dev()] {
            for scheme in ["https", "http"] {
                let usual = verdict(&policy, scheme, &address.to_string());
                for host in spellings(address) {
                    prop_assert_eq!(verdict(&policy, scheme, &host), usual, "{}://{}", scheme, host);
                }
            }
        }
    }

    #[test]
    fn no_text_upsets_the_check(text in "(https?:)?[/\\\\]{0,3}\\PC{0,40}") {
        if let Ok(url) = Policy::dev().check_url(&text) {
            prop_assert_eq!(Policy::dev().check_url(url.as_str()), Ok(url));
        }
    }
}
