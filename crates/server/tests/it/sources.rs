//! `/v1/webhook_sources`.

use serde_json::{Value, json};

use crate::world::{EVENT, NOW, SECRET, World, signed};

#[tokio::test]
async fn from_creation_to_deletion() {
    let world = World::start().await;
    let created =
        world.post("/v1/webhook_sources", &json!({"name": "prod", "signing_secret": SECRET})).await.ok();
    let id = created["id"].as_str().unwrap();
    let path = format!("/v1/webhook_sources/{id}");
    assert!(id.starts_with("whsrc_"));
    assert_eq!(created["object"], "webhook_source");
    assert_eq!((&created["kind"], &created["status"]), (&json!("openai"), &json!("active")));
    assert_eq!((&created["created_at"], &created["updated_at"]), (&json!(NOW), &json!(NOW)));
    assert!(created["url"].as_str().unwrap().starts_with(&format!("http://{}/in/", world.address)));
    assert_eq!(created["signing_secret_hint"], "whsec_…Hh8=");
    assert_eq!(created["signing_secrets"][0]["object"], "webhook_source.signing_secret");
    assert_eq!(created["signing_secrets"][0]["hint"], "whsec_…Hh8=");
    assert!(!created.to_string().contains(SECRET));
    assert_eq!(world.get(&path).await.ok(), created);

    world.turn(60);
    let updated = world.post(&path, &json!({"name": "staging", "status": "archived"})).await.ok();
    assert_eq!((&updated["name"], &updated["status"]), (&json!("staging"), &json!("archived")));
    assert_eq!((&updated["created_at"], &updated["updated_at"]), (&json!(NOW), &json!(NOW + 60)));
    assert_eq!(world.get(&path).await.ok(), updated);
    let wrong = world.post(&path, &json!({"status": "paused"})).await;
    assert_eq!((wrong.error().1.as_str(), wrong.param().as_deref()), ("invalid_value", Some("status")));

    let deleted = world.api("DELETE", &path, "").await.ok();
    assert_eq!(deleted, json!({"id": id, "object": "webhook_source.deleted", "deleted": true}));
    for method in ["GET", "POST", "DELETE"] {
        assert_eq!(world.api(method, &path, "").await.error(), (404, "not_found".to_owned()));
    }
}

#[tokio::test]
async fn secrets_are_added_and_removed_and_at_most_five() {
    let world = World::start().await;
    let created = world.post("/v1/webhook_sources", &json!({"name": "prod"})).await.ok();
    assert_eq!((&created["signing_secret_hint"], &created["signing_secrets"]), (&Value::Null, &json!([])));
    let secrets = format!("/v1/webhook_sources/{}/signing_secrets", created["id"].as_str().unwrap());

    let mut source = created;
    for n in 0..5 {
        let secret = format!("a-secret-of-some-length-{n}");
        source = world.post(&secrets, &json!({"signing_secret": secret})).await.ok();
    }
    assert_eq!(source["signing_secrets"].as_array().unwrap().len(), 5);
    assert_eq!(source["signing_secret_hint"], "…th-4");
    let sixth = world.post(&secrets, &json!({"signing_secret": SECRET})).await;
    assert_eq!(sixth.error(), (409, "limit_reached".to_owned()));
    assert_eq!(sixth.header("x-should-retry"), Some("false"));

    let newest = source["signing_secrets"][4]["id"].as_str().unwrap();
    let rest = world.api("DELETE", &format!("{secrets}/{newest}"), "").await.ok();
    assert_eq!(rest["signing_secrets"].as_array().unwrap().len(), 4);
    assert_eq!(rest["signing_secret_hint"], "…th-3");
    assert_eq!(world.api("DELETE", &format!("{secrets}/{newest}"), "").await.error().0, 404);
    assert_eq!(world.api("DELETE", &format!("{secrets}/whe_1"), "").await.error().0, 404);
}

#[tokio::test]
async fn a_secret_pasted_wrong_is_refused_and_not_repeated() {
    let world = World::start().await;
    for (kind, secret) in [
        ("openai", format!("\"{SECRET}\"")),
        ("openai", format!("{SECRET} ")),
        ("openai", "v1,AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()),
        ("openai", "whsec_AAECAwQF*".to_owned()),
        ("standard_webhooks", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()),
    ] {
        let body = json!({"name": "x", "kind": kind, "signing_secret": secret});
        let answer = world.post("/v1/webhook_sources", &body).await;
        assert_eq!(answer.error(), (400, "invalid_signing_secret".to_owned()), "{secret}");
        assert_eq!(answer.param().as_deref(), Some("signing_secret"));
        assert!(!answer.message().contains("AwQF"), "{}", answer.message());
    }
    let sources = world.get("/v1/webhook_sources").await.ok();
    assert_eq!(sources["data"].as_array().unwrap().len(), 1, "that of what is published");
}

#[tokio::test]
async fn lists_are_cut_into_pages_newest_first() {
    let world = World::start().await;
    for name in ["a", "b", "c"] {
        world.post("/v1/webhook_sources", &json!({"name": name})).await.ok();
    }
    let names = |list: &Value| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.get("/v1/webhook_sources?limit=2").await.ok();
    assert_eq!((names(&first), &first["has_more"]), (vec!["c".to_owned(), "b".to_owned()], &json!(true)));
    assert_eq!((&first["object"], &first["first_id"]), (&json!("list"), &first["data"][0]["id"]));
    let last_id = first["last_id"].as_str().unwrap();
    assert_eq!(first["data"][1]["id"], last_id);
    let second = world.get(&format!("/v1/webhook_sources?limit=2&after={last_id}")).await.ok();
    let last = vec!["a".to_owned(), "publish API".to_owned()];
    assert_eq!((names(&second), &second["has_more"]), (last, &json!(false)));
    let oldest_first = world.get("/v1/webhook_sources?order=asc").await.ok();
    assert_eq!(names(&oldest_first), ["publish API", "a", "b", "c"]);
    let end = second["last_id"].as_str().unwrap();
    let beyond = world.get(&format!("/v1/webhook_sources?order=desc&after={end}")).await.ok();
    assert_eq!(
        (&beyond["data"], &beyond["first_id"], &beyond["last_id"]),
        (&json!([]), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_wrong_query_is_named() {
    let world = World::start().await;
    for (query, code, param) in [
        ("limit=0", "invalid_value", "limit"),
        ("limit=101", "invalid_value", "limit"),
        ("order=newest", "invalid_value", "order"),
        ("after=whe_01jy00000000000000000000ab", "invalid_value", "after"),
        ("limt=5", "unknown_parameter", "limt"),
    ] {
        let answer = world.get(&format!("/v1/webhook_sources?{query}")).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{query}");
        assert_eq!(answer.param().as_deref(), Some(param));
    }
    assert!(world.get("/v1/webhook_sources?limt=5").await.message().contains("did you mean `limit`?"));
}

#[tokio::test]
async fn the_test_of_a_source_is_a_real_call() {
    let world = World::start().await;
    let source = world.source().await;
    let path = format!("/v1/webhook_sources/{}/test", source.id);
    for name in ["batch.completed", "eval.run.cancelled", "live.call.incoming"] {
        let tested = world.post(&path, &json!({"event_type": name})).await.ok();
        assert_eq!(tested["object"], "webhook_source.test");
        assert_eq!(tested["webhook_source_id"], source.id.as_str());
        assert_eq!(tested["status_code"], 200);
        assert!(tested["webhook_id"].as_str().unwrap().starts_with("wh_"));
        let event =
            world.get(&format!("/v1/webhook_events/{}", tested["event_id"].as_str().unwrap())).await.ok();
        assert_eq!((&event["type"], &event["webhook_id"]), (&tested["event_type"], &tested["webhook_id"]));
        assert_eq!(event["source_id"], source.id.as_str());
        assert!(event["upstream_event_id"].as_str().unwrap().starts_with("evt_"));
    }
}

#[tokio::test]
async fn a_source_that_cannot_be_tested_says_why() {
    let world = World::start().await;
    let source = world.source().await;
    let path = format!("/v1/webhook_sources/{}/test", source.id);
    let unknown = world.post(&path, &json!({"event_type": "batch.compelted"})).await;
    assert_eq!(
        (unknown.error().1.as_str(), unknown.param().as_deref()),
        ("invalid_value", Some("event_type"))
    );
    assert!(unknown.message().contains("did you mean `batch.completed`?"), "{}", unknown.message());
    assert_eq!(world.post(&path, &json!({})).await.error().1, "missing_required_parameter");

    world.post(&format!("/v1/webhook_sources/{}", source.id), &json!({"status": "archived"})).await.ok();
    let archived = world.post(&path, &json!({"event_type": "batch.completed"})).await;
    assert_eq!(archived.error(), (400, "source_archived".to_owned()));

    let bare = world.post("/v1/webhook_sources", &json!({"name": "bare"})).await.ok();
    let path = format!("/v1/webhook_sources/{}/test", bare["id"].as_str().unwrap());
    let without = world.post(&path, &json!({"event_type": "batch.completed"})).await;
    assert_eq!(without.error(), (400, "source_unconfigured".to_owned()));
    assert!(without.message().contains("signing_secrets"));
}

#[tokio::test]
async fn a_removed_secret_verifies_nothing_more() {
    let world = World::start().await;
    let source = world.source().await;
    assert_eq!(world.signed_call(&source, "wh_1", EVENT).await.status, 200);
    let path = format!("/v1/webhook_sources/{}", source.id);
    let secrets = format!("{path}/signing_secrets");
    world.post(&secrets, &json!({"signing_secret": "another-long-secret-here"})).await.ok();
    let both = world.get(&path).await.ok();
    let first = both["signing_secrets"][0]["id"].as_str().unwrap();
    world.api("DELETE", &format!("{secrets}/{first}"), "").await.ok();
    let headers = signed("wh_2", NOW, EVENT);
    let answer = world.call(&source.path, &headers.borrowed(), EVENT).await;
    assert_eq!(answer.error(), (401, "signature_mismatch".to_owned()));
}

#[tokio::test]
async fn the_source_of_what_is_published_comes_with_the_project_and_stays_as_it_is() {
    let world = World::start().await;
    let sources = world.get("/v1/webhook_sources").await.ok();
    let publish = &sources["data"][0];
    assert_eq!((&publish["kind"], &publish["url"]), (&json!("publish"), &Value::Null));
    let path = format!("/v1/webhook_sources/{}", publish["id"].as_str().unwrap());
    for (method, path, body) in [
        ("POST", path.clone(), r#"{"name":"x"}"#),
        ("DELETE", path.clone(), ""),
        ("POST", format!("{path}/signing_secrets"), r#"{"signing_secret":"a-long-enough-secret"}"#),
        ("POST", format!("{path}/test"), r#"{"event_type":"batch.completed"}"#),
    ] {
        let answer = world.api(method, &path, body).await;
        assert_eq!(answer.error(), (400, "source_built_in".to_owned()), "{method} {path}");
    }
    assert_eq!(world.get(&path).await.ok(), *publish);
    let another = world.post("/v1/webhook_sources", &json!({"name": "x", "kind": "publish"})).await;
    assert_eq!(
        (another.error(), another.param().as_deref()),
        ((400, "invalid_value".to_owned()), Some("kind"))
    );
}
