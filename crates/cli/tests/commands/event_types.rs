//! Event types: registered, listed, and how fast they age.

use ringback_testkit::Gateway;
use serde_json::{Value, json};

use crate::{BINARY, json_of, run};

#[tokio::test]
async fn types_are_registered_and_age_as_they_are_told() {
    let gateway = Gateway::start(BINARY).await;
    let register = async |name: &str, flags: &[&str]| {
        json_of(&gateway, &[&["event-types", "register", name], flags].concat()).await["max_age_secs"].clone()
    };
    assert_eq!(register("order.paid", &[]).await, Value::Null);
    assert_eq!(register("order.paid", &["--max-age", "30"]).await, json!(30));
    assert_eq!(register("order.paid", &[]).await, json!(30), "it stays as it is");
    assert_eq!(register("order.paid", &["--max-age", "default"]).await, Value::Null);
    assert_eq!(register("realtime.call.incoming", &[]).await, json!(60), "the catalogue's");
    assert_eq!(register("realtime.call.incoming", &["--max-age", "none"]).await, Value::Null);
    assert_eq!(register("realtime.call.incoming", &["--max-age", "default"]).await, json!(60));

    let shown = run(&gateway, &["event-type", "register", "order.paid", "--max-age", "30"]).await;
    assert_eq!(
        shown.stdout, "name        order.paid\nmax age     30 s\nregistered  yes\n",
        "{}",
        shown.stderr
    );
    let in_minutes = register("order.quoted", &["--max-age", "2m"]).await;
    assert_eq!(in_minutes, json!(120));
    let got = run(&gateway, &["event-types", "get", "order.quoted"]).await;
    assert_eq!(
        got.stdout, "name        order.quoted\nmax age     2 min\nregistered  yes\n",
        "{}",
        got.stderr
    );
    let ringing = json_of(&gateway, &["event-types", "get", "realtime.call.incoming"]).await;
    assert_eq!(ringing["max_age_secs"], 60);
    register("order.quoted", &["--max-age", "none"]).await;
    let ageless = run(&gateway, &["event-types", "get", "order.quoted"]).await.stdout;
    assert!(ageless.contains("max age     none\n"), "{ageless}");
    let listed = run(&gateway, &["event-types", "list"]).await.stdout;
    let names: Vec<&str> = listed.lines().collect();
    assert_eq!((names.len(), names.contains(&"batch.failed")), (29, true), "{listed}");
    assert_eq!(names[27..], ["order.paid", "order.quoted"]);
    gateway.terminate().await;
}
