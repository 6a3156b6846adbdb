//! How a gateway is started.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use serde_json::Value;
use tokio::process::Command;

use super::process::Process;
use super::{ADMIN_KEY, DataDir, ENCRYPTION_KEY, Gateway};

/// What a gateway is started with. By default: a free port, a data folder of its own, `--dev`.
#[derive(Debug, Clone)]
pub struct GatewayBuilder {
    binary: PathBuf,
    data_dir: Option<DataDir>,
    pub(super) listen: SocketAddr,
    environment: Vec<(String, String)>,
}

/// A gateway that ended instead of becoming ready.
#[derive(Debug)]
pub struct NotStarted {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it said on stderr.
    pub talk: String,
}

impl GatewayBuilder {
    pub(super) fn new(binary: PathBuf) -> Self {
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            binary,
            data_dir: None,
            listen,
            environment: vec![("RINGBACK_ADMIN_KEY".to_owned(), ADMIN_KEY.to_owned())],
        }
    }

    /// On this data folder, which is left where it is afterwards.
    #[must_use]
    pub fn on_folder(self, path: impl Into<PathBuf>) -> Self {
        Self { data_dir: Some(DataDir::Given(path.into())), ..self }
    }

    /// Listening on this address; port 0 is a free one.
    #[must_use]
    pub fn listen(self, address: SocketAddr) -> Self {
        Self { listen: address, ..self }
    }

    /// With this variable in its environment, which otherwise holds the admin key alone.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without this variable, such as `RINGBACK_ADMIN_KEY`: then it is to make a key of its own.
    #[must_use]
    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self
    }

    /// On this PostgreSQL database, with [`ENCRYPTION_KEY`] unless its environment names others. Several may
    /// run on one.
    #[must_use]
    pub fn database(mut self, url: &str) -> Self {
        self.environment.insert(0, ("RINGBACK_ENCRYPTION_KEY".to_owned(), ENCRYPTION_KEY.to_owned()));
        self.env("RINGBACK_DATABASE", url)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub async fn start(self) -> Gateway {
        match self.try_start().await {
            Ok(gateway) => gateway,
            Err(NotStarted { code, talk }) => panic!("the gateway ended with {code:?} at its start:\n{talk}"),
        }
    }

    /// Starts it and waits until it is ready, or has ended.
    ///
    /// # Errors
    /// [`NotStarted`] when it ended.
    ///
    /// # Panics
    /// When it does neither within [`crate::PATIENCE`], or what it says when ready is not what was agreed.
    pub async fn try_start(mut self) -> Result<Gateway, NotStarted> {
        let folder = self.data_dir.take().unwrap_or_else(own_folder);
        let mut process = Process::spawn(&mut self.command(folder.path()));
        self.data_dir = Some(folder);
        let Some(line) = process.first_line().await else {
            let status = process.ended().await;
            return Err(NotStarted { code: status.code(), talk: process.last_words().await });
        };
        let ready: Value = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the ready line is not JSON ({error}): {line}"));
        assert_eq!(ready["object"], "server", "the ready line is an object of another kind: {line}");
        let url = ready["url"].as_str().unwrap_or_else(|| panic!("the ready line names no url: {line}"));
        Ok(Gateway::ready(process, url.to_owned(), self))
    }

    pub(super) fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_ref().map(DataDir::path)
    }

    fn command(&self, data_dir: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["serve", "--dev", "--json", "--listen"])
            .arg(self.listen.to_string())
            .arg("--data-dir")
            .arg(data_dir)
            // No setting of whoever runs the tests, neither from the environment nor from a file, is to reach
            // it.
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::null());
        command
    }
}

fn own_folder() -> DataDir {
    DataDir::Own(Arc::new(tempfile::tempdir().expect("a folder for temporary files is there")))
}
