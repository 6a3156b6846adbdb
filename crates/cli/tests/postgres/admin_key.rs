//! The one admin key of all nodes: who makes it, who knows it, who changes it.

use std::path::Path;

use ringback_testkit::postgres::Database;
use ringback_testkit::{ADMIN_KEY, Gateway, GatewayBuilder};
use tempfile::TempDir;

use crate::BINARY;
use crate::command::{Done, ringback};

/// A node that is given no admin key, with this data folder.
fn node(database: &Database, folder: &Path) -> GatewayBuilder {
    Gateway::builder(BINARY).database(&database.url()).on_folder(folder).without_env("RINGBACK_ADMIN_KEY")
}

/// What a command says on the machine of this data folder.
async fn status_from(gateway: &Gateway, folder: &Path) -> Done {
    let args = ["status", "--server", gateway.url(), "--data-dir", folder.to_str().unwrap()];
    ringback(&args, &[]).await
}

#[tokio::test]
async fn of_two_first_starts_one_makes_the_key_of_both() {
    for _ in 0..5 {
        let database = Database::create();
        let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        let (one, other) = tokio::join!(
            node(&database, folders[0].path()).start(),
            node(&database, folders[1].path()).start()
        );
        let files = folders.each_ref().map(|folder| folder.path().join("admin-key").is_file());
        assert!(files[0] != files[1], "one of them has the key, not {files:?}");
        let knowing = folders[usize::from(files[1])].path();
        for gateway in [&one, &other] {
            let done = status_from(gateway, knowing).await;
            assert_eq!(done.code, Some(0), "{}", done.stderr);
        }
        for gateway in [one, other] {
            gateway.terminate_with_leftovers().await;
        }
    }
}

#[tokio::test]
async fn two_nodes_with_one_folder_both_know_the_key() {
    let (database, folder) = (Database::create(), TempDir::new().unwrap());
    let (one, other) =
        tokio::join!(node(&database, folder.path()).start(), node(&database, folder.path()).start());
    for gateway in [&one, &other] {
        assert_eq!(status_from(gateway, folder.path()).await.code, Some(0));
    }
    // Nothing else is kept there, and nothing was left over in making it.
    let names: Vec<_> = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["admin-key"]);
    one.terminate_with_leftovers().await;
    let again = other.terminate_with_leftovers().await.start().await;
    assert_eq!(status_from(&again, folder.path()).await.code, Some(0));
    again.terminate_with_leftovers().await;
}

#[tokio::test]
async fn a_node_that_does_not_know_the_key_leaves_it_in_force() {
    let (database, folder) = (Database::create(), TempDir::new().unwrap());
    let given = Gateway::builder(BINARY).database(&database.url()).start().await;
    let node = node(&database, folder.path()).start().await;
    assert!(!folder.path().join("admin-key").exists());
    given.get("/v1/webhook_stats").await;
    node.get("/v1/webhook_stats").await;
    given.terminate().await;
    node.terminate().await;
}

#[tokio::test]
async fn a_key_that_is_given_anew_is_in_force_on_every_node() {
    let database = Database::create();
    let builder = Gateway::builder(BINARY).database(&database.url());
    let other_key = "sk-another-admin-key";
    let one = builder.clone().start().await;
    let two = builder.env("RINGBACK_ADMIN_KEY", other_key).start().await;
    ringback_testkit::until("the warning", || async {
        two.talk().contains("the former admin key is void").then_some(())
    })
    .await;
    for gateway in [&one, &two] {
        let status =
            async |key| ringback(&["status", "--server", gateway.url()], &[("RINGBACK_API_KEY", key)]).await;
        ringback_testkit::until("the former key to be void", || async {
            (status(ADMIN_KEY).await.code == Some(4)).then_some(())
        })
        .await;
        assert_eq!(status(other_key).await.code, Some(0));
    }
    one.terminate_with_leftovers().await;
    two.terminate_with_leftovers().await;
}
