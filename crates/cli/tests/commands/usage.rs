//! What is typed wrong.

use std::ffi::OsStr;

use ringback_testkit::{ADMIN_KEY, Gateway};
use tokio::process::Command;

use crate::{BINARY, json_of, run, text};

#[tokio::test]
async fn the_key_of_this_machine_is_shown_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.args(["events", "list", "--server", "http://192.0.2.1:4600"]).env_clear();
    let output = command.env("HOME", folder.path()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("set RINGBACK_API_KEY"));
}

/// How a start ends with this `ringback.toml` and this environment, and what it says.
async fn start(toml: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ringback.toml"), toml).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", "data"]).env_clear();
    let output = command.envs(environment.iter().copied()).current_dir(folder.path()).output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_number_that_cannot_be_meant_is_refused_wherever_it_is_said() {
    let of_file = start("max_in_flight_per_endpoint = 0", &[]).await;
    let of_variable = start("", &[("RINGBACK_MAX_IN_FLIGHT", "0")]).await;
    let over_the_file = start("max_body_bytes = 65536", &[("RINGBACK_MAX_BODY_BYTES", "0")]).await;
    let short = start("dedupe_retention_secs = 345599", &[]).await;
    for ((code, said), words) in [
        (
            of_file,
            "`max_in_flight_per_endpoint` (in ringback.toml) is 0, but must be a whole number from 1 to",
        ),
        (of_variable, "`max_in_flight` (in RINGBACK_MAX_IN_FLIGHT) is 0, but must be"),
        (over_the_file, "`max_body_bytes` (in RINGBACK_MAX_BODY_BYTES) is 0, but must be"),
        (
            short,
            "`dedupe_retention_secs` (in ringback.toml) is 345599, but must be a whole number from 345600 to",
        ),
    ] {
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(words), "no {words} in:\n{said}");
    }
}

#[tokio::test]
async fn a_server_and_a_key_that_cannot_be_ones_are_named_and_nothing_is_asked() {
    use std::os::unix::ffi::OsStrExt as _;

    let gateway = Gateway::start(BINARY).await;
    let list = async |url: &str, key: &[u8]| {
        let mut command = Command::new(BINARY);
        command.args(["events", "list"]).env_clear().env("RINGBACK_URL", url);
        command.env("RINGBACK_API_KEY", OsStr::from_bytes(key)).env("RINGBACK_ADMIN_KEY", ADMIN_KEY);
        let output = command.output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let key = ADMIN_KEY.as_bytes();
    for url in [format!("{}/v1", gateway.url()), format!("{}/v1/", gateway.url())] {
        assert_eq!(list(&url, key).await.0, Some(0), "the SDKs' base URL");
    }
    assert_eq!(list(gateway.url(), &[key, b"\r\n"].concat()).await.0, Some(0), "a line of a file");
    for wrong in ["127.0.0.1:4600", "foo", "ftp://x"] {
        let (code, said) = list(wrong, key).await;
        assert_eq!(code, Some(2));
        assert!(said.contains("a URL such as http://127.0.0.1:4600") && said.contains(wrong), "{said}");
    }
    for wrong in [&b"\xff"[..], b"a\rb"] {
        let (code, said) = list(gateway.url(), wrong).await;
        assert_eq!(code, Some(2), "another key is not used in its place");
        assert!(said.starts_with("error: RINGBACK_API_KEY holds no key"), "{said}");
    }
    gateway.terminate().await;
}

#[tokio::test]
async fn what_the_server_says_of_requests_is_said_of_commands() {
    let gateway = Gateway::start(BINARY).await;
    let source = json_of(&gateway, &["sources", "create", "--name", "openai"]).await;
    for (args, says) in [
        (
            &["trigger", "response.completed", "--source", text(&source, "id")][..],
            "no signing secret yet; add one with `ringback sources add-secret`",
        ),
        (
            &["events", "list", "--project", "nowhere"],
            "`--project` (or RINGBACK_PROJECT) names no project here",
        ),
    ] {
        let done = run(&gateway, args).await;
        assert_eq!(done.code, Some(4), "{}", done.stderr);
        assert!(done.stderr.contains(says), "{}", done.stderr);
    }
    gateway.terminate().await;
}

#[tokio::test]
async fn what_is_typed_wrong_is_exit_code_2_before_anything_is_asked() {
    let gateway = Gateway::start(BINARY).await;
    let to = "http://127.0.0.1:9/";
    for (args, says) in [
        (vec!["publish"], "<TYPE|--file <FILE>>"),
        (vec!["replays", "create", "--since", "yesterday"], "it is no time; give Unix seconds"),
        (vec!["replays", "create", "--until", "2025-06-18T10:00"], "names no offset from UTC"),
        (vec!["replays", "create", "--type", "order.*"], "one type, such as `order.paid`, and not a family"),
        (vec!["events", "list", "--type", "order.*"], "not a family"),
        (vec!["replays", "create"], "this would send every event again: narrow it down"),
        (vec!["replays", "create", "--to", to, "--rate", "9"], "or say --yes"),
        (vec!["replays", "create", "--endpoint", "x"], "`--endpoint` must be the id of a webhook endpoint"),
        (
            vec!["replays", "create", "--since", "1h", "--until", "2h"],
            "`--until` must be later than `--since`",
        ),
        (vec!["replays", "create", "--object-id", "a b"], "`--object` must be printable"),
        (vec!["events", "list", "--after", "x"], "`--after` must be an item's id"),
        (vec!["events", "list", "--limit", "0"], "it must be 1 to 100"),
        (vec!["events", "list", "--limit", "-1"], "it must be 1 to 100"),
        (vec!["endpoints", "update", "whe_1"], "nothing to change: name a flag, such as --max-per-sec"),
        (vec!["sources", "update", "whsrc_1"], "nothing to change"),
        (vec!["endpoints", "update", "whe_1", "--max-per-sec", "-1"], "it must be 1 to 10000, or `none`"),
        (vec!["endpoints", "update", "whe_1", "--max-age", "31d"], "it must be 1 s to 30 d"),
        (vec!["endpoints", "update", "whe_1", "--timeout", "1.5"], "it is no length of time"),
        (vec!["endpoints", "update", "whe_1", "--no-retry-status", "200"], "it must be 300 to 599, or 0"),
        (vec!["replays", "create", "--missed", "--state", "dead"], "cannot be used with"),
        (vec!["replays", "create", "--dry-run", "--wait"], "cannot be used with"),
        (vec!["replays", "create", "--rate", "1001"], "it must be 1 to 1000"),
        (vec!["deliveries", "list", "--state", "missed"], "possible values"),
        (vec!["event-types", "register", "a.b", "--max-age", "31d"], "`none` or `default`"),
        (vec!["endpoints", "update", "whe_1", "--retry-delays", "5,0"], "delay 2 is 0 s"),
        (vec!["endpoints", "update", "whe_1", "--max-concurrency", "1001"], "1 to 1000, or `none`"),
        (
            vec!["publish", "order"],
            "a type is words of letters, digits and underscores with full stops between",
        ),
        (vec!["publish", "a.b", "--created-at", "yesterday"], "it is no time; give Unix seconds"),
        (vec!["event-types", "register", "type"], "a type is words"),
        (vec!["event-types", "register", "batch.*"], "a type is words"),
        (vec!["events", "list", "--type", ""], "`--type` must not be empty"),
        (vec!["events", "get", ""], "is empty"),
        (vec!["endpoints", "update", "", "--name", "x"], "is empty"),
        (vec!["endpoints", "delete", ".."], "cannot be one"),
        (vec!["projects", "create", "--name", "proj_1"], "`--name` must not begin with `proj_`"),
        (
            vec!["endpoints", "create", "--name", "a", "--to", to, "--event-type", "name"],
            "`name` is not an event type",
        ),
        (
            vec!["endpoints", "create", "--name", "a", "--to", to, "--event-type", "order.quoted"],
            "Register it with `ringback event-types register`",
        ),
        (vec!["--project", "a\nb", "status"], "--project holds a control character"),
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
        (
            vec!["endpoints", "create", "--name", "a", "--to", to, "--timeout-secs", "0"],
            "it must be 1 to 60 seconds",
        ),
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
async fn a_hard_limit_of_retention_that_cuts_retries_short_is_refused() {
    let serve = |secs| Gateway::builder(BINARY).env("RINGBACK_PENDING_RETENTION_SECS", secs);
    let refused = serve("259200").try_start().await.expect_err("it is not to start");
    assert_eq!(refused.code, Some(2), "{}", refused.talk);
    let says = "(in RINGBACK_PENDING_RETENTION_SECS) is 259200, but must be at least 2592000, which is `event_retention_secs`";
    assert!(refused.talk.contains(says), "{}", refused.talk);
    serve("2592000").start().await.terminate().await;
}
