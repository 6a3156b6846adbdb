//! TLS to the server, with certificates made here: whom it trusts, and what it says of those it does not.

use std::sync::Arc;

use ringback_store::{PostgresAddress, PostgresOptions, PostgresStore, Store, database_status};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::authority::Authority;
use crate::conformance::{at, keyring};
use crate::own_server::OwnServer;

/// Has it take what was changed: a mere signal to do so it takes when it likes.
fn restart(server: &OwnServer) {
    server.stop("fast");
    server.start_again();
}

/// Opens a store, and says all that its refusal says.
async fn open(address: &str) -> Result<PostgresStore, String> {
    let ids = Arc::new(ringback_domain::IdMaker::new(1));
    let options = PostgresOptions::new(address.parse().unwrap(), keyring(&[1]), ids, at(0));
    PostgresStore::open(options).await.map_err(|error| {
        let mut said = error.to_string();
        let mut next = std::error::Error::source(&error);
        while let Some(cause) = next {
            said = format!("{said}: {cause}");
            next = cause.source();
        }
        said
    })
}

async fn refused(address: &str, because: &str) {
    let said = open(address).await.map(drop).unwrap_err();
    assert!(said.contains(because), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_checked_and_each_fault_is_told_apart() {
    let server = OwnServer::start();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let at = |host: &str, authority: &Authority| {
        let (port, file) = (server.port(), authority.path());
        format!("postgres://ringback@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={file}")
    };
    refused(&at("localhost", &ours), "offers no TLS: set ssl=on there, or say sslmode=disable").await;

    ours.certify(&server, &["localhost"], 2050);
    let store = open(&at("localhost", &ours)).await.unwrap();
    store.check().await.unwrap();
    store.close().await;
    refused(&at("localhost", &other), "of an unknown authority: name that authority's certificate").await;
    refused(&at("127.0.0.1", &ours), "is not for the host that the address names").await;
    ours.certify(&server, &["localhost"], 2020);
    refused(&at("localhost", &ours), "is not valid at this time: renew it there").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_file_of_authorities_those_are_believed_that_the_program_has() {
    let server = OwnServer::start();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    ours.certify(&server, &["localhost"], 2050);
    let bare = format!("postgres://ringback@localhost:{}/postgres?sslmode=verify-full", server.port());
    let named = format!("{bare}&sslrootcert={}", other.path());
    refused(&bare, "no certificate of an authority was found").await;

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ours.path()).unwrap()).unwrap();
    let roots = Arc::new(roots);
    let knowing = |text: &str| text.parse::<PostgresAddress>().unwrap().knowing(Arc::clone(&roots));
    assert_eq!(database_status(&knowing(&bare)).await.unwrap().database, "postgres");
    database_status(&knowing(&named)).await.expect_err("what the address names is in their place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_proved_over_the_channel_that_it_is_for() {
    let server = OwnServer::start();
    let ours = Authority::new("ours");
    ours.certify(&server, &["localhost"], 2050);
    server.admin("CREATE ROLE app LOGIN PASSWORD 'hunter2'");
    server.admin("GRANT CREATE ON SCHEMA public TO app");
    server.place("pg_hba.conf", "local all all trust\nhostssl all all all scram-sha-256\n");
    restart(&server);
    let at = |password: &str, more: &str| {
        let (port, file) = (server.port(), ours.path());
        format!("postgres://app{password}@localhost:{port}/postgres?sslrootcert={file}{more}")
    };
    let encrypted = "&sslmode=verify-full";
    let store = open(&at(":hunter2", &format!("{encrypted}&channel_binding=require"))).await.unwrap();
    store.check().await.unwrap();
    store.close().await;
    let wrong = "refuses the user or the password that the address names";
    refused(&at(":hunter2x", encrypted), wrong).await;
    refused(&at("", encrypted), wrong).await;
    // Whoever would not encrypt is not let in.
    refused(
        &at(":hunter2", "&sslmode=disable"),
        "no encryption): see that the role exists and may log in, and that pg_hba.conf",
    )
    .await;
}
