//! Endpoints, from creation to deletion.

use ringback_testkit::{Gateway, Receiver, Reply};
use serde_json::{Value, json};

use crate::{BINARY, json_of, run, text};

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
    assert!(broken.stderr.contains("(unreachable)") && !broken.stderr.contains("502"), "{}", broken.stderr);
    gateway.terminate().await;
}

/// An endpoint that delivers to this URL, with these flags besides.
async fn endpoint(gateway: &Gateway, url: &str, flags: &[&str]) -> Value {
    json_of(gateway, &[&["endpoints", "create", "--name", "app", "--to", url], flags].concat()).await
}

#[tokio::test]
async fn rules_are_set_shown_and_taken_away() {
    let gateway = Gateway::start(BINARY).await;
    let delays = ["--retry-delays", "5,30,120", "--max-per-sec", "20", "--max-concurrency", "3"];
    let order = ["--ordering", "object", "--ordering-wait", "1m", "--max-age", "90"];
    let made = endpoint(&gateway, "http://127.0.0.1:9/", &[&delays[..], &order].concat()).await;
    let expected = [
        ("retry_delays_secs", json!([5, 30, 120])),
        ("max_per_sec", json!(20)),
        ("max_concurrency", json!(3)),
        ("ordering", json!("object")),
        ("ordering_wait_secs", json!(60)),
        ("max_age_secs", json!(90)),
    ];
    for (field, value) in expected {
        assert_eq!(made[field], value, "{field}");
    }
    let id = text(&made, "id");
    let shown = run(&gateway, &["endpoints", "get", id]).await.stdout;
    for line in ["retry delays      5 s, 30 s, 2 min", "max per sec       20", "ordering wait     1 min"] {
        assert!(shown.contains(line), "{shown}");
    }
    let none = ["--max-per-sec", "none", "--max-concurrency", "none", "--max-age", "none"];
    let plain = ["--retry-delays", "none", "--ordering", "none", "--ordering-wait", "default"];
    let updated = json_of(&gateway, &[&["endpoints", "update", id][..], &none, &plain].concat()).await;
    for (field, value) in [
        ("retry_delays_secs", json!([])),
        ("max_per_sec", Value::Null),
        ("max_concurrency", Value::Null),
        ("ordering", json!("none")),
        ("ordering_wait_secs", json!(3600)),
        ("max_age_secs", Value::Null),
    ] {
        assert_eq!(updated[field], value, "{field}");
    }
    let shown = run(&gateway, &["endpoints", "get", id]).await.stdout;
    assert!(shown.contains("retry delays      none: one attempt and no retry"), "{shown}");
    assert!(!shown.contains("ordering") && !shown.contains("max "), "what is not set is not shown: {shown}");
    let default = json_of(&gateway, &["endpoints", "update", id, "--retry-delays", "default"]).await;
    assert_eq!(default["retry_delays_secs"], Value::Null);
    gateway.terminate().await;
}

#[tokio::test]
async fn an_endpoint_is_held_and_let_go_and_the_list_says_so() {
    let gateway = Gateway::start(BINARY).await;
    let id = &text(&endpoint(&gateway, "http://127.0.0.1:9/", &[]).await, "id").to_owned();
    let state = async |verb: &str| {
        let done = run(&gateway, &["endpoints", verb, id]).await;
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let list = run(&gateway, &["endpoints", "list"]).await.stdout;
        let row = list.lines().nth(1).unwrap_or_else(|| panic!("no row: {list}")).to_owned();
        row.split("  ").filter(|cell| !cell.is_empty()).nth(2).unwrap().trim().to_owned()
    };
    assert_eq!(state("get").await, "ok");
    assert_eq!(state("pause").await, "paused");
    assert_eq!(state("disable").await, "disabled, paused");
    assert_eq!(state("resume").await, "disabled");
    assert_eq!(state("enable").await, "ok");
    gateway.terminate().await;
}

#[tokio::test]
async fn enabling_tells_what_was_missed_and_sends_it_if_asked() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let made = endpoint(&gateway, &receiver.url(), &[]).await;
    let id = text(&made, "id");
    let nothing = run(&gateway, &["endpoints", "enable", id]).await;
    assert_eq!((nothing.code, nothing.stderr.as_str()), (Some(0), "it was not disabled\n"));
    let not_paused = run(&gateway, &["endpoints", "resume", id]).await;
    assert_eq!((not_paused.code, not_paused.stderr.as_str()), (Some(0), "it was not paused\n"));
    let told = run(&gateway, &["endpoints", "enable", id, "--replay-missed"]).await;
    let expected = format!(
        "nothing is replayed, since it was not disabled; to send what it missed:\n  \
         ringback replays create --endpoint {id} --missed\n"
    );
    assert_eq!((told.code, &told.stderr), (Some(0), &format!("it was not disabled\n{expected}")));
    let told = run(&gateway, &["endpoints", "enable", id, "--replay-missed", "--json"]).await;
    assert_eq!((told.code, told.stderr), (Some(0), expected));

    let disabled = json_of(&gateway, &["endpoints", "disable", id]).await;
    run(&gateway, &["publish", "order.paid"]).await;
    let enabled = run(&gateway, &["endpoints", "enable", id]).await;
    assert_eq!(enabled.code, Some(0), "{}", enabled.stderr);
    assert!(enabled.stdout.contains("state"), "{}", enabled.stdout);
    let (told, command) = enabled.stderr.split_once("\n  ").unwrap();
    assert_eq!(told, "missed while it was disabled: 1 delivery; to send them:");
    let since = &disabled["disabled_at"];
    let expected = format!("ringback replays create --endpoint {id} --missed --since {since}");
    assert_eq!(command.trim_end(), expected);
    let words: Vec<&str> = command.split_whitespace().skip(1).chain(["--wait"]).collect();
    let sent = run(&gateway, &words).await;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert_eq!(receiver.call_count(), 1, "the command does what it says");

    run(&gateway, &["endpoints", "disable", id]).await;
    let again = run(&gateway, &["endpoints", "enable", id, "--replay-missed"]).await;
    assert_eq!((again.code, again.stderr.trim_end()), (Some(0), "nothing was missed while it was disabled"));
    run(&gateway, &["endpoints", "disable", id]).await;
    run(&gateway, &["publish", "order.paid"]).await;
    let at_once = run(&gateway, &["endpoints", "enable", id, "--replay-missed"]).await;
    assert_eq!(at_once.code, Some(0), "{}", at_once.stderr);
    assert!(at_once.stderr.starts_with("missed while it was disabled: 1 delivery, which replay whrp_"));
    receiver.next().await;
    receiver.next().await;
    gateway.terminate().await;
}

#[tokio::test]
async fn what_is_to_be_done_for_an_endpoint_that_gets_nothing_is_said() {
    let gateway = Gateway::start(BINARY).await;
    let id = &text(&endpoint(&gateway, "http://127.0.0.1:9/", &["--paused", "true"]).await, "id").to_owned();
    let told = async |verb: &str| run(&gateway, &["endpoints", verb, id]).await.stderr;
    let paused = format!("endpoint app is paused: nothing goes out until `ringback endpoints resume {id}`\n");
    assert_eq!(told("get").await, paused);
    let both = told("disable").await;
    assert!(both.starts_with("endpoint app is disabled and paused: "), "{both}");
    let disabled =
        format!("endpoint app is disabled: nothing goes out until `ringback endpoints enable {id}`\n");
    assert_eq!(told("resume").await, disabled);
    run(&gateway, &["publish", "order.paid"]).await;
    let enabled = told("enable").await;
    assert!(enabled.starts_with("missed while it was disabled: 1 delivery"), "{enabled}");
    assert_eq!(told("get").await, "");

    let status = json_of(&gateway, &["status"]).await;
    assert_eq!(status["endpoints"]["active"], 1, "{status}");
    run(&gateway, &["endpoints", "pause", id]).await;
    let shown = run(&gateway, &["status"]).await.stdout;
    assert!(shown.contains("endpoints             0 active, 1 paused\n"), "{shown}");
    assert!(shown.contains("deliveries dead       0\n"), "{shown}");
    gateway.terminate().await;
}
