//! A command as a person types it.

use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::BINARY;

/// What a command came to.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// What it printed as JSON, whatever its exit code.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|_| panic!("not JSON: {}\n{}", self.stdout, self.stderr))
    }

    /// Fails if it says this anywhere.
    pub(crate) fn hides(&self, secret: &str) {
        for text in [&self.stdout, &self.stderr] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

/// Runs `ringback …` with these variables and no others.
pub(crate) async fn ringback(args: &[&str], environment: &[(&str, &str)]) -> Done {
    let mut command = Command::new(BINARY);
    command.args(args).env_clear().envs(environment.iter().copied()).current_dir("/").stdin(Stdio::null());
    let output = command.kill_on_drop(true).output().await.unwrap();
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
