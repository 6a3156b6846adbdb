//! The whole real binary as a child process.

mod api;
mod builder;
mod process;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use tempfile::TempDir;

pub use builder::{GatewayBuilder, NotStarted};
use process::Process;

use crate::wait::until;

/// The admin key that every gateway is started with.
pub const ADMIN_KEY: &str = "sk-testkit-admin-key";
/// The encryption key of the gateways that share a database: 32 bytes in base64.
pub const ENCRYPTION_KEY: &str = "dGVzdGtpdC1lbmNyeXB0aW9uLWtleS0zMi1ieXRlcyE=";

/// A running `ringback serve --dev`. Dropping it kills it, and deletes its data folder if that was its own.
#[derive(Debug)]
pub struct Gateway {
    process: Process,
    url: String,
    builder: GatewayBuilder,
}

/// A gateway that has ended, with what it left behind.
#[derive(Debug)]
pub struct Stopped {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said on stderr.
    pub talk: String,
    builder: GatewayBuilder,
}

/// Where the data is: a folder of the gateway's own, which goes with the last who knows it, or one that was
/// given.
#[derive(Debug, Clone)]
enum DataDir {
    Own(Arc<TempDir>),
    Given(PathBuf),
}

impl DataDir {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Given(path) => path,
        }
    }
}

impl Gateway {
    /// Starts this binary on a free port with an empty data folder.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start(binary: impl Into<PathBuf>) -> Self {
        Self::builder(binary).start().await
    }

    /// How this binary is to be started.
    #[must_use]
    pub fn builder(binary: impl Into<PathBuf>) -> GatewayBuilder {
        GatewayBuilder::new(binary.into())
    }

    /// Its address, e.g. `http://127.0.0.1:41234`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        self.builder.data_dir().expect("a running gateway has its folder")
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// What it has said on stderr so far.
    #[must_use]
    pub fn talk(&self) -> String {
        self.process.talk()
    }

    /// Ends it by SIGKILL, in the middle of whatever it does.
    pub async fn kill(mut self) -> Stopped {
        let status = self.process.kill().await;
        self.stopped(status).await
    }

    /// Asks it by SIGTERM to stop, and does not wait for its end ([`Gateway::ended`]), so that a test can act
    /// meanwhile.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn ask_to_stop(&mut self) {
        self.process.signal("TERM").await;
    }

    /// Tells it by SIGHUP that its terminal has ended, and does not wait for anything.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn hang_up(&self) {
        self.process.signal("HUP").await;
    }

    /// Stops it by SIGSTOP where it stands: it is there and does nothing, and its connections stay open.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn freeze(&self) {
        self.process.signal("STOP").await;
    }

    /// Lets it go on by SIGCONT, as if no time had passed.
    ///
    /// # Panics
    /// When the signal cannot be sent.
    pub async fn thaw(&self) {
        self.process.signal("CONT").await;
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it does not end within 30 s, ends with an exit code other than 0, or something in it has
    /// panicked.
    pub async fn ended(mut self) -> Stopped {
        let status = self.process.ended().await;
        let stopped = self.stopped(status).await;
        assert!(status.success(), "the gateway ended with {status}:\n{}", stopped.talk);
        assert!(!stopped.talk.contains("panicked"), "something panicked:\n{}", stopped.talk);
        stopped
    }

    /// Ends a test as each should end: no delivery is left over, and SIGTERM stops it cleanly.
    ///
    /// # Panics
    /// When a delivery is still pending after [`crate::PATIENCE`], and as [`Gateway::ended`].
    pub async fn terminate(self) -> Stopped {
        self.nothing_left_over().await;
        self.terminate_with_leftovers().await
    }

    /// Stops it by SIGTERM, whatever may still be pending.
    ///
    /// # Panics
    /// As [`Gateway::ended`].
    pub async fn terminate_with_leftovers(mut self) -> Stopped {
        self.ask_to_stop().await;
        self.ended().await
    }

    async fn stopped(mut self, status: ExitStatus) -> Stopped {
        let talk = self.process.last_words().await;
        Stopped { status, talk, builder: self.builder }
    }

    fn ready(process: Process, url: String, mut builder: GatewayBuilder) -> Self {
        let address: SocketAddr = url
            .strip_prefix("http://")
            .and_then(|rest| rest.parse().ok())
            .unwrap_or_else(|| panic!("the ready line's URL is not one of an address: {url}"));
        // Started again, it is to have the URLs that it has given out.
        builder.listen = address;
        Self { process, url, builder }
    }
}

impl Stopped {
    /// Starts it again: same data folder, same port. While another process has the port, it is tried again.
    ///
    /// # Panics
    /// When it does not become ready within [`crate::PATIENCE`].
    pub async fn start(self) -> Gateway {
        until("the gateway to be ready again", || async {
            match self.builder.clone().try_start().await {
                Ok(gateway) => Some(gateway),
                Err(failure) if failure.talk.contains("cannot listen") => None,
                Err(failure) => panic!("the gateway did not start again:\n{}", failure.talk),
            }
        })
        .await
    }
}
