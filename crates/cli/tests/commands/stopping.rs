//! The end of the terminal that a server was started from.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use ringback_testkit::Gateway;
use tempfile::TempDir;

use crate::BINARY;

#[tokio::test]
async fn a_server_whose_terminal_ends_stops_as_it_should() {
    let folder = tempfile::tempdir().unwrap();
    // Whoever runs the tests may ignore the signal themselves, and what they start would as well.
    let program = script(&folder, "exec env --default-signal=HUP");
    let gateway = Gateway::start(program).await;
    // A shell and the system may both tell it.
    gateway.hang_up().await;
    gateway.hang_up().await;
    let stopped = gateway.ended().await;
    assert!(stopped.talk.contains("stopping: no new work is taken"), "{}", stopped.talk);
    assert!(stopped.talk.contains("stopped"), "{}", stopped.talk);
}

#[tokio::test]
async fn a_server_that_was_started_to_outlive_its_terminal_does() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(script(&folder, "trap '' HUP; exec")).await;
    gateway.hang_up().await;
    gateway.readiness(200).await;
    let stopped = gateway.terminate().await;
    assert_eq!(stopped.talk.matches("stopping: no new work is taken").count(), 1, "{}", stopped.talk);
}

/// A program that becomes the server by this command.
fn script(folder: &TempDir, command: &str) -> PathBuf {
    let path = folder.path().join("start");
    std::fs::write(&path, format!("#!/bin/sh\n{command} '{BINARY}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}
