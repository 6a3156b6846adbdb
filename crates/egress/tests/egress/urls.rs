//! Hostile URLs: what each policy says of them when an endpoint is saved.

use ringback_egress::{MAX_URL_BYTES, Policy, Refusal};

const OK: &str = "ok";
const ADDRESS: &str = "address_not_allowed";
const PLAIN: &str = "plain_http_not_allowed";
const INVALID: &str = "url_invalid";
const SCHEME: &str = "url_scheme_not_allowed";
const NO_HOST: &str = "url_without_host";
const USER: &str = "url_with_user_info";
const FRAGMENT: &str = "url_with_fragment";
const PORT: &str = "url_port_not_allowed";

/// The URL, what `public_only` says, what `dev` says.
const TABLE: &[(&str, &str, &str)] = &[
    // public
    ("https://app.example.com/hooks", OK, OK),
    ("https://app.example.com:8443/hooks?x=1", OK, OK),
    ("https://93.184.215.14/", OK, OK),
    ("https://[2606:4700::1111]/", OK, OK),
    ("https://bücher.example/", OK, OK),
    ("https://app_1.example.com./", OK, OK),
    ("HTTPS://APP.EXAMPLE.COM", OK, OK),
    // plain HTTP: a name may prove to be private under `dev`, a public literal cannot
    ("http://app.example.com/", PLAIN, OK),
    ("http://localhost:8080/", ADDRESS, OK),
    ("https://localhost/", ADDRESS, OK),
    ("http://93.184.215.14/", PLAIN, PLAIN),
    ("http://[2606:4700::1111]/", PLAIN, PLAIN),
    ("http://[64:ff9b::808:808]/", PLAIN, PLAIN),
    // loopback in every spelling
    ("https://127.0.0.1/", ADDRESS, OK),
    ("http://127.0.0.1:8080/", ADDRESS, OK),
    ("https://127.1/", ADDRESS, OK),
    ("https://127.0.0.1./", ADDRESS, OK),
    ("https://0x7f.1/", ADDRESS, OK),
    ("https://0x7f000001/", ADDRESS, OK),
    ("https://0177.0.0.1/", ADDRESS, OK),
    ("https://017700000001/", ADDRESS, OK),
    ("https://2130706433/", ADDRESS, OK),
    ("https://127.255.255.255/", ADDRESS, OK),
    ("https://%31%32%37.0.0.1/", ADDRESS, OK),
    ("https://①②⑦.⓪.⓪.①/", ADDRESS, OK),
    ("https://127。0。0。1/", ADDRESS, OK),
    ("https://[::1]/", ADDRESS, OK),
    ("https://[0:0:0:0:0:0:0:1]/", ADDRESS, OK),
    ("https://[::ffff:127.0.0.1]/", ADDRESS, OK),
    ("https://[::ffff:7f00:1]/", ADDRESS, OK),
    ("https://[64:ff9b::127.0.0.1]/", ADDRESS, OK),
    ("https://[2002:7f00:1::]/", ADDRESS, OK),
    ("https://[::127.0.0.1]/", ADDRESS, ADDRESS),
    // private networks
    ("https://10.0.0.1/", ADDRESS, OK),
    ("https://172.16.0.1/", ADDRESS, OK),
    ("https://192.168.1.1/", ADDRESS, OK),
    ("https://3232235777/", ADDRESS, OK),
    ("https://[fd12:3456::1]/", ADDRESS, OK),
    ("https://[::ffff:10.0.0.1]/", ADDRESS, OK),
    ("https://100.64.0.1/", ADDRESS, ADDRESS),
    ("https://[fec0::1]/", ADDRESS, ADDRESS),
    // link-local and metadata, under `dev` too
    ("http://169.254.169.254/latest/meta-data/", ADDRESS, ADDRESS),
    ("https://169.254.1.1/", ADDRESS, ADDRESS),
    ("http://2852039166/", ADDRESS, ADDRESS),
    ("http://0xa9.0xfe.0xa9.0xfe/", ADDRESS, ADDRESS),
    ("http://[::ffff:169.254.169.254]/", ADDRESS, ADDRESS),
    ("http://[64:ff9b::a9fe:a9fe]/", ADDRESS, ADDRESS),
    ("http://[2002:a9fe:a9fe::1]/", ADDRESS, ADDRESS),
    ("http://[fe80::1]/", ADDRESS, ADDRESS),
    ("http://[fd00:ec2::254]/", ADDRESS, ADDRESS),
    ("http://100.100.100.200/", ADDRESS, ADDRESS),
    ("http://168.63.129.16/", ADDRESS, ADDRESS),
    // addresses that are nobody's
    ("https://0.0.0.0/", ADDRESS, ADDRESS),
    ("https://0/", ADDRESS, ADDRESS),
    ("https://[::]/", ADDRESS, ADDRESS),
    ("https://[::ffff:0.0.0.0]/", ADDRESS, ADDRESS),
    ("https://192.0.2.1/", ADDRESS, ADDRESS),
    ("https://198.18.0.1/", ADDRESS, ADDRESS),
    ("https://224.0.0.1/", ADDRESS, ADDRESS),
    ("https://240.0.0.1/", ADDRESS, ADDRESS),
    ("https://255.255.255.255/", ADDRESS, ADDRESS),
    ("https://[ff02::1]/", ADDRESS, ADDRESS),
    ("https://[2001:db8::1]/", ADDRESS, ADDRESS),
    ("https://[2001::1]/", ADDRESS, ADDRESS),
    ("https://[64:ff9b:1::1]/", ADDRESS, ADDRESS),
    // other schemes
    ("ftp://app.example.com/", SCHEME, SCHEME),
    ("file:///etc/passwd", SCHEME, SCHEME),
    ("gopher://127.0.0.1:6379/_INFO", SCHEME, SCHEME),
    ("javascript:alert(1)", SCHEME, SCHEME),
    ("localhost:8080/hooks", SCHEME, SCHEME),
    ("ws://app.example.com/", SCHEME, SCHEME),
    // what a browser would guess at
    ("", INVALID, INVALID),
    ("app.example.com/hooks", INVALID, INVALID),
    ("//app.example.com/hooks", INVALID, INVALID),
    ("/hooks", INVALID, INVALID),
    ("https:app.example.com", INVALID, INVALID),
    ("https:/app.example.com", INVALID, INVALID),
    ("https:///app.example.com", INVALID, INVALID),
    (r"https:\\app.example.com\", INVALID, INVALID),
    (r"https://app.example.com\@127.0.0.1/", INVALID, INVALID),
    (" https://app.example.com/", INVALID, INVALID),
    ("https://app.example.com/\r\nx-injected: 1", INVALID, INVALID),
    ("https://app.exam\tple.com/", INVALID, INVALID),
    ("https://app.example.com:70000/", INVALID, INVALID),
    ("https://app.example.com:x/", INVALID, INVALID),
    ("https://[fe80::1%25eth0]/", INVALID, INVALID),
    ("https://[::1/", INVALID, INVALID),
    ("https://256.256.256.256/", INVALID, INVALID),
    ("https://1.2.3.4.5/", INVALID, INVALID),
    ("https://app.example.com%00.evil.example/", INVALID, INVALID),
    ("https://app example.com/", INVALID, INVALID),
    ("https://a{b}.example.com/", INVALID, INVALID),
    ("https://a,b.example.com/", INVALID, INVALID),
    ("https://a..example.com/", INVALID, INVALID),
    ("https://-a.example.com/", INVALID, INVALID),
    (
        "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.com/",
        INVALID,
        INVALID,
    ),
    // parts that have no place in an endpoint's URL
    ("https://", NO_HOST, NO_HOST),
    ("https://:443/", NO_HOST, NO_HOST),
    ("https://user:password@app.example.com/", USER, USER),
    ("https://app.example.com@127.0.0.1/", USER, USER),
    ("https://:password@app.example.com/", USER, USER),
    ("https://app.example.com/#part", FRAGMENT, FRAGMENT),
    ("https://app.example.com/#", FRAGMENT, FRAGMENT),
    ("https://app.example.com:0/", PORT, PORT),
    ("http://127.0.0.1:0/", PORT, PORT),
];

fn code(policy: &Policy, url: &str) -> &'static str {
    policy.check_url(url).err().map_or(OK, |refusal| refusal.code())
}

#[test]
fn each_url_is_judged_as_the_table_says() {
    let (public, dev) = (Policy::public_only(), Policy::dev());
    let wrong: Vec<_> = TABLE
        .iter()
        .map(|&(url, in_public, in_dev)| (url, (in_public, in_dev), (code(&public, url), code(&dev, url))))
        .filter(|(_, expected, found)| expected != found)
        .collect();
    assert!(wrong.is_empty(), "(url, expected, found): {wrong:#?}");
}

#[test]
fn an_accepted_url_is_accepted_again_and_stays_as_it_is() {
    for (url, ..) in TABLE {
        for policy in [Policy::public_only(), Policy::dev(), Policy::unrestricted()] {
            if let Ok(accepted) = policy.check_url(url) {
                assert_eq!(policy.check_url(accepted.as_str()), Ok(accepted), "{url}");
            }
        }
    }
}

#[test]
fn a_refusal_never_shows_a_password_path_or_query() {
    for url in [
        "https://user:hidden@app.example.com/",
        "http://app.example.com/hidden?hidden",
        "https://127.0.0.1/hidden?hidden",
        "ftp://app.example.com/hidden",
        "hidden/hidden",
    ] {
        let refusal = Policy::public_only().check_url(url).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains("hidden"), "{refusal:?}");
    }
}

#[test]
fn unrestricted_permits_any_address_but_no_other_syntax() {
    let policy = Policy::unrestricted();
    for (url, in_public, _) in TABLE {
        let expected = if [ADDRESS, PLAIN].contains(in_public) { OK } else { in_public };
        assert_eq!(code(&policy, url), expected, "{url}");
    }
}

#[test]
fn the_length_is_bounded_as_given_and_in_normal_form() {
    let longest = format!("https://app.example.com/{}", "a".repeat(MAX_URL_BYTES - 24));
    assert_eq!(longest.len(), MAX_URL_BYTES);
    assert_eq!(code(&Policy::public_only(), &longest), OK);
    let too_long = format!("{longest}a");
    let refusal = Policy::public_only().check_url(&too_long).unwrap_err();
    assert_eq!(refusal, Refusal::TooLong { length: MAX_URL_BYTES + 1 });
    let grows = format!("https://app.example.com/{}", "é".repeat(500));
    assert_eq!(code(&Policy::public_only(), &grows), "url_too_long", "each é becomes six bytes");
}

#[test]
fn rules_open_what_they_name() {
    for (rule, url, expected) in [
        ("10.0.0.0/8", "http://10.1.2.3/", OK),
        ("10.0.0.0/8", "http://[::ffff:10.1.2.3]/", OK),
        ("10.0.0.0/8", "http://11.1.2.3/", PLAIN),
        ("10.0.0.0/8", "https://192.168.0.1/", ADDRESS),
        ("10.0.0.0/8", "http://app.internal/", OK),
        ("93.184.215.14", "http://93.184.215.14/", OK),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/", OK),
        ("127.0.0.1:8080", "http://127.0.0.1:8081/", ADDRESS),
        ("[::1]:8080", "http://[::1]:8080/", OK),
        ("app.internal", "http://app.internal/", OK),
        ("app.internal", "http://APP.internal./", OK),
        ("app.internal", "http://sub.app.internal/", PLAIN),
        ("app.internal:8080", "http://app.internal:8080/", OK),
        ("app.internal:8080", "http://app.internal/", PLAIN),
        ("fd00::/8", "http://[fd12::1]/", OK),
        // dangerous ranges: only by a rule no wider than they are
        ("0.0.0.0/0", "http://10.1.2.3/", OK),
        ("0.0.0.0/0", "http://93.184.215.14/", OK),
        ("0.0.0.0/0", "http://169.254.169.254/", ADDRESS),
        ("0.0.0.0/0", "http://0.0.0.0/", ADDRESS),
        ("::/0", "http://[fd12::1]/", OK),
        ("::/0", "http://[fe80::1]/", ADDRESS),
        ("::/0", "http://[fd00:ec2::254]/", ADDRESS),
        ("fc00::/7", "http://[fd00:ec2::254]/", ADDRESS),
        ("169.254.0.0/16", "http://169.254.1.1/", OK),
        ("169.254.0.0/16", "http://169.254.169.254/", ADDRESS),
        ("169.254.169.254", "http://169.254.169.254/", OK),
    ] {
        let policy = Policy::public_only().allow([rule]).unwrap();
        assert_eq!(code(&policy, url), expected, "{rule} for {url}");
    }
}

#[test]
fn rules_add_up_and_a_bad_one_is_named() {
    let policy = Policy::dev().allow(["app.internal"]).unwrap().allow(["100.64.0.0/10"]).unwrap();
    for url in ["http://127.0.0.1/", "http://app.internal/", "http://100.64.0.1/"] {
        assert_eq!(code(&policy, url), OK, "{url}");
    }
    let error = Policy::dev().allow(["10.0.0.0/8", "*.internal", "also bad"]).unwrap_err();
    assert!(error.to_string().contains(r#""*.internal""#), "{error}");
}
