//! What cannot be started is refused with what to do, and never with a password.

use ringback_testkit::postgres::Database;
use ringback_testkit::{ENCRYPTION_KEY, Gateway, GatewayBuilder, NotStarted};

use crate::BINARY;

const OTHER_KEY: &str = "b3RoZXItZW5jcnlwdGlvbi1rZXktb2YtMzItYnl0ZXM=";

/// Asserts that it does not start, with this exit code and these words, and without the password.
async fn refused(builder: GatewayBuilder, code: i32, words: &[&str]) {
    let NotStarted { code: found, talk } = builder.try_start().await.expect_err("it is refused");
    assert_eq!(found, Some(code), "{talk}");
    for word in words {
        assert!(talk.contains(word), "no `{word}` in:\n{talk}");
    }
    assert!(!talk.contains("hunter2"), "{talk}");
}

fn at(url: &str) -> GatewayBuilder {
    Gateway::builder(BINARY).database(url)
}

#[tokio::test]
async fn a_database_is_not_used_without_its_encryption_key() {
    let database = Database::create();
    let without = at(&database.url()).without_env("RINGBACK_ENCRYPTION_KEY");
    refused(without, 2, &["openssl rand -base64 32", "the same for all nodes"]).await;
    let gateway = at(&database.url()).start().await;
    gateway.create_endpoint("http://127.0.0.1:9/", &["*"]).await;
    let other = at(&database.url()).env("RINGBACK_ENCRYPTION_KEY", OTHER_KEY);
    let NotStarted { code, talk } = other.try_start().await.expect_err("it is refused");
    assert_eq!(code, Some(5), "{talk}");
    assert!(talk.contains("set RINGBACK_ENCRYPTION_KEY") && !talk.contains("data folder"), "{talk}");
    gateway.terminate().await;
    // A new key beside the former one is how keys are changed.
    let both = format!("{OTHER_KEY},{ENCRYPTION_KEY}");
    let gateway = at(&database.url()).env("RINGBACK_ENCRYPTION_KEY", &both).start().await;
    gateway.terminate().await;
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_with_the_form_of_one() {
    let form = "postgres://user:password@host:port/database";
    for url in ["user:hunter2@db.example", "mysql://u:hunter2@db.example/d", "postgres://u:hunter2@h:x/d"] {
        refused(at(url), 2, &["`database`", form]).await;
    }
    refused(at("postgres://u:hunter2@h/d?fancy=1"), 2, &["the parameter `fancy`"]).await;
    refused(at("postgres://u:hunter2@h/d?sslmode=maybe"), 2, &["sslmode is disable or verify-full"]).await;
    refused(at("file:/does/not/exist"), 2, &["cannot read /does/not/exist"]).await;
    let database = Database::create();
    let session = at(&database.url()).env("RINGBACK_DATABASE_SESSION", "u:hunter2@h");
    refused(session, 2, &["`database_session`", form]).await;
    let few = at(&database.url()).env("RINGBACK_DATABASE_CONNECTIONS", "1");
    refused(few, 2, &["`database_connections`", "must be a whole number from 2 to 1000"]).await;
    let alone = Gateway::builder(BINARY).env("RINGBACK_DATABASE_SESSION", "postgres://u:hunter2@h/d");
    refused(alone, 2, &["`database_session` needs `database`"]).await;
}

#[tokio::test]
async fn a_start_that_fails_leaves_no_node_behind() {
    let database = Database::create();
    let gateway = at(&database.url()).start().await;
    let taken = gateway.url().strip_prefix("http://").unwrap().parse().unwrap();
    let other = || at(&database.url());
    refused(other().env("RINGBACK_ADMIN_KEY", "short"), 2, &["at least 16"]).await;
    refused(other().listen(taken), 5, &["cannot listen on", "--listen"]).await;
    // Found out when it has registered, so that it has to leave.
    refused(other().env("RINGBACK_PUBLIC_URL", "ftp://h"), 2, &["public_url"]).await;
    let known = "SELECT (SELECT count(*) FROM nodes), (SELECT count(*) FROM dead_nodes)";
    let row = database.connection().await.query_one(known, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 0));
    gateway.terminate().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let nowhere = at("postgres://someone:hunter2@127.0.0.1:1/nowhere");
    refused(nowhere, 5, &["nowhere at 127.0.0.1", "see that the server runs"]).await;
}

#[tokio::test]
async fn an_address_in_a_file_is_taken_from_there() {
    let (database, folder) = (Database::create(), tempfile::TempDir::new().unwrap());
    let file = folder.path().join("database-url");
    std::fs::write(&file, format!("{}\n", database.url())).unwrap();
    let gateway = at(&format!("file:{}", file.display())).start().await;
    let nodes = database.connection().await;
    let held = nodes.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'ringback'", &[]).await;
    assert!(!held.unwrap().is_empty());
    gateway.terminate().await;
}
