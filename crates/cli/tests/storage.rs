//! Trouble with the data folder, through the real binary: a refusal to start that says what to do, or calls
//! that are answered 503 until the trouble is over. Nothing that was acknowledged is lost either way.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use http::Method;
use ringback_testkit::{
    Gateway, GatewayBuilder, NotStarted, OpenAi, Receiver, Reply, secret, until, wall_clock_now,
};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");
const BODY: &str = r#"{"object":"event","type":"batch.completed","data":{"id":"batch_1"}}"#;
const DATABASE: &str = "ringback.db";
const KEY: &str = "encryption-key";
/// 32 bytes that are no database's key here.
const OTHER_KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn on(folder: &Path) -> GatewayBuilder {
    Gateway::builder(BINARY).on_folder(folder)
}

/// Starts in vain; gives the refusal, which must hold these words.
async fn refused(builder: GatewayBuilder, code: i32, words: &[&str]) -> NotStarted {
    let refused = builder.try_start().await.expect_err("it is not to start");
    assert_eq!(refused.code, Some(code), "{}", refused.talk);
    for words in words {
        assert!(refused.talk.contains(words), "no {words:?} in:\n{}", refused.talk);
    }
    refused
}

async fn post(openai: &mut OpenAi, webhook_id: &str) -> ringback_testkit::Answer {
    let answer = openai.post(webhook_id, wall_clock_now().to_wire(), BODY).await;
    answer.expect("the gateway answers")
}

/// A folder that was used: a source and an endpoint with their secrets, and an acknowledged call that could
/// not be delivered yet.
async fn used_folder(receiver: &Receiver) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder for temporary files is there");
    let gateway = on(folder.path()).start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;
    assert_eq!(post(&mut openai, "wh_1").await.status, 200);
    receiver.next().await;
    gateway.terminate_with_leftovers().await;
    folder
}

/// One way to spoil a folder, and what is said about it.
struct Damage {
    what: &'static str,
    file: &'static str,
    /// What becomes of the file's bytes; `None`: the file is lost.
    spoil: fn(Vec<u8>) -> Option<Vec<u8>>,
    words: &'static [&'static str],
}

/// Changes the name of the schema's first migration, which then is none of this binary's. Both names are of
/// one length.
fn make_schema_foreign(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (own, foreign) = (b"initial", b"foreign");
    let at: Vec<_> = (0..bytes.len() - own.len()).filter(|at| bytes[*at..].starts_with(own)).collect();
    assert!(!at.is_empty(), "the schema's history names its first migration");
    for at in at {
        bytes[at..at + own.len()].copy_from_slice(foreign);
    }
    Some(bytes)
}

const DAMAGES: [Damage; 6] = [
    Damage {
        what: "no database",
        file: DATABASE,
        spoil: |_| Some("something else altogether. ".repeat(1000).into_bytes()),
        words: &["cannot open the database", DATABASE, "put a backup in its place", "not a database"],
    },
    Damage {
        what: "half a database",
        file: DATABASE,
        spoil: |bytes| Some(bytes[..bytes.len() / 2].to_vec()),
        words: &["put a backup in its place", "malformed"],
    },
    Damage {
        what: "a database of zeros but for its first page",
        file: DATABASE,
        spoil: |mut bytes| {
            bytes[4096..].fill(0);
            Some(bytes)
        },
        words: &["put a backup in its place", "malformed"],
    },
    Damage {
        what: "a schema of another version",
        file: DATABASE,
        spoil: make_schema_foreign,
        words: &["if a newer Ringback has used it, start that version or a later one", "foreign"],
    },
    Damage {
        what: "a lost key",
        file: KEY,
        spoil: |_| None,
        words: &[
            "holds secrets encrypted under key",
            "set RINGBACK_ENCRYPTION_KEY",
            "put the file encryption-key back",
        ],
    },
    Damage {
        what: "a key cut short",
        file: KEY,
        spoil: |bytes| Some(bytes[..31].to_vec()),
        words: &[KEY, "not 32 bytes long", "put back the one that was there"],
    },
];

#[tokio::test]
async fn a_spoilt_folder_is_refused_with_what_to_do_and_whole_again_it_goes_on() {
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let folder = used_folder(&receiver).await;
    for Damage { what, file, spoil, words } in DAMAGES {
        println!("{what}");
        let path = folder.path().join(file);
        let sound = fs::read(&path).unwrap();
        match spoil(sound.clone()) {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        refused(on(folder.path()), 5, words).await;
        // What the refused one may have left beside a database that it could not use.
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(folder.path().join(format!("{DATABASE}{suffix}")));
        }
        fs::write(&path, sound).unwrap();
    }
    refused(on(folder.path()).env("RINGBACK_ENCRYPTION_KEY", OTHER_KEY), 5, &["set RINGBACK_ENCRYPTION_KEY"])
        .await;
    refused(on(folder.path()).env("RINGBACK_ENCRYPTION_KEY", "c2hvcnQ="), 2, &["5 bytes, not 32", "openssl"])
        .await;

    receiver.always(Reply::status(200));
    let gateway = on(folder.path()).start().await;
    until("what was acknowledged to be delivered", || async {
        let events = gateway.events().await;
        assert_eq!(events.len(), 1);
        (events[0]["state"] == "delivered").then_some(())
    })
    .await;
    gateway.terminate().await;
}

#[tokio::test]
async fn what_cannot_be_a_data_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "a file").unwrap();
    // Nobody can make a folder in the last one, whatever rights they have.
    for path in [file.clone(), file.join("below"), "/proc/ringback-data".into()] {
        let shown = path.display().to_string();
        refused(on(&path), 5, &[&shown, "make sure that the data folder is a folder", "--data-dir"]).await;
    }
}

#[tokio::test]
async fn a_file_that_holds_no_admin_key_is_refused_and_left() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("admin-key");
    for content in ["short\n", "", "sixteen and more, with blanks"] {
        fs::write(&file, content).unwrap();
        let builder = on(folder.path()).without_env("RINGBACK_ADMIN_KEY");
        refused(builder, 5, &["admin-key holds is no admin key", "remove the file"]).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert!(!folder.path().join(DATABASE).exists(), "nothing was begun");
    }
    fs::write(&file, "sixteen-and-more\n").unwrap();
    on(folder.path()).without_env("RINGBACK_ADMIN_KEY").start().await.terminate_with_leftovers().await;
}

#[tokio::test]
async fn an_address_in_use_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let builder = Gateway::builder(BINARY).listen(address);
    refused(builder, 5, &[&format!("cannot listen on {address}"), "choose another address with --listen"])
        .await;
}

/// Takes a part of a running gateway's data away and puts it back: meanwhile nothing is taken, afterwards all
/// goes on.
async fn survive_the_absence_of(part: fn(&Path) -> PathBuf) {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;
    assert_eq!(post(&mut openai, "wh_before").await.status, 200);

    let place = part(gateway.data_dir());
    let aside = place.with_extension("aside");
    fs::rename(&place, &aside).expect("what is there can be moved");
    for _ in 0..3 {
        let answer = post(&mut openai, "wh_meanwhile").await;
        assert_eq!(answer.status, 503, "{:?}", answer.body);
        assert!(answer.headers.contains_key("retry-after"));
    }
    gateway.readiness(503).await;
    assert_eq!(gateway.api(Method::GET, "/healthz", None).await.status, 200);
    until("the log to say what to do", || async { gateway.talk().contains("put it back").then_some(()) })
        .await;

    fs::rename(&aside, &place).expect("what was moved can be moved back");
    gateway.readiness(200).await;
    for webhook_id in ["wh_meanwhile", "wh_after"] {
        let answer = post(&mut openai, webhook_id).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (200, &"accepted".into()));
    }
    until("everything to be delivered", || async {
        let events = gateway.events().await;
        assert_eq!(events.len(), 3);
        events.iter().all(|event| event["state"] == "delivered").then_some(())
    })
    .await;
    gateway.terminate().await;
}

#[tokio::test]
async fn while_its_database_is_away_a_gateway_takes_nothing_and_back_again_it_goes_on() {
    survive_the_absence_of(|folder| folder.join(DATABASE)).await;
}

#[tokio::test]
async fn while_its_data_folder_is_away_a_gateway_takes_nothing_and_back_again_it_goes_on() {
    survive_the_absence_of(Path::to_path_buf).await;
}

/// A program that becomes the gateway without the rights that only root has: to whom nothing is read-only.
#[cfg(target_os = "linux")]
fn without_root_s_rights(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let program = folder.join("without-root-s-rights");
    fs::write(&program, format!("#!/bin/sh\nexec unshare --user \"{BINARY}\" \"$@\"\n"))
        .expect("a folder for temporary files can be written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("an own file's mode can be set");
    program
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_data_folder_that_becomes_read_only_loses_nothing_and_is_refused_at_the_next_start() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = tempfile::tempdir().unwrap();
    let has_namespaces = std::process::Command::new("unshare").args(["--user", "true"]).status();
    if !has_namespaces.is_ok_and(|status| status.success()) {
        println!("not seen: this system gives this user no namespace");
        return;
    }
    let folder = scratch.path().join("data");
    let program = without_root_s_rights(scratch.path());
    let builder = Gateway::builder(program).on_folder(&folder).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    let gateway = builder.clone().start().await;
    let receiver = Receiver::start().await;
    let mut openai = gateway.openai(&secret(1)).await;
    gateway.create_endpoint(&receiver.url(), &["*"]).await;
    assert_eq!(post(&mut openai, "wh_before").await.status, 200);

    let set_modes = |of_folder, of_files| {
        for entry in fs::read_dir(&folder).unwrap() {
            fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(of_files)).unwrap();
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(of_folder)).unwrap();
    };
    set_modes(0o500, 0o400);
    // What is open stays so, and what is written there is as durable as before: whatever is answered 200 must
    // be there later.
    let mut acknowledged = 1;
    for n in 0..10 {
        let answer = post(&mut openai, &format!("wh_{n}")).await;
        assert!([200, 503].contains(&answer.status.as_u16()), "{:?}", answer.body);
        acknowledged += usize::from(answer.status == 200);
    }
    gateway.readiness(503).await;
    gateway.kill().await;
    refused(
        builder.clone(),
        5,
        &["make sure that the data folder is a folder, and that this user may read and write it"],
    )
    .await;

    set_modes(0o700, 0o600);
    let gateway = builder.start().await;
    assert_eq!(gateway.events().await.len(), acknowledged);
    gateway.terminate().await;
}
