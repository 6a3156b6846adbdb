//! `/v1/organization/projects`.

use ringback_domain::{ProjectId, SourceId, Timestamp, TypedId as _};
use ringback_store::{NewProject, Store as _};
use serde_json::{Value, json};

use crate::world::{EVENT, KEY, NOW, SECRET, World, signed};

#[tokio::test]
async fn from_creation_to_the_archive() {
    let world = World::start().await;
    let made = world.post("/v1/organization/projects", &json!({"name": "shop"})).await.ok();
    let id = made["id"].as_str().unwrap();
    let path = format!("/v1/organization/projects/{id}");
    let expected = json!({
        "id": id, "object": "organization.project", "name": "shop", "created_at": NOW, "archived_at": null,
        "status": "active",
    });
    assert_eq!(made, expected);
    assert_eq!(world.get(&path).await.ok(), expected);
    assert_eq!(world.post(&path, &json!({"name": "store"})).await.ok()["name"], "store");
    let names = |list: &Value| {
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&world.get("/v1/organization/projects").await.ok()), ["store", "default"]);

    world.turn(9);
    let archived = world.post(&format!("{path}/archive"), &json!({})).await.ok();
    assert_eq!((&archived["status"], &archived["archived_at"]), (&json!("archived"), &json!(NOW + 9)));
    world.turn(9);
    let again = world.post(&format!("{path}/archive"), &json!({})).await.ok();
    assert_eq!(again["archived_at"], json!(NOW + 9), "for good");
    let renamed = world.post(&path, &json!({"name": "free"})).await;
    assert_eq!(renamed.error(), (400, "project_archived".to_owned()));
    assert_eq!(names(&world.get("/v1/organization/projects").await.ok()), ["default"]);
    let all = world.get("/v1/organization/projects?include_archived=true").await.ok();
    assert_eq!(names(&all), ["store", "default"]);
}

#[tokio::test]
async fn an_archived_project_takes_nothing_in_and_its_keys_open_nothing() {
    let world = World::start().await;
    let (project, key) = world.project("shop").await;
    let body = json!({"name": "prod", "signing_secret": SECRET}).to_string();
    let source = world.api_as(&key, &[], "POST", "/v1/webhook_sources", &body).await.ok();
    let url = source["url"].as_str().unwrap();
    let ingest = url.strip_prefix(&format!("http://{}", world.address)).unwrap();
    let call = async |id: &str| world.call(ingest, &signed(id, NOW, EVENT).borrowed(), EVENT).await;
    assert_eq!(call("wh_1").await.status, 200);

    world.post(&format!("/v1/organization/projects/{project}/archive"), &json!({})).await.ok();
    assert_eq!(call("wh_2").await.error(), (404, "not_found".to_owned()));
    let list = world.api_as(&key, &[], "GET", "/v1/webhook_events", "").await;
    assert_eq!(list.error(), (401, "project_archived".to_owned()));
    let as_admin = [("openai-project", project.as_str())];
    let events = world.api_as(KEY, &as_admin, "GET", "/v1/webhook_events", "").await.ok();
    assert_eq!(events["data"].as_array().unwrap().len(), 1, "the admin may still look");
    let made = world.api_as(KEY, &as_admin, "POST", "/v1/webhook_sources", &body).await;
    assert_eq!(made.error(), (400, "project_archived".to_owned()));
    let keys = format!("/v1/organization/projects/{project}/api_keys");
    assert_eq!(world.post(&keys, &json!({"name": "x"})).await.error(), (400, "project_archived".to_owned()));
}

#[tokio::test]
async fn names_are_unique_and_the_default_project_keeps_its_own() {
    let world = World::start().await;
    world.project("shop").await;
    let taken = world.post("/v1/organization/projects", &json!({"name": "shop"})).await;
    assert_eq!((taken.error(), taken.param()), ((400, "name_taken".to_owned()), Some("name".to_owned())));
    let projects = world.get("/v1/organization/projects").await.ok();
    let default = projects["data"].as_array().unwrap().iter().find(|p| p["name"] == "default").unwrap();
    let path = format!("/v1/organization/projects/{}", default["id"].as_str().unwrap());
    assert_eq!(world.post(&path, &json!({"name": "x"})).await.error(), (400, "invalid_value".to_owned()));
    let archived = world.post(&format!("{path}/archive"), &json!({})).await;
    assert_eq!(archived.error(), (400, "default_project".to_owned()));
    let nowhere = world.get("/v1/organization/projects/proj_01jy00000000000000000000ab").await;
    assert_eq!(nowhere.error(), (404, "not_found".to_owned()));
    let odd = world.get("/v1/organization/projects?include_archived=maybe").await;
    assert_eq!(odd.error(), (400, "invalid_value".to_owned()));
}

#[tokio::test]
async fn an_id_never_means_a_project_of_that_name() {
    let world = World::start().await;
    let (shop, _) = world.project("shop").await;
    for (path, name) in [
        ("/v1/organization/projects".to_owned(), &*shop),
        ("/v1/organization/projects".to_owned(), "proj_x"),
        (format!("/v1/organization/projects/{shop}"), "proj_"),
    ] {
        let refused = world.post(&path, &json!({ "name": name })).await;
        assert_eq!(refused.error(), (400, "invalid_value".to_owned()), "{name}");
        assert_eq!(refused.param().as_deref(), Some("name"));
    }
    // One that is older than that rule, and that would be found first.
    let nobody = "proj_01jy00000000000000000000ab";
    let impostor = |id: u8, name: &str| NewProject {
        id: ProjectId::from_bytes([id; 16]),
        name: name.to_owned(),
        publish_source_id: SourceId::from_bytes([id; 16]),
        now: Timestamp::from_unix_secs(NOW),
    };
    for (id, name) in [(1, &*shop), (2, nobody)] {
        world.store.create_project(impostor(id, name)).await.unwrap();
    }
    let named = async |project: &str| {
        let body = json!({ "name": "here" }).to_string();
        world.api_as(KEY, &[("openai-project", project)], "POST", "/v1/webhook_sources", &body).await
    };
    let source = named(&shop).await.ok();
    let sources =
        world.api_as(KEY, &[("openai-project", "shop")], "GET", "/v1/webhook_sources", "").await.ok();
    assert_eq!(sources["data"][0]["id"], source["id"]);
    assert_eq!(named(nobody).await.error(), (401, "mismatched_project".to_owned()));
}
