//! The commands as a person types them, against a running server: what they print, and the exit codes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test, to panic is to fail")]

use std::io::Write as _;
use std::process::Stdio;

use ringback_testkit::{ADMIN_KEY, Gateway, Receiver, Reply};
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

/// What a command came to.
struct Done {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Done {
    /// What it printed as JSON; it must have succeeded.
    fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("not JSON: {}", self.stdout))
    }
}

/// Runs `ringback …` as somebody with this key.
async fn run_as(gateway: &Gateway, key: &str, args: &[&str], stdin: &str) -> Done {
    let mut command = Command::new(BINARY);
    command
        .args(args)
        .env_clear()
        .env("RINGBACK_URL", gateway.url())
        .env("RINGBACK_API_KEY", key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut pipe = child.stdin.take().expect("it was piped");
    pipe.write_all(stdin.as_bytes()).await.expect("the command reads, or has nothing to read");
    drop(pipe);
    let output = child.wait_with_output().await.expect("the command ends");
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

async fn run(gateway: &Gateway, args: &[&str]) -> Done {
    run_as(gateway, ADMIN_KEY, args, "").await
}

/// The same with `--json`.
async fn json_of(gateway: &Gateway, args: &[&str]) -> Value {
    run(gateway, &[args, &["--json"]].concat()).await.json()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text in {field}: {value}"))
}

#[tokio::test]
async fn an_endpoint_from_creation_to_deletion() {
    let gateway = Gateway::start(BINARY).await;
    let create = [
        "endpoints",
        "create",
        "--name",
        "app",
        "--to",
        "http://127.0.0.1:9/hooks",
        "--event-type",
        "order.*",
        "--description",
        "bills",
        "--timeout-secs",
        "5",
        "--header",
        "X-Team: billing",
        "--header",
        "x-env:prod",
        "--basic",
        "ringback:s3cret",
        "--no-retry-status",
        "410",
        "--no-retry-status",
        "422",
        "--paused",
        "true",
    ];
    let shown = run(&gateway, &create).await;
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(
        shown.stdout.contains("whsec_") && shown.stderr.contains("keep the secret now"),
        "{}",
        shown.stderr
    );
    assert!(!shown.stdout.contains("s3cret"), "{}", shown.stdout);

    let made = json_of(&gateway, &create).await;
    let id = text(&made, "id");
    let got = json_of(&gateway, &["endpoints", "get", id]).await;
    assert!(got.get("signing_secret").is_none(), "the secret is shown once");
    for (field, expected) in [
        ("description", json!("bills")),
        ("timeout_secs", json!(5)),
        ("headers", json!({"x-env": "prod", "x-team": "billing"})),
        ("authentication", json!({"type": "basic", "username": "ringback"})),
        ("no_retry_statuses", json!([410, 422])),
        ("paused", json!(true)),
        ("event_types", json!(["order.*"])),
    ] {
        assert_eq!(got[field], expected, "{field}");
    }
    let update = [
        "endpoints",
        "update",
        id,
        "--name",
        "b",
        "--description",
        "",
        "--header",
        "",
        "--bearer",
        "",
        "--no-retry-status",
        "0",
        "--paused",
        "false",
        "--disabled",
        "true",
    ];
    let updated = json_of(&gateway, &update).await;
    for (field, expected) in [
        ("name", json!("b")),
        ("description", Value::Null),
        ("headers", json!({})),
        ("authentication", Value::Null),
        ("no_retry_statuses", json!([])),
        ("paused", json!(false)),
        ("disabled_reason", json!("disabled by hand")),
        ("timeout_secs", json!(5)),
    ] {
        assert_eq!(updated[field], expected, "{field}");
    }
    let deleted = run(&gateway, &["endpoints", "delete", id]).await;
    assert_eq!((deleted.code, deleted.stdout.trim()), (Some(0), format!("deleted {id}").as_str()));
    let gone = run(&gateway, &["endpoints", "get", id]).await;
    assert_eq!(gone.code, Some(4), "{}", gone.stderr);
    assert!(gone.stderr.contains("there is no such webhook endpoint"), "{}", gone.stderr);
    gateway.terminate().await;
}

#[tokio::test]
async fn rotation_overlaps_unless_told_otherwise() {
    let gateway = Gateway::start(BINARY).await;
    let made =
        json_of(&gateway, &["endpoints", "create", "--name", "a", "--to", "http://127.0.0.1:9/"]).await;
    let id = text(&made, "id");
    let rotated = json_of(&gateway, &["endpoints", "rotate", id]).await;
    assert_ne!(rotated["signing_secret"], made["signing_secret"]);
    let secrets = rotated["signing_secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 2, "both sign");
    assert!(secrets[0]["expires_at"].is_i64() && secrets[1]["expires_at"].is_null());
    let old = text(&secrets[0], "id");
    let revoked = json_of(&gateway, &["endpoints", "revoke-secret", id, old]).await;
    assert_eq!(revoked["signing_secrets"].as_array().unwrap().len(), 1);
    let at_once = json_of(&gateway, &["endpoints", "rotate", id, "--at-once"]).await;
    assert_eq!(at_once["signing_secrets"].as_array().unwrap().len(), 1, "the old one has ended");
    gateway.terminate().await;
}

#[tokio::test]
async fn a_test_shows_the_answer_and_its_exit_code_says_whether_it_was_a_yes() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let made = json_of(&gateway, &["endpoints", "create", "--name", "a", "--to", &receiver.url()]).await;
    let test = ["endpoints", "test", text(&made, "id"), "--event-type", "batch.failed"];
    let yes = run(&gateway, &test).await;
    assert_eq!(yes.code, Some(0), "{}", yes.stderr);
    assert!(yes.stdout.starts_with("batch.failed was answered 200 after "), "{}", yes.stdout);
    receiver.enqueue([Reply::status(500)]);
    let no = run(&gateway, &test).await;
    assert_eq!(no.code, Some(4));
    assert!(
        no.stdout.contains("answered 500") && no.stderr.contains("did not accept the test"),
        "{}",
        no.stderr
    );
    drop(receiver);
    let broken = run(&gateway, &test).await;
    assert_eq!((broken.code, broken.stdout.as_str()), (Some(4), ""));
    assert!(broken.stderr.contains("the endpoint did not answer"), "{}", broken.stderr);
    gateway.terminate().await;
}

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
    assert_eq!(again.stdout.trim(), "1500 events published, 1500 of them before");

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

#[tokio::test]
async fn the_key_of_this_machine_is_shown_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.args(["events", "list", "--server", "http://192.0.2.1:4600"]).env_clear();
    let output = command.env("HOME", folder.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("set RINGBACK_API_KEY"));
}

#[tokio::test]
async fn what_is_typed_wrong_is_exit_code_2_before_anything_is_asked() {
    let gateway = Gateway::start(BINARY).await;
    let to = "http://127.0.0.1:9/";
    for (args, says) in [
        (vec!["publish"], "required"),
        (vec!["publish", "order.paid", "--data", "{"], "--data is not JSON"),
        (vec!["publish", "order.paid", "--data", "@/nowhere"], "cannot be read"),
        (vec!["publish", "--file", "/nowhere"], "cannot be read"),
        (vec!["publish", "order.paid", "--file", "x"], "cannot be used with"),
        (vec!["--server", "http://192.0.2.1", "status", "--url", "x"], "unexpected argument"),
        (
            vec!["endpoints", "create", "--name", "a", "--to", to, "--header", "x"],
            "a name, a colon and a value",
        ),
        (vec!["endpoints", "create", "--name", "a", "--to", to, "--basic", "x"], "a colon and a password"),
        (
            vec!["endpoints", "create", "--name", "a", "--to", to, "--basic", "a:b", "--bearer", "x"],
            "cannot be used with",
        ),
        (vec!["endpoints", "create", "--name", "a", "--to", to, "--timeout-secs", "0"], "0 is not in 1..=60"),
        (
            vec!["endpoints", "create", "--name", "a", "--to", to, "--signature-scheme", "v2"],
            "possible values",
        ),
    ] {
        let done = run(&gateway, &args).await;
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{args:?}: {}", done.stderr);
        assert_eq!(done.stdout, "", "{args:?}");
    }
    gateway.terminate().await;
}

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
