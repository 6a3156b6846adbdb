//! The keys of projects.

use serde_json::{Value, json};

use crate::world::{NOW, World};

#[tokio::test]
async fn a_key_is_shown_once_opens_its_project_alone_and_ends_when_it_is_deleted() {
    let world = World::start().await;
    let project = world.post("/v1/organization/projects", &json!({"name": "shop"})).await.ok();
    let keys = format!("/v1/organization/projects/{}/api_keys", project["id"].as_str().unwrap());
    let made = world.post(&keys, &json!({"name": "worker"})).await.ok();
    let (id, key) = (made["id"].as_str().unwrap(), made["value"].as_str().unwrap());
    assert!(id.starts_with("key_") && key.starts_with("sk-ringback-") && key.len() == 55, "{made}");
    let hint = made["redacted_value"].as_str().unwrap();
    assert_eq!(hint, format!("sk-ringback-…{}", &key[key.len() - 4..]));

    let shown = world.get(&format!("{keys}/{id}")).await.ok();
    let expected = json!({
        "id": id, "object": "organization.project.api_key", "name": "worker", "created_at": NOW, "last_used_at": null,
        "redacted_value": hint, "expires_at": null, "owner_project_access": "active",
        "owner": {"type": "service_account",
                  "service_account": {"id": id, "name": "worker", "role": "member", "created_at": NOW}},
    });
    assert_eq!(shown, expected, "the key is not shown again");
    assert_eq!(world.get(&keys).await.ok()["data"], json!([expected]));

    world.turn(30);
    let as_app = async |path: &str| world.api_as(key, &[], "GET", path, "").await;
    assert_eq!(as_app("/v1/webhook_endpoints").await.status, 200);
    world.wait_for(&format!("{keys}/{id}"), |key| !key["last_used_at"].is_null()).await;
    world.turn(30);
    assert_eq!(as_app("/v1/webhook_endpoints").await.status, 200);
    let used = world.get(&format!("{keys}/{id}")).await.ok();
    assert_eq!(used["last_used_at"], json!(NOW + 30), "to a minute, and beside the requests");

    assert_eq!(as_app("/v1/organization/projects").await.error(), (403, "admin_key_required".to_owned()));
    assert_eq!(as_app(&keys).await.error(), (403, "admin_key_required".to_owned()));

    let deleted = world.api("DELETE", &format!("{keys}/{id}"), "").await.ok();
    assert_eq!(deleted, json!({"id": id, "object": "organization.project.api_key.deleted", "deleted": true}));
    assert_eq!(as_app("/v1/webhook_endpoints").await.error(), (401, "invalid_api_key".to_owned()));
    assert_eq!(world.get(&format!("{keys}/{id}")).await.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_project_header_must_name_the_keys_own_project() {
    let world = World::start().await;
    let ((first, key), (second, _)) = (world.project("first").await, world.project("second").await);
    for (named, expected) in [
        (first.as_str(), None),
        ("first", None),
        ("", None),
        (second.as_str(), Some(401)),
        ("default", Some(401)),
    ] {
        let headers = [("openai-project", named)];
        let answer = world.api_as(&key, &headers, "GET", "/v1/webhook_endpoints", "").await;
        match expected {
            None => assert_eq!(answer.status, 200, "{named}"),
            Some(_) => assert_eq!(answer.error(), (401, "mismatched_project".to_owned()), "{named}"),
        }
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::start().await;
    let (project, _) = world.project("shop").await;
    let keys = format!("/v1/organization/projects/{project}/api_keys");
    for (body, code) in [
        (json!({}), "missing_required_parameter"),
        (json!({"name": ""}), "string_below_min_length"),
        (json!({"name": "x".repeat(257)}), "string_above_max_length"),
        (json!({"name": "x", "expires_at": 5}), "unknown_parameter"),
    ] {
        assert_eq!(world.post(&keys, &body).await.error(), (400, code.to_owned()), "{body}");
    }
    let nowhere = "/v1/organization/projects/proj_01jy00000000000000000000ab/api_keys";
    assert_eq!(world.get(nowhere).await.error(), (404, "not_found".to_owned()));
    assert_eq!(world.post(nowhere, &json!({"name": "x"})).await.error(), (404, "not_found".to_owned()));
    let inactive = world.get(&format!("{keys}?owner_project_access=inactive")).await.ok();
    assert_eq!((&inactive["data"], &inactive["has_more"]), (&json!([]), &Value::Bool(false)));
}
