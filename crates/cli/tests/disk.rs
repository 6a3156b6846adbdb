//! A disk that is full for real, under the real binary.
//!
//! The data folder is a small file system of its own, in a mount namespace that is made for the process
//! alone; it is filled and freed from outside, by way of `/proc/PID/root`. Where the system gives nobody such
//! a namespace there is nothing to be seen, and the test says so.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use http::Method;
use ringback_testkit::{Answer, Gate, Gateway, OpenAi, Receiver, Reply, secret, until, wall_clock_now};

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");
const DISK_BYTES: usize = 8 * 1024 * 1024;
/// How many calls come while it is full.
const CALLS: usize = 20;

/// A program that becomes the gateway, with a small disk as its data folder. It keeps its process id while it
/// changes.
fn on_a_small_disk(folder: &Path, data: &Path) -> PathBuf {
    let (program, data) = (folder.join("on-a-small-disk"), data.display());
    let script = format!(
        "#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c \
         'mount -t tmpfs -o size={DISK_BYTES} none \"{data}\" && exec \"{BINARY}\" \"$@\"' ringback \"$@\"\n"
    );
    fs::write(&program, script).expect("a folder for temporary files can be written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("an own file's mode can be set");
    program
}

fn namespaces_are_to_be_had(folder: &Path) -> bool {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none"]).arg(folder);
    command.status().is_ok_and(|status| status.success())
}

/// Writes until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("an empty file finds its place");
    for size in [64 * 1024, 4096, 1] {
        loop {
            match file.write_all(&vec![0; size]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("cannot fill the disk: {error}"),
            }
        }
    }
}

fn body(webhook_id: &str) -> String {
    let padding = "x".repeat(8 * 1024);
    format!(r#"{{"object":"event","type":"batch.completed","data":{{"id":"{webhook_id}"}},"p":"{padding}"}}"#)
}

async fn post(openai: &mut OpenAi, webhook_id: &str) -> Answer {
    let answer = openai.post(webhook_id, wall_clock_now().to_wire(), body(webhook_id)).await;
    answer.expect("the gateway answers")
}

/// Posts while the disk is full; gives how many calls were refused. A page or two may be free in files that
/// are there, so the first ones need not be.
async fn post_to_full_disk(openai: &mut OpenAi, round: usize) -> usize {
    let mut refused = 0;
    for n in 0..CALLS {
        let answer = post(openai, &format!("wh_{round}_{n}")).await;
        if answer.status == 200 {
            continue;
        }
        assert_eq!(answer.status, 503, "{:?}", answer.body);
        assert_eq!(answer.json()["error"]["code"], "store_unavailable");
        assert!(answer.headers.contains_key("retry-after"));
        refused += 1;
    }
    refused
}

#[tokio::test]
async fn a_full_disk_is_answered_503_until_there_is_room_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    if !namespaces_are_to_be_had(&data) {
        println!("not seen: this system gives this user no mount namespace");
        return;
    }
    let program = on_a_small_disk(folder.path(), &data);
    let gateway =
        Gateway::builder(program).on_folder(&data).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").start().await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;

    let seen_from_outside = format!("/proc/{}/root{}", gateway.pid(), data.display());
    assert!(
        Path::new(&seen_from_outside).join("ringback.db").exists(),
        "the disk can be reached from outside"
    );
    let ballast = Path::new(&seen_from_outside).join("ballast");
    let mut acknowledged = 0;
    for round in 0..3 {
        let gate = Gate::shut();
        receiver.enqueue([Reply::status(200).behind(&gate)]);
        assert_eq!(post(&mut openai, &format!("wh_{round}_before")).await.status, 200);
        receiver.running(1).await;

        fill(&ballast);
        // Whether the end of this attempt still finds its place or has to wait for one, it is made once.
        gate.open();
        let refused = post_to_full_disk(&mut openai, round).await;
        assert!(refused >= CALLS - 5, "{refused} of {CALLS} were refused");
        gateway.readiness(503).await;
        assert_eq!(gateway.api(Method::GET, "/healthz", None).await.status, 200);

        fs::remove_file(&ballast).unwrap();
        gateway.readiness(200).await;
        assert_eq!(post(&mut openai, &format!("wh_{round}_after")).await.status, 200);
        acknowledged += 2 + CALLS - refused;
    }

    println!("{acknowledged} acknowledged");
    until("everything acknowledged to be delivered", || async {
        let events = gateway.events().await;
        assert_eq!(events.len(), acknowledged);
        events.iter().all(|event| event["state"] == "delivered").then_some(())
    })
    .await;
    assert_eq!(receiver.call_count(), acknowledged, "nothing was sent twice");
    gateway.terminate().await;
}
