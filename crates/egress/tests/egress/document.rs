//! `docs/EGRESS.md` says what is refused, and says all of it.

use ringback_egress::{Policy, default_denied_ports};

use crate::hostile::refusals;

const DOCUMENT: &str = include_str!("../../../../docs/EGRESS.md");

#[test]
fn every_refusal_is_documented() {
    for refusal in refusals() {
        assert!(DOCUMENT.contains(&format!("`{}`", refusal.code())), "{refusal:?}");
        if let ringback_egress::Refusal::Address { range, .. } = refusal {
            let rows = DOCUMENT.lines().filter(|line| line.starts_with("| "));
            let mut names = rows.flat_map(|row| row.split('|').nth(1).unwrap_or_default().split(','));
            assert!(names.any(|name| name.trim() == range), "{range}");
        }
    }
}

#[test]
fn the_documented_sentences_are_what_is_said() {
    let public = Policy::public_only();
    for (url, filled) in [
        ("https://10.0.0.1/", &[("10.0.0.1", "ADDRESS"), ("private network", "RANGE")] as &[_]),
        ("https://localhost/", &[("localhost", "HOST"), ("127.0.0.1", "ADDRESS"), ("loopback", "RANGE")]),
        ("http://app.example.com/", &[("app.example.com", "HOST")]),
        ("https://app.example.com:25/", &[("app.example.com", "HOST"), ("25", "PORT"), ("SMTP", "PROTOCOL")]),
    ] {
        let mut text = public.check_url(url).unwrap_err().to_string();
        for (value, name) in filled {
            text = text.replace(value, name);
        }
        assert!(DOCUMENT.contains(&format!("`{text}`")), "{text}");
    }
}

#[test]
fn the_default_ports_are_listed_and_no_others() {
    let (_, list) = DOCUMENT.split_once("port 0 always is:").unwrap();
    let (list, _) = list.split_once("## By a proxy").unwrap();
    let words: Vec<&str> = list.split([' ', '\n', ',']).map(|word| word.trim_end_matches('.')).collect();
    let mut listed: Vec<u16> = words.iter().filter_map(|word| word.parse().ok()).collect();
    listed.sort_unstable();
    let expected: Vec<u16> = default_denied_ports().map(|(port, _)| port).collect();
    assert_eq!(listed, expected);
    let flat = list.replace('\n', " ");
    for (_, protocol) in default_denied_ports() {
        assert!(flat.contains(protocol), "{protocol}");
    }
}
