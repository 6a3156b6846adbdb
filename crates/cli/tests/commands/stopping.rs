//! The end of the terminal that a server was started from.

use std::os::unix::fs::PermissionsExt as _;

use ringback_testkit::Gateway;

use crate::BINARY;

#[tokio::test]
async fn a_server_whose_terminal_ends_stops_as_it_should() {
    let gateway = Gateway::start(BINARY).await;
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
    let nohup = folder.path().join("nohup");
    std::fs::write(&nohup, format!("#!/bin/sh\ntrap '' HUP\nexec '{BINARY}' \"$@\"\n")).unwrap();
    std::fs::set_permissions(&nohup, std::fs::Permissions::from_mode(0o700)).unwrap();
    let gateway = Gateway::start(nohup).await;
    gateway.hang_up().await;
    gateway.readiness(200).await;
    let stopped = gateway.terminate().await;
    assert_eq!(stopped.talk.matches("stopping: no new work is taken").count(), 1, "{}", stopped.talk);
}
