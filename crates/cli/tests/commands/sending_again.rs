//! Deliveries looked at, made again and called off; and replays of many.

use ringback_testkit::{Gateway, Receiver, Reply, until, wall_clock_now};
use ringback_webhook::SigningSecret;
use serde_json::{Value, json};

use crate::{BINARY, json_of, run, text};

/// An endpoint that is tried once, and `count` events for it.
async fn world(gateway: &Gateway, url: &str, count: usize, flags: &[&str]) -> String {
    let create = ["endpoints", "create", "--name", "app", "--to", url, "--retry-delays", "none"];
    let made = json_of(gateway, &[&create, flags].concat()).await;
    for _ in 0..count {
        json_of(gateway, &["publish", "order.paid", "--data", r#"{"id": "ord_1"}"#]).await;
    }
    text(&made, "id").to_owned()
}

/// The deliveries of this state, once there are so many.
async fn deliveries(gateway: &Gateway, state: &str, count: usize) -> Vec<Value> {
    let list = ["deliveries", "list", "--state", state];
    until("the deliveries to stand so", || async {
        let list = json_of(gateway, &list).await;
        list["data"].as_array().filter(|data| data.len() == count).cloned()
    })
    .await
}

#[tokio::test]
async fn a_delivery_is_shown_made_again_and_called_off() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500).with_body("out of\r\n\u{1b}[31mstock")]);
    let endpoint = &world(&gateway, &receiver.url(), 1, &[]).await;
    let dead = deliveries(&gateway, "dead", 1).await.remove(0);
    let id = text(&dead, "id");
    let shown = run(&gateway, &["deliveries", "get", id]).await.stdout;
    for part in ["why           schedule_exhausted", "ord_1", "http_error", "500", "out of \\u{1b}[31mstock"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let again = json_of(&gateway, &["deliveries", "redeliver", id]).await;
    assert_eq!((&again["trigger"], &again["endpoint_id"]), (&json!("redelivery"), &json!(endpoint)));
    let delivered = deliveries(&gateway, "delivered", 1).await;
    assert_eq!(delivered[0]["id"], again["id"]);
    let table = run(&gateway, &["deliveries", "list", "--endpoint", endpoint]).await.stdout;
    assert!(table.contains("WHY") && table.contains(id) && table.contains(text(&again, "id")), "{table}");
    assert!(!table.contains("ENDPOINT"), "it was named: {table}");
    assert!(["OBJECT", "ord_1", "redelivery"].iter().all(|part| table.contains(part)), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 125), "{table}");
    let event = run(&gateway, &["events", "get", text(&dead, "event_id")]).await.stdout;
    assert!(event.contains(&format!("to {endpoint}, a redelivery: delivered")), "{event}");

    run(&gateway, &["endpoints", "pause", endpoint]).await;
    let made = run(&gateway, &["events", "redeliver", text(&dead, "event_id")]).await;
    assert!(made.stdout.contains("pending") && made.stdout.contains(endpoint), "{}", made.stderr);
    let to_one = ["events", "redeliver", text(&dead, "event_id"), "--endpoint", endpoint];
    assert_eq!(json_of(&gateway, &to_one).await["data"].as_array().unwrap().len(), 1);
    for pending in deliveries(&gateway, "pending", 2).await {
        let shown = run(&gateway, &["deliveries", "get", text(&pending, "id")]).await.stdout;
        assert!(shown.contains("why           endpoint paused\n"), "{shown}");
        let cancelled = run(&gateway, &["deliveries", "cancel", text(&pending, "id")]).await;
        assert!(cancelled.stdout.contains("state         cancelled"), "{}", cancelled.stderr);
        let ended = run(&gateway, &["deliveries", "cancel", text(&pending, "id")]).await;
        assert_eq!(ended.code, Some(4), "{}", ended.stderr);
        assert!(ended.stderr.contains("(409 already_ended)"), "{}", ended.stderr);
        let shown = run(&gateway, &["deliveries", "get", text(&pending, "id")]).await;
        assert!(shown.stderr.contains("never attempted"), "{}", shown.stderr);
    }
    let of_event = ["deliveries", "list", "--event", text(&dead, "event_id"), "--replay", "whrp_x"];
    let refused = run(&gateway, &of_event).await;
    assert_eq!(refused.code, Some(2), "every filter reaches the server");
    assert!(refused.stderr.contains("`--replay` must be the id of a webhook replay"), "{}", refused.stderr);
    gateway.terminate().await;
}

#[tokio::test]
async fn a_replay_is_counted_made_and_waited_for() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let endpoint = &world(&gateway, &receiver.url(), 3, &[]).await;
    deliveries(&gateway, "dead", 3).await;
    let dead = ["replays", "create", "--endpoint", endpoint, "--state", "dead", "--since", "1h"];

    let counted = run(&gateway, &[&dead[..], &["--dry-run"]].concat()).await;
    assert_eq!((counted.code, counted.stdout.as_str()), (Some(0), "3 deliveries would be made\n"));
    assert_eq!(json_of(&gateway, &["replays", "list"]).await["data"], json!([]), "it only counted");

    let failed = run(&gateway, &[&dead[..], &["--wait"]].concat()).await;
    assert_eq!(failed.code, Some(6), "{}", failed.stderr);
    assert!(failed.stderr.contains("3 of 3 ended: 3 dead\n"), "{}", failed.stderr);
    assert!(failed.stderr.contains("not all was delivered: 3 dead\n"), "{}", failed.stderr);
    let hint = failed.stderr.lines().last().unwrap().trim();
    let words: Vec<&str> = hint.split_whitespace().skip(1).collect();
    let table = run(&gateway, &words).await;
    assert_eq!(
        table.stdout.lines().count(),
        4,
        "three of them and a heading: {}{}",
        table.stdout,
        table.stderr
    );

    receiver.always(Reply::status(200));
    let both = run(&gateway, &[&dead[..], &["--wait", "--json"]].concat()).await;
    assert_eq!(both.code, Some(0), "{}", both.stderr);
    let answers: Result<Vec<Value>, _> =
        serde_json::Deserializer::from_str(&both.stdout).into_iter().collect();
    let answers = answers.unwrap();
    assert_eq!(answers.len(), 2, "as it was made, and as it has ended");
    assert_eq!((&answers[0]["status"], &answers[1]["status"]), (&json!("running"), &json!("completed")));
    assert_eq!(answers[1]["deliveries"]["delivered"], 3);

    let id = text(&answers[0], "id");
    assert_eq!(json_of(&gateway, &["replays", "watch", id]).await, answers[1]);
    let shown = run(&gateway, &["replays", "get", id]).await.stdout;
    assert!(shown.contains("status       completed") && shown.contains("  delivered  3"), "{shown}");
    let list = run(&gateway, &["replays", "list"]).await.stdout;
    assert_eq!(list.lines().count(), 3, "{list}");
    let ended = run(&gateway, &["replays", "cancel", id]).await;
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    gateway.terminate().await;
}

#[tokio::test]
async fn a_replay_to_another_url_shows_its_secret_once() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    world(&gateway, &receiver.url(), 1, &["--paused", "true"]).await;
    for delivery in deliveries(&gateway, "pending", 1).await {
        json_of(&gateway, &["deliveries", "cancel", text(&delivery, "id")]).await;
    }
    let replay = ["replays", "create", "--type", "order.paid", "--object", "ord_1", "--to", &receiver.url()];
    let made = run(&gateway, &[&replay[..], &["--wait"]].concat()).await;
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(made.stderr.contains("keep the secret now"), "{}", made.stderr);
    let secrets: Vec<&str> =
        made.stdout.split_whitespace().filter(|word| word.starts_with("whsec_")).collect();
    assert_eq!(secrets.len(), 1, "{}", made.stdout);
    let secret = SigningSecret::parse(secrets[0]).unwrap();
    receiver.next().await.assert_verifies(&secret, wall_clock_now());
    let list = run(&gateway, &["replays", "list"]).await.stdout;
    assert!(list.contains("TO") && list.contains(&receiver.url()) && !list.contains("ENDPOINT"), "{list}");
    let delivery = deliveries(&gateway, "delivered", 1).await.remove(0);
    let shown = run(&gateway, &["deliveries", "get", text(&delivery, "id")]).await.stdout;
    assert!(shown.contains(&format!("to            {}\n", receiver.url())), "{shown}");
    assert!(shown.contains("replay        whrp_") && !shown.contains("whe_"), "{shown}");
    gateway.terminate().await;
}

#[tokio::test]
async fn a_replay_is_called_off_with_what_is_pending_of_it() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let endpoint = &world(&gateway, &receiver.url(), 2, &[]).await;
    deliveries(&gateway, "delivered", 2).await;
    run(&gateway, &["endpoints", "pause", endpoint]).await;
    let replay = json_of(&gateway, &["replays", "create", "--endpoint", endpoint]).await;
    deliveries(&gateway, "pending", 2).await;
    let cancelled = run(&gateway, &["replays", "cancel", text(&replay, "id")]).await;
    assert!(cancelled.stdout.contains("status       cancelled"), "{}", cancelled.stderr);
    let watched = run(&gateway, &["replays", "watch", text(&replay, "id")]).await;
    assert_eq!(watched.code, Some(6), "{}", watched.stderr);
    assert!(watched.stderr.contains("the replay was called off: 2 cancelled"), "{}", watched.stderr);
    assert_eq!(receiver.call_count(), 2);
    gateway.terminate().await;
}

#[tokio::test]
async fn a_replay_of_nothing_says_so() {
    let gateway = Gateway::start(BINARY).await;
    for flags in [&["--dry-run", "--missed"][..], &["--missed"], &["--missed", "--wait"], &["--yes"]] {
        let done = run(&gateway, &[&["replays", "create"], flags].concat()).await;
        assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{flags:?}");
        assert!(done.stdout.starts_with("nothing to send again"), "{flags:?}: {}", done.stdout);
        assert_eq!(done.stdout.lines().count(), 1, "{}", done.stdout);
    }
    gateway.terminate().await;
}

#[tokio::test]
async fn a_replay_whose_endpoint_is_deleted_says_what_was_never_made() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let endpoint = &world(&gateway, &receiver.url(), 3, &[]).await;
    deliveries(&gateway, "delivered", 3).await;
    // One a second, so that there is time to delete it in between.
    let create = ["replays", "create", "--endpoint", endpoint, "--rate", "1"];
    let replay = json_of(&gateway, &create).await;
    json_of(&gateway, &["endpoints", "delete", endpoint]).await;
    let watched = run(&gateway, &["replays", "watch", text(&replay, "id")]).await;
    assert_eq!(watched.code, Some(6), "{}", watched.stderr);
    let ended = json_of(&gateway, &["replays", "get", text(&replay, "id")]).await;
    assert_eq!((&ended["status"], &ended["end_reason"]), (&json!("cancelled"), &json!("endpoint_deleted")));
    let never = 3 - ended["created_count"].as_u64().unwrap();
    assert!(never > 0, "{ended}");
    let told = format!("{never} {} never made", if never == 1 { "was" } else { "were" });
    assert!(watched.stderr.contains("of 3 ended: "), "{}", watched.stderr);
    let error = watched.stderr.lines().last().unwrap();
    assert!(error.contains("its endpoint was deleted: ") && error.ends_with(&told), "{error}");
    assert!(watched.stdout.contains("why          its endpoint was deleted\n"), "{}", watched.stdout);
    gateway.terminate().await;
}

#[tokio::test]
async fn what_holds_a_replay_back_is_said() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let endpoint = &world(&gateway, &receiver.url(), 1, &[]).await;
    deliveries(&gateway, "delivered", 1).await;
    run(&gateway, &["endpoints", "pause", endpoint]).await;
    let held =
        format!("endpoint app is paused: nothing goes out until `ringback endpoints resume {endpoint}`\n");
    let create = ["replays", "create", "--endpoint", endpoint];
    for flags in [&["--dry-run"][..], &[]] {
        let done = run(&gateway, &[&create[..], flags].concat()).await;
        assert_eq!((done.code, &done.stderr), (Some(0), &held), "{flags:?}");
    }
    deliveries(&gateway, "pending", 1).await;
    let resumed = run(&gateway, &["endpoints", "resume", endpoint]).await;
    assert_eq!(resumed.stderr, "what was held goes out now, at a bounded rate\n");
    deliveries(&gateway, "delivered", 2).await;

    run(&gateway, &["endpoints", "disable", endpoint]).await;
    let refused = run(&gateway, &create).await;
    assert_eq!(refused.code, Some(4), "{}", refused.stderr);
    assert!(refused.stderr.contains("ringback endpoints enable"), "{}", refused.stderr);
    gateway.terminate().await;
}
