//! The commands as a person types them, against a running server: what they print, and the exit codes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "in a test, to panic is to fail")]

mod db;
mod endpoints;
mod event_types;
mod projects;
mod publish;
mod sending_again;
mod settings;
mod status;
mod stopping;
mod streams;
mod terminal;
mod usage;

use std::process::Stdio;

use ringback_testkit::{ADMIN_KEY, Gateway};
use serde_json::Value;
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
