//! Readers of what a command prints that have gone, and disks that are full.

use std::process::Stdio;

use ringback_testkit::{ADMIN_KEY, Gateway, until};
use tokio::process::Command;

use crate::{BINARY, json_of, run, text};

/// A pipe that nobody reads any more.
fn nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Runs a command with these as its streams; the exit code, and what it said where it still could.
async fn with_streams(
    gateway: &Gateway,
    args: &[&str],
    stdout: Stdio,
    stderr: Stdio,
) -> (Option<i32>, String) {
    let mut command = Command::new(BINARY);
    command.args(args).env_clear().env("RINGBACK_URL", gateway.url()).env("RINGBACK_API_KEY", ADMIN_KEY);
    let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
    let output = child.wait_with_output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_error() {
    let gateway = Gateway::start(BINARY).await;
    let event = json_of(&gateway, &["publish", "order.paid"]).await;
    let id = text(&event, "id");
    for args in [
        &["events", "list"][..],
        &["events", "list", "--json"],
        &["events", "get", id],
        &["events", "get", id, "--payload"],
        &["event-types", "list"],
        &["status"],
        &["publish", "order.paid"],
        &["replays", "create", "--dry-run"],
        &["completions", "bash"],
    ] {
        let done = with_streams(&gateway, args, nobody(), Stdio::piped()).await;
        assert_eq!(done, (Some(0), String::new()), "{args:?}");
    }
    // The exit code is what it is, whoever listens.
    for (args, code) in [(&["events", "get", "whev_x"][..], 4), (&["publish", "--file", "/nowhere"], 2)] {
        assert_eq!(with_streams(&gateway, args, nobody(), nobody()).await.0, Some(code), "{args:?}");
    }
    gateway.terminate().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_nobody_listens_to_serves() {
    for flag in [&["--json"][..], &[]] {
        let folder = tempfile::tempdir().unwrap();
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(BINARY);
        command.args(["serve", "--listen", &address.to_string(), "--data-dir"]).arg(folder.path()).args(flag);
        let mut server =
            command.env_clear().stdout(nobody()).stderr(nobody()).kill_on_drop(true).spawn().unwrap();
        let url = &format!("http://{address}");
        let status = || async {
            let mut command = Command::new(BINARY);
            command.args(["status", "--server", url, "--data-dir"]).arg(folder.path()).env_clear();
            command.output().await.unwrap().status.success().then_some(())
        };
        until("the server to be ready", status).await;
        let stop = Command::new("kill").arg(server.id().unwrap().to_string()).status().await.unwrap();
        assert!(stop.success());
        assert_eq!(server.wait().await.unwrap().code(), Some(0), "{flag:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_answer_that_cannot_be_written_is_an_error() {
    let gateway = Gateway::start(BINARY).await;
    let event = json_of(&gateway, &["publish", "order.paid"]).await;
    for args in [&["events", "list"][..], &["events", "get", text(&event, "id"), "--payload"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let (code, said) = with_streams(&gateway, args, full.into(), Stdio::piped()).await;
        assert_eq!(code, Some(1), "{args:?}");
        assert!(said.starts_with("error: cannot write the answer\n  because: "), "{said}");
    }
    assert_eq!(run(&gateway, &["events", "list"]).await.code, Some(0));

    let create = ["endpoints", "create", "--name", "app", "--to", "http://127.0.0.1:9/"];
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (code, said) = with_streams(&gateway, &create, full.into(), Stdio::piped()).await;
    assert_eq!(code, Some(1), "{said}");
    let endpoints = json_of(&gateway, &["endpoints", "list"]).await;
    let id = text(&endpoints["data"][0], "id");
    assert!(said.contains(&format!("the endpoint {id} is there, but its new secret is lost")), "{said}");
    let rotated = run(&gateway, &["endpoints", "rotate", id]).await;
    assert!(said.contains(&format!("`ringback endpoints rotate {id}`")) && rotated.stdout.contains("whsec_"));
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let key = ["keys", "create", "--name", "worker"];
    let (code, said) = with_streams(&gateway, &key, full.into(), Stdio::piped()).await;
    assert_eq!(code, Some(1), "{said}");
    let keys = json_of(&gateway, &["keys", "list"]).await;
    assert!(said.contains(&format!("`ringback keys delete {}`", text(&keys["data"][0], "id"))), "{said}");
    gateway.terminate().await;
}
