//! `ringback db` on PostgreSQL: what it says of a database, and the schema brought up to date.

use ringback_testkit::Gateway;
use ringback_testkit::postgres::Database;
use serde_json::json;

use crate::BINARY;
use crate::command::{Done, ringback};

/// `ringback db …` on this database, which must not be shown with its user.
async fn db(database: &Database, args: &[&str]) -> Done {
    let done = ringback(&[&["db"], args].concat(), &[("RINGBACK_DATABASE", &database.url())]).await;
    done.hides(&database.url());
    done
}

#[tokio::test]
async fn an_empty_database_gets_its_schema_without_a_node() {
    let database = Database::create();
    let behind = db(&database, &["status"]).await;
    assert_eq!(behind.code, Some(7), "{}", behind.stderr);
    assert!(
        behind.stderr.contains("V1__initial") && behind.stderr.contains("ringback db migrate"),
        "{}",
        behind.stderr
    );
    let migrated = db(&database, &["migrate", "--json"]).await;
    assert_eq!(migrated.json(), json!({ "object": "database_migration", "applied": ["V1__initial"] }));
    let again = db(&database, &["migrate", "--contract"]).await;
    assert!(again.stdout.contains("up to date"), "{}{}", again.stdout, again.stderr);
    assert_eq!(db(&database, &["status"]).await.code, Some(0));
    let gateway = Gateway::builder(BINARY).database(&database.url()).start().await;
    gateway.terminate().await;
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_without_the_password() {
    let url = "postgres://someone:hunter2@127.0.0.1:1/nowhere";
    for args in [&["db", "status"] as &[&str], &["db", "migrate"]] {
        let done = ringback(args, &[("RINGBACK_DATABASE", url)]).await;
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(done.stderr.contains("nowhere at 127.0.0.1"), "{}", done.stderr);
        done.hides("hunter2");
    }
    let done = ringback(&["db", "status", "--database", "u:hunter2@h"], &[]).await;
    assert_eq!(done.code, Some(2));
    done.hides("hunter2");
}
