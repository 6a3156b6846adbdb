//! What a start says that somebody has to know: for whom it waits, and what it does not serve; and a start
//! that is stopped.

use std::process::Stdio;

use ringback_testkit::postgres::Database;
use ringback_testkit::{ENCRYPTION_KEY, Gateway, Receiver, until};
use serde_json::json;
use tokio::process::Command;

use crate::BINARY;
use crate::command::ringback;

/// Of the schema, by its two numbers.
const LOCK: &str = "pg_advisory_lock(x'52420003'::int, 0)";
/// Whoever waits for it has said so before.
const WAITING: &str = "\
    SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) \
    WHERE locktype = 'advisory' AND NOT granted AND query LIKE 'SET lock_timeout = 0;%' AND datname = current_database()";

#[tokio::test]
async fn a_start_that_waits_for_the_schema_says_for_whom() {
    let database = Database::create();
    let holder = database.connection().await;
    holder.batch_execute(&format!("SET application_name = 'a person'; SELECT {LOCK}")).await.unwrap();
    let pid: i32 = holder.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let url = database.url();
    let letting_go = async {
        until("both to have said that they wait", || async {
            let waiting: i64 = holder.query_one(WAITING, &[]).await.unwrap().get(0);
            (waiting == 2).then_some(())
        })
        .await;
        holder.batch_execute(&format!("SELECT {}", LOCK.replace("lock(", "unlock("))).await.unwrap();
    };
    let environment = [("RINGBACK_DATABASE", url.as_str())];
    let (gateway, migrated, ()) = tokio::join!(
        Gateway::builder(BINARY).database(&url).start(),
        ringback(&["db", "migrate"], &environment),
        letting_go,
    );
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    for talk in [gateway.talk(), migrated.stderr] {
        for words in ["waiting for the lock of the database's schema", "is free: going on"] {
            assert!(talk.contains(words), "no {words} in:\n{talk}");
        }
        assert!(talk.contains(&format!("store.holder_pid={pid}")) && talk.contains("a person"), "{talk}");
    }
    gateway.terminate().await;
}

#[tokio::test]
async fn a_start_that_is_stopped_leaves_no_node_behind() {
    let (database, folder) = (Database::create(), tempfile::tempdir().unwrap());
    Gateway::builder(BINARY).database(&database.url()).start().await.terminate().await;
    let holder = database.connection().await;
    holder.batch_execute("BEGIN; LOCK TABLE api_keys").await.unwrap();
    let environment =
        [("RINGBACK_DATABASE", database.url()), ("RINGBACK_ENCRYPTION_KEY", ENCRYPTION_KEY.into())];
    let mut command = Command::new(BINARY);
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    command.env_clear().envs(environment).current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    let mut starting = command.kill_on_drop(true).spawn().unwrap();
    until("it to have registered", || async {
        let nodes = holder.query_one("SELECT count(*) FROM nodes", &[]).await.unwrap();
        (nodes.get::<_, i64>(0) == 1).then_some(())
    })
    .await;
    let pid = starting.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    assert_eq!(starting.wait().await.unwrap().code(), Some(0), "a stop is no error");
    holder.batch_execute("ROLLBACK").await.unwrap();

    let status = ringback(&["db", "status", "--json"], &[("RINGBACK_DATABASE", &database.url())]).await;
    assert_eq!((status.code, &status.json()["nodes"]), (Some(0), &json!([])), "{}", status.stderr);
}

#[tokio::test]
async fn an_embedded_database_in_the_data_folder_is_named_if_it_holds_anything() {
    let (database, folder) = (Database::create(), tempfile::tempdir().unwrap());
    let receiver = Receiver::start().await;
    let warning = "there is an embedded database in the data folder";
    let other = || Gateway::builder(BINARY).on_folder(folder.path()).database(&database.url());
    Gateway::builder(BINARY).on_folder(folder.path()).start().await.terminate().await;
    let unused = other().start().await.terminate().await;
    assert!(!unused.talk.contains(warning), "{}", unused.talk);

    let embedded = Gateway::builder(BINARY).on_folder(folder.path()).start().await;
    embedded.create_endpoint(&receiver.url(), &["*"]).await;
    embedded.terminate().await;
    let gone = other().start().await.terminate().await;
    let file = folder.path().join("ringback.db");
    assert!(gone.talk.contains(warning) && gone.talk.contains(file.to_str().unwrap()), "{}", gone.talk);
}
