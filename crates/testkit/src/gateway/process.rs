//! The child process: its ready line, its talk, its end.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::signal::send_signal;
use crate::wait::within;

/// How long a child may take to end once it was asked to: more than its own bound for a clean stop.
const LONGEST_STOP: Duration = Duration::from_secs(30);

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    talk: Arc<Mutex<Vec<u8>>>,
    listening: JoinSet<()>,
}

impl Process {
    pub(super) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start the gateway: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let stderr = child.stderr.take().expect("stderr is piped");
        let talk = Arc::default();
        let mut listening = JoinSet::new();
        listening.spawn(listen(stderr, Arc::clone(&talk)));
        Self { child, stdout, talk, listening }
    }

    /// The first line on stdout; `None` when there is none because the process has ended.
    pub(super) async fn first_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = within("the gateway to be ready", self.stdout.read_line(&mut line)).await;
        let length = read.expect("a child's stdout can be read");
        (length > 0).then_some(line)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id().expect("a child that was not waited for has its pid")
    }

    /// What it has said on stderr so far.
    pub(super) fn talk(&self) -> String {
        let talk = self.talk.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&talk).into_owned()
    }

    /// All it has said on stderr; to be asked for once it has ended.
    pub(super) async fn last_words(&mut self) -> String {
        within("the gateway's last words", self.listening.join_next()).await;
        self.talk()
    }

    pub(super) async fn kill(&mut self) -> ExitStatus {
        self.child.start_kill().expect("a child can be killed");
        self.ended().await
    }

    /// Sends a signal, such as `TERM`.
    pub(super) async fn signal(&self, name: &str) {
        send_signal(name, &[self.pid()]).await;
    }

    pub(super) async fn ended(&mut self) -> ExitStatus {
        match timeout(LONGEST_STOP, self.child.wait()).await {
            Ok(status) => status.expect("a child can be waited for"),
            Err(_) => panic!("the gateway did not end within {LONGEST_STOP:?}:\n{}", self.talk()),
        }
    }
}

async fn listen(mut stderr: impl AsyncRead + Unpin, talk: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 4096];
    // An error is the same as the end: nobody speaks any more.
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        talk.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..length]);
    }
}
