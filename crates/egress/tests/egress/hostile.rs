//! The table of hostile endpoints: what each is refused with, when, and that nothing is ever dialled.
//!
//! Each row goes through a real client whose resolver answers as the row says; first directly, and then by
//! way of a proxy, which would be asked for a tunnel to whatever address slipped through. Both are canaries
//! that count.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use ringback_egress::{Client, Policy, Proxy, Refusal, SendError};
use rustls::RootCertStore;

use crate::receiver::{AMPLE, Receiver, settle};

use Rules::{Dev, Public, Wide};
use Stage::{Connecting, Saving};

/// Under which policy a row is judged.
#[derive(Clone, Copy, Debug)]
enum Rules {
    /// What a server starts from.
    Public,
    /// `serve --dev`.
    Dev,
    /// The widest rules that can be written: every network, and the name.
    Wide,
}

/// When a row is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// By its URL alone, and again when it is called all the same.
    Saving,
    /// By what its name resolved to.
    Connecting,
}

/// Policy, URL (`PORT` is a listening canary's), what the name resolves to, when it is refused, the code, and
/// the text up to the setting.
type Row = (Rules, &'static str, &'static str, Stage, &'static str, &'static str);

const ADDRESS: &str = "address_not_allowed";
const PORT: &str = "port_not_allowed";
const PLAIN: &str = "plain_http_not_allowed";
const INVALID: &str = "url_invalid";
const USER: &str = "url_with_user_info";
const SCHEME: &str = "url_scheme_not_allowed";

const NO_URL: &str = "this is not a complete URL such as https://app.example.com/webhooks";
const USER_INFO: &str = "the URL holds a user name or password";
const LOCAL: &str = "127.0.0.1 is not a public address (loopback)";
const META: &str = "169.254.169.254 is not a public address (cloud metadata)";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // loopback, however it is spelt
    (Public, "https://127.0.0.1:PORT/",              "", Saving, ADDRESS, LOCAL),
    (Public, "http://127.0.0.1:PORT/",               "", Saving, ADDRESS, LOCAL),
    (Public, "https://127.1:PORT/",                  "", Saving, ADDRESS, LOCAL),
    (Public, "https://127.0.1:PORT/",                "", Saving, ADDRESS, LOCAL),
    (Public, "https://127.0.0.1.:PORT/",             "", Saving, ADDRESS, LOCAL),
    (Public, "https://0x7f.1:PORT/",                 "", Saving, ADDRESS, LOCAL),
    (Public, "https://0X7F000001:PORT/",             "", Saving, ADDRESS, LOCAL),
    (Public, "https://0177.0.0.01:PORT/",            "", Saving, ADDRESS, LOCAL),
    (Public, "https://017700000001:PORT/",           "", Saving, ADDRESS, LOCAL),
    (Public, "https://2130706433:PORT/",             "", Saving, ADDRESS, LOCAL),
    (Public, "https://0x7f.0.0x0.01:PORT/",          "", Saving, ADDRESS, LOCAL),
    (Public, "https://%31%32%37.0.0.1:PORT/",        "", Saving, ADDRESS, LOCAL),
    (Public, "https://１２７.0.0.1:PORT/",            "", Saving, ADDRESS, LOCAL),
    (Public, "https://①②⑦.⓪.⓪.①:PORT/",              "", Saving, ADDRESS, LOCAL),
    (Public, "https://127。0。0。1:PORT/",             "", Saving, ADDRESS, LOCAL),
    (Public, "https://127.0.0.\u{ad}1:PORT/",        "", Saving, ADDRESS, LOCAL),
    (Public, "https://127.255.0.9/",                 "", Saving, ADDRESS, "127.255.0.9 is not a public address (loopback)"),
    (Public, "https://[::1]:PORT/",                  "", Saving, ADDRESS, "::1 is not a public address (loopback)"),
    (Public, "https://[0:0:0:0:0:0:0:1]:PORT/",      "", Saving, ADDRESS, "::1 is not a public address (loopback)"),
    (Public, "https://[::ffff:127.0.0.1]:PORT/",     "", Saving, ADDRESS, "[::ffff:7f00:1] stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://[::ffff:7f00:1]:PORT/",        "", Saving, ADDRESS, "[::ffff:7f00:1] stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://[::127.0.0.1]:PORT/",          "", Saving, ADDRESS, "::7f00:1 is not a public address (reserved)"),
    (Public, "https://[::ffff:0:127.0.0.1]:PORT/",   "", Saving, ADDRESS, "::ffff:0:7f00:1 is not a public address (reserved)"),
    (Public, "https://[64:ff9b::127.0.0.1]:PORT/",   "", Saving, ADDRESS, "[64:ff9b::7f00:1] stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://[64:ff9b:1::127.0.0.1]:PORT/", "", Saving, ADDRESS, "64:ff9b:1::7f00:1 is not a public address (local NAT64)"),
    (Public, "https://[2002:7f00:1::]:PORT/",        "", Saving, ADDRESS, "[2002:7f00:1::] stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://localhost:PORT/",              "", Saving, ADDRESS, "localhost stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://LOCALHOST.:PORT/",             "", Saving, ADDRESS, "localhost. stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://app.localhost:PORT/",          "", Saving, ADDRESS, "app.localhost stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://ｌｏｃａｌｈｏｓｔ:PORT/",          "", Saving, ADDRESS, "localhost stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://ⓛocalhost:PORT/",              "", Saving, ADDRESS, "localhost stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://local\u{ad}host:PORT/",        "", Saving, ADDRESS, "localhost stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://%6c%6fcalhost:PORT/",          "", Saving, ADDRESS, "localhost stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://ip6-localhost:PORT/",          "", Saving, ADDRESS, "ip6-localhost stands for 127.0.0.1, which is not a public address (loopback)"),
    // private networks
    (Public, "https://10.0.0.1/",                    "", Saving, ADDRESS, "10.0.0.1 is not a public address (private network)"),
    (Public, "https://172.31.255.255/",              "", Saving, ADDRESS, "172.31.255.255 is not a public address (private network)"),
    (Public, "https://192.168.1.1/",                 "", Saving, ADDRESS, "192.168.1.1 is not a public address (private network)"),
    (Public, "https://3232235777/",                  "", Saving, ADDRESS, "192.168.1.1 is not a public address (private network)"),
    (Public, "https://100.64.0.1/",                  "", Saving, ADDRESS, "100.64.0.1 is not a public address (carrier-grade NAT)"),
    (Public, "https://[fd12:3456::1]/",              "", Saving, ADDRESS, "fd12:3456::1 is not a public address (unique-local)"),
    (Public, "https://[fec0::1]/",                   "", Saving, ADDRESS, "fec0::1 is not a public address (site-local)"),
    (Public, "https://[2606:4700::5efe:10.0.0.1]/",  "", Saving, ADDRESS, "[2606:4700::5efe:a00:1] stands for 10.0.0.1, which is not a public address (private network)"),
    (Public, "https://[2606:4700::200:5efe:7f00:1]/", "", Saving, ADDRESS, "[2606:4700::200:5efe:7f00:1] stands for 127.0.0.1, which is not a public address (loopback)"),
    // link-local and metadata, whatever the rules
    (Public, "http://169.254.169.254/latest/meta-data/", "", Saving, ADDRESS, META),
    (Dev,    "http://169.254.169.254/latest/meta-data/", "", Saving, ADDRESS, META),
    (Wide,   "http://169.254.169.254/latest/meta-data/", "", Saving, ADDRESS, META),
    (Wide,   "http://2852039166/",                   "", Saving, ADDRESS, META),
    (Wide,   "http://0xa9.0376.43518/",              "", Saving, ADDRESS, META),
    (Wide,   "http://[::ffff:a9fe:a9fe]/",           "", Saving, ADDRESS, "[::ffff:a9fe:a9fe] stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://[64:ff9b::a9fe:a9fe]/",         "", Saving, ADDRESS, "[64:ff9b::a9fe:a9fe] stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://[2002:a9fe:a9fe::1]/",          "", Saving, ADDRESS, "[2002:a9fe:a9fe::1] stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://[2606:4700::5efe:a9fe:a9fe]/",  "", Saving, ADDRESS, "[2606:4700::5efe:a9fe:a9fe] stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://169.254.170.2/v2/credentials",  "", Saving, ADDRESS, "169.254.170.2 is not a public address (cloud metadata)"),
    (Wide,   "http://169.254.42.42/",                "", Saving, ADDRESS, "169.254.42.42 is not a public address (cloud metadata)"),
    (Wide,   "http://[fd00:ec2::254]/",              "", Saving, ADDRESS, "fd00:ec2::254 is not a public address (cloud metadata)"),
    (Wide,   "http://[fd20:ce::254]/",               "", Saving, ADDRESS, "fd20:ce::254 is not a public address (cloud metadata)"),
    (Wide,   "http://100.100.100.200/",              "", Saving, ADDRESS, "100.100.100.200 is not a public address (cloud metadata)"),
    (Wide,   "http://168.63.129.16/machine",         "", Saving, ADDRESS, "168.63.129.16 is not a public address (cloud metadata)"),
    (Wide,   "http://192.0.0.192/",                  "", Saving, ADDRESS, "192.0.0.192 is not a public address (cloud metadata)"),
    (Wide,   "http://metadata.google.internal/",     "", Saving, ADDRESS, "metadata.google.internal stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://METADATA。google.internal./",    "", Saving, ADDRESS, "metadata.google.internal. stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://instance-data.ec2.internal/",   "", Saving, ADDRESS, "instance-data.ec2.internal stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://metadata.tencentyun.com/",      "", Saving, ADDRESS, "metadata.tencentyun.com stands for 169.254.0.23, which is not a public address (cloud metadata)"),
    (Wide,   "https://169.254.1.1/",                 "", Saving, ADDRESS, "169.254.1.1 is not a public address (link-local)"),
    (Wide,   "https://[fe80::1]/",                   "", Saving, ADDRESS, "fe80::1 is not a public address (link-local)"),
    // addresses that are nobody's
    (Wide,   "https://0.0.0.0:PORT/",                "", Saving, ADDRESS, "0.0.0.0 is not a public address (unspecified)"),
    (Wide,   "https://0:PORT/",                      "", Saving, ADDRESS, "0.0.0.0 is not a public address (unspecified)"),
    (Wide,   "https://[::]:PORT/",                   "", Saving, ADDRESS, ":: is not a public address (unspecified)"),
    (Wide,   "https://224.0.0.1/",                   "", Saving, ADDRESS, "224.0.0.1 is not a public address (multicast)"),
    (Wide,   "https://[ff02::1]/",                   "", Saving, ADDRESS, "ff02::1 is not a public address (multicast)"),
    (Wide,   "https://240.0.0.1/",                   "", Saving, ADDRESS, "240.0.0.1 is not a public address (reserved)"),
    (Wide,   "https://255.255.255.255/",             "", Saving, ADDRESS, "255.255.255.255 is not a public address (broadcast)"),
    (Wide,   "https://192.88.99.1/",                 "", Saving, ADDRESS, "192.88.99.1 is not a public address (6to4 relay)"),
    (Wide,   "https://[2001::1]/",                   "", Saving, ADDRESS, "2001::1 is not a public address (Teredo)"),
    (Wide,   "https://[100::1]/",                    "", Saving, ADDRESS, "100::1 is not a public address (discard)"),
    (Wide,   "https://[5f00::1]/",                   "", Saving, ADDRESS, "5f00::1 is not a public address (segment routing)"),
    (Public, "https://192.0.2.1/",                   "", Saving, ADDRESS, "192.0.2.1 is not a public address (documentation)"),
    (Public, "https://[2001:db8::1]/",               "", Saving, ADDRESS, "2001:db8::1 is not a public address (documentation)"),
    (Public, "https://[3fff::1]/",                   "", Saving, ADDRESS, "3fff::1 is not a public address (documentation)"),
    (Public, "https://198.18.0.1/",                  "", Saving, ADDRESS, "198.18.0.1 is not a public address (benchmark)"),
    // texts that say one thing to a person and another to a parser
    (Wide,   "https://app.example.com\\@127.0.0.1:PORT/",  "", Saving, INVALID, NO_URL),
    (Wide,   "https:\\\\127.0.0.1:PORT\\",           "", Saving, INVALID, NO_URL),
    (Wide,   "https:/127.0.0.1:PORT/",               "", Saving, INVALID, NO_URL),
    (Wide,   "https://127.0.0.1:PORT/\r\nx: y",      "", Saving, INVALID, NO_URL),
    (Wide,   "https://127.0.\t0.1:PORT/",            "", Saving, INVALID, NO_URL),
    (Wide,   "https://app.example.com%0d%0ax:PORT/", "", Saving, INVALID, NO_URL),
    (Wide,   "https://app.example.com%00.internal/", "", Saving, INVALID, NO_URL),
    (Wide,   "http://[fe80::1%25eth0]:PORT/",        "", Saving, INVALID, NO_URL),
    (Wide,   "http://[::1%251]:PORT/",               "", Saving, INVALID, NO_URL),
    (Wide,   "http://127.0.0.1.5:PORT/",             "", Saving, INVALID, NO_URL),
    (Wide,   "http://named.example..:PORT/",         "", Saving, INVALID, NO_URL),
    (Wide,   "http://named,127.0.0.1.example:PORT/", "", Saving, INVALID, NO_URL),
    (Wide,   "https://app.example.com@127.0.0.1:PORT/",    "", Saving, USER, USER_INFO),
    (Wide,   "https://app.example.com:443@127.0.0.1:PORT/", "", Saving, USER, USER_INFO),
    (Wide,   "https://app.example.com%2f@127.0.0.1:PORT/", "", Saving, USER, USER_INFO),
    (Wide,   "gopher://127.0.0.1:PORT/_INFO",        "", Saving, SCHEME, "the URL's scheme is \"gopher\", but it must be https or http"),
    (Wide,   "unix:/var/run/docker.sock",            "", Saving, SCHEME, "the URL's scheme is \"unix\", but it must be https or http"),
    // ports where something else is spoken
    (Public, "https://app.example.com:25/",  "93.184.215.14", Saving, PORT, "port 25 (SMTP) is on the deny list egress.deny_ports"),
    (Public, "https://app.example.com:22/",  "93.184.215.14", Saving, PORT, "port 22 (SSH) is on the deny list egress.deny_ports"),
    (Public, "https://app.example.com:53/",  "93.184.215.14", Saving, PORT, "port 53 (DNS) is on the deny list egress.deny_ports"),
    (Public, "https://93.184.215.14:5432/",          "", Saving, PORT, "port 5432 (PostgreSQL) is on the deny list egress.deny_ports"),
    (Public, "https://[2606:4700::1111]:11211/",     "", Saving, PORT, "port 11211 (memcached) is on the deny list egress.deny_ports"),
    (Dev,    "http://127.0.0.1:6379/",               "", Saving, PORT, "port 6379 (Redis) is on the deny list egress.deny_ports"),
    (Dev,    "http://localhost:3306/",               "", Saving, PORT, "port 3306 (MySQL) is on the deny list egress.deny_ports"),
    (Wide,   "http://named.example:587/",    "10.0.0.1", Saving, PORT, "port 587 (SMTP) is on the deny list egress.deny_ports"),
    (Wide,   "http://10.0.0.1:0023/",                "", Saving, PORT, "port 23 (Telnet) is on the deny list egress.deny_ports"),
    (Wide,   "http://10.0.0.1:0/",                   "", Saving, "url_port_not_allowed", "the URL's port is 0, which cannot be called"),
    // plain HTTP
    (Public, "http://app.example.com:PORT/",  "127.0.0.1", Saving, PLAIN, "plain HTTP to app.example.com is not permitted: use https"),
    (Public, "http://93.184.215.14/",                "", Saving, PLAIN, "plain HTTP to 93.184.215.14 is not permitted: use https"),
    (Dev,    "http://app.example.com/",   "93.184.215.14", Connecting, PLAIN, "plain HTTP to app.example.com is not permitted: use https"),
    (Dev,    "http://app.example.com/",   "64:ff9b::5db8:d70e", Connecting, PLAIN, "plain HTTP to app.example.com is not permitted: use https"),
    // names that lead inside
    (Public, "https://app.example.com:PORT/", "127.0.0.1", Connecting, ADDRESS, "app.example.com stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://app.example.com:PORT/", "::1", Connecting, ADDRESS, "app.example.com stands for ::1, which is not a public address (loopback)"),
    (Public, "https://app.example.com:PORT/", "127.0.0.1 ::1 10.0.0.1", Connecting, ADDRESS, "app.example.com stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://APP.example.com.:PORT/", "127.0.0.1", Connecting, ADDRESS, "app.example.com. stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://my_app.example.com:PORT/", "127.0.0.1", Connecting, ADDRESS, "my_app.example.com stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://xn--lcalhost-nbh:PORT/", "127.0.0.1", Connecting, ADDRESS, "xn--lcalhost-nbh stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://intranet:PORT/",        "127.0.0.1", Connecting, ADDRESS, "intranet stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://127.0.0.1.nip.example:PORT/", "127.0.0.1", Connecting, ADDRESS, "127.0.0.1.nip.example stands for 127.0.0.1, which is not a public address (loopback)"),
    (Public, "https://cname.example.com/",    "10.1.2.3", Connecting, ADDRESS, "cname.example.com stands for 10.1.2.3, which is not a public address (private network)"),
    (Public, "https://cname.example.com/",    "fd12::1", Connecting, ADDRESS, "cname.example.com stands for fd12::1, which is not a public address (unique-local)"),
    (Public, "https://cname.example.com/",    "100.127.0.1", Connecting, ADDRESS, "cname.example.com stands for 100.127.0.1, which is not a public address (carrier-grade NAT)"),
    (Public, "https://cname.example.com/",    "::ffff:192.168.0.1", Connecting, ADDRESS, "cname.example.com stands for 192.168.0.1, which is not a public address (private network)"),
    (Public, "https://cname.example.com/",    "64:ff9b::10.0.0.1", Connecting, ADDRESS, "cname.example.com stands for 10.0.0.1, which is not a public address (private network)"),
    (Public, "https://cname.example.com/",    "2002:c0a8:1::1", Connecting, ADDRESS, "cname.example.com stands for 192.168.0.1, which is not a public address (private network)"),
    (Public, "https://cname.example.com/",    "2606:4700::5efe:10.0.0.1", Connecting, ADDRESS, "cname.example.com stands for 10.0.0.1, which is not a public address (private network)"),
    // the widest rules, and a rule for the very name, still do not lead to what nobody means
    (Wide,   "http://named.example/",         "169.254.169.254", Connecting, ADDRESS, "named.example stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://named.example/",         "::ffff:169.254.169.254", Connecting, ADDRESS, "named.example stands for 169.254.169.254, which is not a public address (cloud metadata)"),
    (Wide,   "http://named.example/",         "fd00:ec2::254", Connecting, ADDRESS, "named.example stands for fd00:ec2::254, which is not a public address (cloud metadata)"),
    (Wide,   "http://named.example/",         "168.63.129.16", Connecting, ADDRESS, "named.example stands for 168.63.129.16, which is not a public address (cloud metadata)"),
    (Wide,   "http://named.example/",         "100.100.100.200", Connecting, ADDRESS, "named.example stands for 100.100.100.200, which is not a public address (cloud metadata)"),
    (Wide,   "http://named.example:PORT/",    "0.0.0.0", Connecting, ADDRESS, "named.example stands for 0.0.0.0, which is not a public address (unspecified)"),
    (Wide,   "http://named.example:PORT/",    "::", Connecting, ADDRESS, "named.example stands for ::, which is not a public address (unspecified)"),
    (Wide,   "http://named.example:PORT/",    "fe80::1%1", Connecting, ADDRESS, "named.example stands for fe80::1, which is not a public address (link-local)"),
    (Wide,   "http://named.example/",         "224.0.0.251", Connecting, ADDRESS, "named.example stands for 224.0.0.251, which is not a public address (multicast)"),
    (Wide,   "http://named.example/",         "255.255.255.255", Connecting, ADDRESS, "named.example stands for 255.255.255.255, which is not a public address (broadcast)"),
    (Wide,   "http://named.example/",         "2001:0:4136:e378:8000:63bf:3fff:fdd2", Connecting, ADDRESS, "named.example stands for 2001:0:4136:e378:8000:63bf:3fff:fdd2, which is not a public address (Teredo)"),
];

fn policy(rules: Rules) -> Policy {
    match rules {
        Public => Policy::public_only(),
        Dev => Policy::dev(),
        Wide => Policy::public_only().allow(["0.0.0.0/0", "::/0", "named.example"]).expect("these are rules"),
    }
}

/// The addresses of an answer, as a resolver returns them: an IPv6 one may have an interface.
fn addresses(answer: &str) -> Vec<SocketAddr> {
    let socket = |text: &str| match text.contains(':') {
        true => format!("[{text}]:0").parse().expect("the row's answer is an address"),
        false => format!("{text}:0").parse().expect("the row's answer is an address"),
    };
    answer.split_whitespace().map(socket).collect()
}

/// Calls a URL whose name has these addresses; none if it is no URI and so cannot even be asked for.
async fn call(policy: Policy, proxy: Option<Proxy>, url: &str, answer: &str) -> Option<SendError> {
    let request = Request::post(url).body(Bytes::new()).ok()?;
    let found = addresses(answer);
    let client = Client::builder(policy, RootCertStore::empty())
        .proxy(proxy)
        .lookup(move |_| Ok(found.clone()))
        .build();
    Some(client.send(request, AMPLE).await.expect_err("nothing hostile is answered"))
}

/// What each row that is refused on saving is refused with.
pub(crate) fn refusals() -> impl Iterator<Item = Refusal> {
    TABLE.iter().filter_map(|row| policy(row.0).check_url(&row.1.replace("PORT", "4443")).err())
}

fn check(row: &Row, refusal: &Refusal, found: Stage) {
    let (.., stage, code, text) = *row;
    assert_eq!((found, refusal.code()), (stage, code), "{row:?}");
    let shown = refusal.to_string();
    assert!(shown.starts_with(text), "{row:?}: {shown}");
    let setting = refusal.setting();
    let opened = [ADDRESS, PORT, PLAIN].contains(&code);
    assert_eq!(setting.is_some(), opened, "{row:?}");
    assert!(setting.is_none_or(|line| shown.ends_with(&line)), "{row:?}: {shown}");
}

async fn run(proxy: Option<Proxy>, port: u16) {
    for row in TABLE {
        let (rules, url, answer, ..) = *row;
        let url = url.replace("PORT", &port.to_string());
        let saved = policy(rules).check_url(&url);
        let called = call(policy(rules), proxy.clone(), &url, answer).await;
        let stage = if saved.is_err() { Saving } else { Connecting };
        match (saved, called) {
            (Err(refusal), None) => check(row, &refusal, stage),
            (Err(refusal), Some(SendError::Blocked(again))) => {
                assert_eq!(refusal, again, "{row:?}");
                check(row, &refusal, stage);
            }
            (Ok(_), Some(SendError::Blocked(refusal))) => check(row, &refusal, stage),
            other => panic!("{row:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn each_is_refused_as_the_table_says_and_none_connects() {
    let canary = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    run(None, canary.port()).await;
    settle().await;
    assert_eq!(canary.accepted(), 0);
}

#[tokio::test]
async fn each_is_refused_before_a_proxy_hears_of_it() {
    let canary = Receiver::answering("HTTP/1.1 200 OK\r\n\r\n").await;
    let proxy = Proxy::parse(&format!("http://127.0.0.1:{}", canary.port())).unwrap();
    run(Some(proxy), canary.port()).await;
    settle().await;
    assert_eq!(canary.accepted(), 0);
}

/// The canaries do count: without a policy every row that can be called reaches the proxy, whatever its
/// address.
#[tokio::test]
async fn without_a_policy_each_name_and_address_would_connect() {
    let canary = Receiver::answering_once("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    let proxy = Proxy::parse(&format!("http://127.0.0.1:{}", canary.port())).unwrap();
    let mut reached = 0;
    for (_, url, answer, _, code, _) in TABLE.iter().filter(|row| [ADDRESS, PORT, PLAIN].contains(&row.4)) {
        // A name that is refused at once needs an answer here.
        let answer = if answer.is_empty() { "127.0.0.1" } else { answer };
        let url = url.replace("PORT", &canary.port().to_string());
        let Some(error) = call(Policy::unrestricted(), Some(proxy.clone()), &url, answer).await else {
            continue;
        };
        assert_eq!(error.to_string(), "the proxy does not permit this target (403)", "{url} ({code})");
        reached += 1;
    }
    assert_eq!(canary.accepted(), reached);
    assert!(reached > 100, "{reached}");
}

#[test]
fn the_table_is_long_enough_to_be_worth_its_name() {
    assert!(TABLE.len() >= 120, "{}", TABLE.len());
}
