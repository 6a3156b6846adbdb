//! The official Python SDK against a node on PostgreSQL: what it sees is what it sees on the embedded database.

use std::path::Path;
use std::process::Stdio;

use ringback_testkit::postgres::Database;
use tokio::process::Command;

use crate::BINARY;

#[tokio::test]
#[ignore = "needs the SDKs, which scripts/setup-sdk-tests.sh installs: `make test` runs it after that"]
async fn the_official_sdk_finds_no_difference() {
    let database = Database::create();
    let suites = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sdk");
    let python = suites.join(".venv/bin/python").canonicalize();
    assert!(python.is_ok(), "the SDKs are not there: run scripts/setup-sdk-tests.sh");
    let mut command = Command::new(suites.join(".venv/bin/python"));
    command
        .args(["-m", "pytest", "--color=no", "-q", "-p", "no:cacheprovider"])
        .current_dir(suites.join("python"))
        .env("RINGBACK_BIN", BINARY)
        .env("RINGBACK_TEST_DATABASE", database.url())
        // What is recorded is that of the other database.
        .env_remove("UPDATE_GOLDEN")
        .stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains(" passed"), "{said}");
}
