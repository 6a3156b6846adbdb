//! Settings of `serve`, from the environment, a file and flags: what is none of them, and what is said of one
//! that is wrong.

use std::process::Stdio;

use ringback_testkit::Gateway;
use tokio::process::Command;

use crate::{BINARY, Done};

/// Runs `ringback serve …`, which is to be refused at once.
async fn serve(args: &[&str], environment: &[(&str, &str)]) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.arg("serve").args(args).env_clear().env("HOME", folder.path()).envs(environment.iter().copied());
    let output = command.current_dir("/").stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn variables_of_the_commands_and_of_kubernetes_are_no_settings() {
    let gateway = Gateway::builder(BINARY)
        .env("RINGBACK_URL", "http://ringback.internal:4600")
        .env("RINGBACK_PROJECT", "default")
        .env("RINGBACK_API_KEY", "sk-of-some-project")
        .env("RINGBACK_SIGNING_SECRET", "whsec_c2VjcmV0")
        .env("RINGBACK_SERVICE_HOST", "10.96.0.7")
        .env("RINGBACK_SERVICE_PORT", "4600")
        .env("RINGBACK_PORT", "tcp://10.96.0.7:4600")
        .env("RINGBACK_PORT_4600_TCP_ADDR", "10.96.0.7")
        .env("RINGBACK_DB_SERVICE_HOST", "10.96.0.8")
        .env("RINGBACK_DB_PORT", "tcp://10.96.0.8:5432")
        .start()
        .await;
    gateway.terminate().await;
}

#[tokio::test]
async fn a_wrong_setting_is_named_with_its_place_and_what_it_may_be() {
    let https = "it must be an http or https URL, such as https://hooks.example.com";
    let listen = "it must be HOST:PORT, such as 127.0.0.1:4600";
    for (flag, value, says) in [
        ("--listen", "foo", listen),
        ("--listen", ":4700", listen),
        ("--listen", "127.0.0.1:99999", listen),
        ("--public-url", "foo", https),
        ("--public-url", "ftp://h", https),
        ("--public-url", "https://h/?a=b", "it must be without a query"),
        ("--public-url", "https://h/#a", "it must be without a query"),
        ("--public-url", "https://user:hunter2@h/", "it must be without user name and password"),
    ] {
        let setting = flag.trim_start_matches("--").replace('-', "_");
        let said = format!("the setting `{setting}` (in {flag}): {says}");
        is_refused(&serve(&[flag, value], &[]).await, &said);
        let variable = format!("RINGBACK_{}", setting.to_uppercase());
        let said = format!("the setting `{setting}` (in {variable}): {says}");
        is_refused(&serve(&[], &[(&variable, value)]).await, &said);
    }
    for (variable, value, says) in [
        ("RINGBACK_DEV", "1", "`dev` (in RINGBACK_DEV) must be `true` or `false`"),
        (
            "RINGBACK_LOG",
            "debug",
            "`log` (in RINGBACK_LOG) is a table of settings: set one of them, such as `log.level` (RINGBACK_LOG_LEVEL)",
        ),
        (
            "RINGBACK_LOG_LEVEL",
            "loud",
            "`log.level` (in RINGBACK_LOG_LEVEL) must be one of error, warn, info",
        ),
        (
            "RINGBACK_MAX_INFLIGHT",
            "5",
            "`max_inflight` (in RINGBACK_MAX_INFLIGHT); did you mean `max_in_flight`?",
        ),
        ("RINGBACK_PORT", "4700", "there is no setting `port` (in RINGBACK_PORT)"),
    ] {
        is_refused(&serve(&[], &[(variable, value)]).await, says);
    }
    assert!(
        !serve(&[], &[("RINGBACK_FOO", "5")]).await.stderr.contains("did you mean"),
        "nothing is like it"
    );
}

#[tokio::test]
async fn a_wrong_setting_of_a_file_is_said_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.toml");
    for (content, says) in [
        (
            "egress = 5",
            "is a table of settings: set one of them, such as `egress.allow` (RINGBACK_EGRESS_ALLOW)",
        ),
        ("listen = 4600", "must be a text, which a file has in quotation marks"),
        ("public_url = 'hunter2'", "it must be an http or https URL"),
    ] {
        std::fs::write(&file, content).unwrap();
        let done = serve(&["--config", file.to_str().unwrap()], &[]).await;
        is_refused(&done, says);
        assert!(done.stderr.contains("node.toml)"), "{}", done.stderr);
    }
}

fn is_refused(done: &Done, says: &str) {
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(done.stderr.contains(says), "no {says:?} in:\n{}", done.stderr);
    assert!(!done.stderr.contains(".rs") && !done.stderr.contains("hunter2"), "{}", done.stderr);
}
