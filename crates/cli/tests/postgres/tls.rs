//! A node that reaches its database over TLS, and what it says of certificates that it does not believe.

use ringback_testkit::postgres::{Authority, OwnServer};
use ringback_testkit::{ADMIN_KEY, Gateway};

use crate::BINARY;
use crate::command::ringback;

fn address(server: &OwnServer, host: &str, authority: &Authority) -> String {
    let (port, file) = (server.port(), authority.path());
    format!("postgres://app:hunter2@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={file}")
}

/// A start, and a look at the database, end with this code and these words.
async fn refused(address: &str, because: &str) {
    let talk = Gateway::builder(BINARY).database(address).try_start().await.expect_err("it is refused");
    assert_eq!(talk.code, Some(5), "{}", talk.talk);
    let status = ringback(&["db", "status"], &[("RINGBACK_DATABASE", address)]).await;
    assert_eq!(status.code, Some(4), "{}", status.stderr);
    for said in [&talk.talk, &status.stderr] {
        assert!(said.contains(because) && !said.contains("hunter2"), "{said}");
    }
}

#[tokio::test]
async fn a_node_encrypts_and_believes_only_the_certificate_that_it_is_told_to() {
    let server = OwnServer::start();
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    server.admin("CREATE ROLE app LOGIN PASSWORD 'hunter2'; GRANT CREATE ON SCHEMA public TO app");
    server.place("pg_hba.conf", "local all all trust\nhostssl all all all scram-sha-256\n");
    ours.certify(&server, &["localhost"], 2050);

    let good = address(&server, "localhost", &ours);
    let gateway = Gateway::builder(BINARY).database(&good).start().await;
    gateway.readiness(200).await;
    let person = server.connection().await;
    let sessions = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) \
                    FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'app'";
    let row = person.query_one(sessions, &[]).await.unwrap();
    let (encrypted, plain): (i64, i64) = (row.get(0), row.get(1));
    assert!(encrypted > 1 && plain == 0, "{encrypted} encrypted, {plain} not");
    let status = ringback(&["db", "status"], &[("RINGBACK_DATABASE", &good)]).await;
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    let asked = [("RINGBACK_API_KEY", ADMIN_KEY)];
    assert_eq!(ringback(&["status", "--server", gateway.url()], &asked).await.code, Some(0));
    gateway.terminate().await;

    // Where the address names none, the machine's authorities are believed, which the environment may name.
    let bare = good.split_once("&sslrootcert").unwrap().0;
    let start = || Gateway::builder(BINARY).database(bare);
    start().env("SSL_CERT_FILE", ours.path()).start().await.terminate().await;
    start().env("SSL_CERT_FILE", others.path()).try_start().await.expect_err("nobody vouches for it");
    for (authority, code) in [(&ours, 0), (&others, 4)] {
        let environment = [("RINGBACK_DATABASE", bare), ("SSL_CERT_FILE", authority.path())];
        let status = ringback(&["db", "status"], &environment).await;
        assert_eq!(status.code, Some(code), "{}", status.stderr);
    }

    refused(&address(&server, "localhost", &others), "of an unknown authority").await;
    refused(&address(&server, "127.0.0.1", &ours), "is not for the host that the address names").await;
    ours.certify(&server, &["localhost"], 2020);
    refused(&address(&server, "localhost", &ours), "is not valid at this time").await;
}
