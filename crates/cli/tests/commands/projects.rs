//! Projects and their keys.

use ringback_testkit::Gateway;
use serde_json::json;

use crate::{BINARY, json_of, run, run_as, text};

#[tokio::test]
async fn projects_are_made_with_keys_of_their_own() {
    let gateway = Gateway::start(BINARY).await;
    let project = json_of(&gateway, &["projects", "create", "--name", "shop"]).await;
    let id = text(&project, "id");
    let key = run(&gateway, &["keys", "create", "--project", "shop", "--name", "worker"]).await;
    assert!(key.stderr.contains("keep the key now"), "{}", key.stderr);
    let key = json_of(&gateway, &["keys", "create", "--project", id, "--name", "worker"]).await;
    let value = text(&key, "value");

    let as_worker = async |args: &[&str]| run_as(&gateway, value, args, "").await;
    let published = as_worker(&["publish", "a.b", "--json"]).await.json();
    let events = as_worker(&["events", "list", "--json"]).await.json();
    assert_eq!(events["data"][0]["id"], published["id"]);
    assert_eq!(json_of(&gateway, &["events", "list"]).await["data"], json!([]), "another project's");
    let named = json_of(&gateway, &["events", "list", "--project", "shop"]).await;
    assert_eq!(named["data"][0]["id"], published["id"]);

    let forbidden = as_worker(&["projects", "list"]).await;
    assert_eq!(forbidden.code, Some(4));
    assert!(forbidden.stderr.contains("use the admin key"), "{}", forbidden.stderr);

    let keys = run(&gateway, &["keys", "list", "--project", "shop"]).await;
    assert!(keys.stdout.contains("worker") && keys.stdout.contains("sk-ringback-…"), "{}", keys.stdout);
    assert!(!keys.stdout.contains(value));
    assert_eq!(run(&gateway, &["keys", "delete", "--project", "shop", text(&key, "id")]).await.code, Some(0));
    assert_eq!(as_worker(&["events", "list"]).await.code, Some(4), "the key opens nothing any more");

    let renamed = json_of(&gateway, &["projects", "update", id, "--name", "store"]).await;
    assert_eq!(renamed["name"], "store");
    assert_eq!(json_of(&gateway, &["projects", "archive", id]).await["status"], "archived");
    assert_eq!(json_of(&gateway, &["projects", "get", id]).await["status"], "archived");
    let listed = json_of(&gateway, &["projects", "list"]).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let nobody = run(&gateway, &["keys", "list", "--project", "store"]).await;
    assert!(nobody.stderr.contains("there is no active project `store`"), "{}", nobody.stderr);
    gateway.terminate().await;
}
