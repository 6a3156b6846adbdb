//! A subject as a child process: its ready line, and its end.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::failure::Failure;

/// How long a subject may take to stop.
const LONGEST_STOP: Duration = Duration::from_secs(20);

/// A server that has said where it listens. Dropping it kills it.
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    pid: u32,
    url: String,
    /// Kept open: a server that talks on must not find its stdout closed.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts a command whose first line on stdout is `{"object":"server","url":…}`.
    pub(crate) async fn start(name: &'static str, mut command: Command) -> Result<Self, Failure> {
        let action = "start a server";
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(Failure::io(action))?;
        let pid = child.id().expect("a child that was not waited for has its pid");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).await.map_err(Failure::io(action))?;
        let url = ready_url(&line).ok_or(Failure::NotReady { server: name, line })?;
        Ok(Self { name, child, pid, url, _stdout: stdout })
    }

    /// Its address, such as `http://127.0.0.1:41234`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends it a signal by this name. By the system's `kill`: to signal a process is unsafe code in Rust.
    pub(crate) async fn signal(&self, name: &str) -> Result<(), Failure> {
        let mut kill = Command::new("kill");
        kill.args(["-s", name]).arg(self.pid.to_string());
        kill.status().await.map(drop).map_err(Failure::io("signal a server"))
    }

    /// Ends it at once.
    pub(crate) async fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().await.map_err(Failure::io("kill a server"))
    }

    /// Asks it to stop, and waits for that.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        self.signal("TERM").await?;
        match timeout(LONGEST_STOP, self.child.wait()).await {
            Ok(ended) => ended.map(drop).map_err(Failure::io("stop a server")),
            Err(_) => Err(Failure::NotStopped { server: self.name, after: LONGEST_STOP }),
        }
    }
}

fn ready_url(line: &str) -> Option<String> {
    let ready: Value = serde_json::from_str(line).ok()?;
    (ready["object"] == "server").then(|| ready["url"].as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::ready_url;

    #[test]
    fn only_a_ready_line_names_a_url() {
        assert_eq!(ready_url(r#"{"object":"server","url":"http://x"}"#).as_deref(), Some("http://x"));
        for other in ["", "{}", r#"{"object":"server"}"#, r#"{"object":"error","url":"http://x"}"#] {
            assert_eq!(ready_url(other), None, "{other}");
        }
    }
}
