//! Publishing, singly and by the file.

use std::io::Write as _;

use ringback_testkit::{ADMIN_KEY, Gateway, Receiver};
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};

use crate::{BINARY, json_of, run, run_as, text};

#[tokio::test]
async fn events_are_published_singly_and_by_the_file() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let made = json_of(&gateway, &["endpoints", "create", "--name", "a", "--to", &receiver.url()]).await;
    let data = r#"{"z": 1.0, "id": "ord_1"}"#;
    let publish = ["publish", "order.paid", "--data", data, "--webhook-id", "order-1", "--created-at", "7"];
    let first = run(&gateway, &publish).await;
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    assert!(first.stdout.starts_with("order.paid is event whev_"), "{}", first.stdout);
    let call = receiver.next().await;
    let secret = SigningSecret::parse(text(&made, "signing_secret")).unwrap();
    call.assert_verifies(&secret, ringback_testkit::wall_clock_now());
    assert_eq!(call.webhook_id(), "order-1");
    let sent = String::from_utf8(call.body.to_vec()).unwrap();
    assert!(sent.ends_with(&format!(r#""type":"order.paid","created_at":7,"data":{data}}}"#)), "{sent}");
    let dated = json_of(&gateway, &["publish", "order.paid", "--created-at", "2025-06-18"]).await;
    let call = receiver.next().await;
    assert_eq!(call.webhook_id(), text(&dated, "webhook_id"));
    let sent: Value = serde_json::from_slice(&call.body).unwrap();
    assert_eq!(sent["created_at"], 1_750_204_800);
    let again = run(&gateway, &publish).await;
    assert!(again.stdout.trim_end().ends_with("(published before)"), "{}", again.stdout);

    let keyed = ["publish", "order.paid", "--data", "-", "--idempotency-key", "k", "--json"];
    let once = run_as(&gateway, ADMIN_KEY, &keyed, "{\"n\": 1}\n").await.json();
    assert_eq!(run_as(&gateway, ADMIN_KEY, &keyed, "{\"n\": 1}\n").await.json(), once);

    let mut file = tempfile::NamedTempFile::new().unwrap();
    for n in 0..1500 {
        writeln!(file, r#"{{"type": "order.paid", "data": {{"n": {n}}}, "webhook_id": "file-{n}"}}"#)
            .unwrap();
        // Blank lines are nothing.
        writeln!(file).unwrap();
    }
    let path = &file.path().to_str().unwrap().to_owned();
    let published = json_of(&gateway, &["publish", "--file", path]).await;
    assert_eq!(published, json!({"object": "publish", "published": 1500, "duplicates": 0}));
    let again = run(&gateway, &["publish", "--file", path]).await;
    assert_eq!(again.stdout.trim(), "0 new events published; 1500 had been before");

    writeln!(file, r#"{{"type": "order.paid"}}"#).unwrap();
    let bad = run(&gateway, &["publish", "--file", path]).await;
    assert_eq!(bad.code, Some(4));
    assert!(
        bad.stderr.contains("line 3001: `data` is missing") && bad.stderr.contains("1000 events from"),
        "{}",
        bad.stderr
    );
    let keyed = ["publish", "--file", "-", "--idempotency-key", "import", "--json"];
    let lines = "{\"type\": \"a.b\", \"data\": {}}\n{\"type\": \"c.d\", \"data\": {}}\n";
    let first = run_as(&gateway, ADMIN_KEY, &keyed, lines).await.json();
    assert_eq!(first["published"], 2);
    let before = json_of(&gateway, &["events", "list", "--limit", "2"]).await;
    run_as(&gateway, ADMIN_KEY, &keyed, lines).await.json();
    assert_eq!(
        json_of(&gateway, &["events", "list", "--limit", "2"]).await["data"][0]["id"],
        before["data"][0]["id"]
    );
    let marked = "\u{feff}{\"type\": \"a.b\", \"data\": {}}\r\n";
    let marked = run_as(&gateway, ADMIN_KEY, &["publish", "--file", "-", "--json"], marked).await.json();
    assert_eq!(marked["published"], 1, "what an editor on Windows writes");
    run_as(&gateway, ADMIN_KEY, &["publish", "a.b", "--data", "-", "--json"], "\u{feff}{}").await.json();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"{\"type\": \"a.b\", \"data\": {}}\n\"\xe9\"\n").unwrap();
    let latin = run(&gateway, &["publish", "--file", file.path().to_str().unwrap()]).await;
    assert_eq!(latin.code, Some(2));
    assert!(latin.stderr.contains(", line 2: it is not UTF-8"), "{}", latin.stderr);
    for (lines, says) in [
        ("hello\n", "line 1: it is not JSON"),
        ("{}\n[]\n", "line 2: it is not a JSON object"),
        ("{},{}\n", "line 1"),
    ] {
        let wrong = run_as(&gateway, ADMIN_KEY, &["publish", "--file", "-"], lines).await;
        assert_eq!(wrong.code, Some(2), "{}", wrong.stderr);
        assert!(wrong.stderr.contains(says) && wrong.stderr.contains("0 events from"), "{}", wrong.stderr);
    }
    gateway.terminate().await;
}
