//! The official SDKs against a node on PostgreSQL: what they see is what they see on the embedded database.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use ringback_testkit::postgres::Database;
use tokio::process::Command;

use crate::BINARY;

/// Runs a suite on a database of its own; gives what it said on stdout.
async fn passes(command: &mut Command) -> String {
    let database = Database::create();
    command
        .env("RINGBACK_BIN", BINARY)
        .env("RINGBACK_TEST_DATABASE", database.url())
        // What is recorded is that of the other database.
        .env_remove("UPDATE_GOLDEN")
        .stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// A folder of the suites, in which the SDK has been installed.
fn suite(folder: &str, installed: &str) -> PathBuf {
    let suite = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sdk").join(folder);
    assert!(suite.join(installed).exists(), "the SDKs are not there: run scripts/setup-sdk-tests.sh");
    suite
}

#[tokio::test]
#[ignore = "needs the SDKs, which scripts/setup-sdk-tests.sh installs: `make test` runs it after that"]
async fn the_official_python_sdk_finds_no_difference() {
    let suite = suite("python", "../.venv/bin/python");
    let mut command = Command::new(suite.join("../.venv/bin/python"));
    command.args(["-m", "pytest", "--color=no", "-q", "-p", "no:cacheprovider"]).current_dir(suite);
    let said = passes(&mut command).await;
    assert!(said.contains(" passed"), "{said}");
}

#[tokio::test]
#[ignore = "needs the SDKs, which scripts/setup-sdk-tests.sh installs: `make test` runs it after that"]
async fn the_official_node_sdk_finds_no_difference() {
    let suite = suite("node", "node_modules");
    let mut command = Command::new("npm");
    // One gateway after the other, since they share the database; and of the wire it knows nothing.
    let further = ["--test-concurrency=1", "--test-skip-pattern=/^the wire/"];
    command.args(["test", "--silent", "--"]).args(further).current_dir(suite);
    let said = passes(&mut command).await;
    assert!(said.contains("fail 0") && !said.contains("pass 0"), "{said}");
}
