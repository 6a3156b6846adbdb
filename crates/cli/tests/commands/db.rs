//! `ringback db` on a database file.

use std::path::Path;

use ringback_testkit::Gateway;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{BINARY, Done, run};

async fn db(gateway: &Gateway, folder: &Path, args: &[&str]) -> Done {
    run(gateway, &[&["db"], args, &["--data-dir", folder.to_str().unwrap()]].concat()).await
}

#[tokio::test]
async fn a_database_file_is_looked_at_beside_its_server() {
    let gateway = Gateway::start(BINARY).await;
    let path = gateway.data_dir().join("ringback.db");
    let status: Value = db(&gateway, gateway.data_dir(), &["status", "--json"]).await.json();
    assert_eq!((&status["object"], &status["kind"]), (&json!("database_status"), &json!("sqlite")));
    assert_eq!(status["path"], json!(path));
    assert!(status["size_bytes"].as_u64() > Some(0) && status["page_bytes"].as_u64() > Some(0), "{status}");
    assert_eq!(status["schema"]["version"], status["schema"]["newest_known"]);
    assert_eq!(status["needs"], json!([]));

    let text = db(&gateway, gateway.data_dir(), &["status"]).await;
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for words in [path.to_str().unwrap(), "SQLite 3.", "KiB", "up to date"] {
        assert!(text.stdout.contains(words), "{}", text.stdout);
    }
    let beside = db(&gateway, gateway.data_dir(), &["migrate"]).await;
    assert_eq!(beside.code, Some(1));
    assert!(beside.stderr.contains("in use by another Ringback"), "{}", beside.stderr);
    gateway.terminate().await;
}

#[tokio::test]
async fn a_schema_that_is_behind_is_said_and_brought_up_to_date() {
    let (gateway, folder) = (Gateway::start(BINARY).await, TempDir::new().unwrap());
    let nothing = db(&gateway, folder.path(), &["status"]).await;
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.stderr.contains("there is no database"), "{}", nothing.stderr);
    let nowhere = folder.path().join("a/b");
    let nothing = db(&gateway, &nowhere, &["migrate"]).await;
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), ""));
    assert!(nothing.stderr.contains("there is no database") && !nowhere.exists(), "{}", nothing.stderr);

    std::fs::File::create(folder.path().join("ringback.db")).unwrap();
    let behind = db(&gateway, folder.path(), &["status"]).await;
    assert_eq!(behind.code, Some(7), "{}", behind.stdout);
    assert!(behind.stdout.contains("migrations behind"), "{}", behind.stdout);
    assert!(behind.stderr.contains("attention: the schema lacks V1__initial"), "{}", behind.stderr);
    let contract = db(&gateway, folder.path(), &["migrate", "--contract"]).await;
    assert_eq!(contract.code, Some(2), "{}", contract.stderr);

    let migrated = db(&gateway, folder.path(), &["migrate", "--json"]).await.json();
    assert_eq!(migrated["object"], "database_migration");
    assert_eq!(migrated["applied"][0], "V1__initial");
    let again = db(&gateway, folder.path(), &["migrate"]).await;
    assert!(again.stdout.contains("up to date"), "{}", again.stdout);
    assert_eq!(db(&gateway, folder.path(), &["status"]).await.code, Some(0));
    gateway.terminate().await;
}
