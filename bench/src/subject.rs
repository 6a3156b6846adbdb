//! What is measured: the real binary by one of its entrances, or the bare server, each in a data folder of its own.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Uri;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::bare;
use crate::connection::{Connection, Target};
use crate::failure::Failure;
use crate::key;
use crate::load::Call;
use crate::process::Server;
use crate::syncs::Trace;

/// Which it is, and how events enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The release binary, called as OpenAI calls it.
    Ringback,
    /// The release binary, asked to publish events one at a time.
    Publish,
    /// The release binary, asked to publish events so many at a time.
    PublishBatch(u32),
    /// The floor.
    Bare,
}

/// How a subject is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The release binary.
    pub(crate) binary: &'a Path,
    /// The folder in which data folders are made.
    pub(crate) folder: &'a Path,
    /// Where events are delivered, if they are.
    pub(crate) receiver: Option<&'a str>,
    /// Whether its syncs are counted.
    pub(crate) traced: bool,
}

/// A subject, running. Its data goes with it.
pub(crate) struct Subject {
    kind: Kind,
    server: Server,
    ingest: Target,
    trace: Option<Trace>,
    /// Dropped after the server that writes there.
    _folder: TempDir,
}

impl Kind {
    /// For messages and folders.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ringback => "ringback",
            Self::Publish => "publish",
            Self::PublishBatch(_) => "publish-batch",
            Self::Bare => "bare",
        }
    }

    /// The heading of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ringback => "Ringback",
            Self::Publish => "publish",
            Self::PublishBatch(_) => "batches",
            Self::Bare => "bare server",
        }
    }

    /// How its calls are made.
    pub(crate) fn call(self) -> Call {
        match self {
            Self::Ringback | Self::Bare => Call::Signed,
            Self::Publish => Call::Published,
            Self::PublishBatch(events) => Call::PublishedTogether(events),
        }
    }
}

impl Subject {
    /// Starts one that has a source, and an endpoint for everything if there is a receiver.
    pub(crate) async fn start(kind: Kind, setup: Setup<'_>) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix(kind.name())
            .tempdir_in(setup.folder)
            .map_err(Failure::io("make a data folder"))?;
        let data = folder.path().join("data");
        let trace = setup.traced.then(|| Trace::to(folder.path().join("syncs")));
        let program = match kind {
            Kind::Ringback | Kind::Publish | Kind::PublishBatch(_) => setup.binary.to_owned(),
            Kind::Bare => std::env::current_exe().map_err(Failure::io("find this program"))?,
        };
        let mut command =
            trace.as_ref().map_or_else(|| Command::new(&program), |trace| trace.command(&program));
        match kind {
            Kind::Ringback | Kind::Publish | Kind::PublishBatch(_) => ringback(&mut command, &data),
            Kind::Bare => bare(&mut command, data, setup.receiver)?,
        }
        let server = Server::start(kind.name(), command).await?;
        let ingest = match kind {
            Kind::Ringback => configure(server.url(), setup.receiver).await?,
            Kind::Publish => target(&format!("{}/v1/webhook_events", server.url()))?,
            Kind::PublishBatch(_) => target(&format!("{}/v1/webhook_events/batch", server.url()))?,
            Kind::Bare => target(&format!("{}{}", server.url(), bare::PATH))?,
        };
        Ok(Self { kind, server, ingest, trace, _folder: folder })
    }

    /// Which it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it takes calls.
    pub(crate) fn ingest(&self) -> &Target {
        &self.ingest
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Where its syncs are listed, if they are.
    pub(crate) fn trace(&self) -> Option<&Trace> {
        self.trace.as_ref()
    }

    /// Ends it.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.server.stop().await
    }
}

/// As a user runs it, except that it logs no line for each event: the floor has no log.
fn ringback(command: &mut Command, data: &Path) {
    command
        .args(["serve", "--dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        // No setting of whoever runs this is to reach it.
        .env_clear()
        .env("RINGBACK_ADMIN_KEY", key::ADMIN)
        .env("RINGBACK_LOG_LEVEL", "warn")
        .current_dir("/");
}

fn bare(command: &mut Command, data: PathBuf, receiver: Option<&str>) -> Result<(), Failure> {
    std::fs::create_dir(&data).map_err(Failure::io("make a data folder"))?;
    command.args(["bare", "--data-dir"]).arg(data);
    if let Some(url) = receiver {
        command.args(["--receiver", url]);
    }
    Ok(())
}

/// Makes the source, and the endpoint if there is a receiver. Returns where the source takes calls.
async fn configure(url: &str, receiver: Option<&str>) -> Result<Target, Failure> {
    let server = target(&format!("{url}/"))?;
    let secret = key::source().reveal();
    let source = json!({"name": "bench", "kind": "openai", "signing_secret": secret.as_str()});
    let source = create(&server.at("/v1/webhook_sources"), &source).await?;
    if let Some(receiver) = receiver {
        let endpoint = json!({"name": "bench", "url": receiver, "event_types": ["*"]});
        create(&server.at("/v1/webhook_endpoints"), &endpoint).await?;
    }
    target(source["url"].as_str().ok_or(Failure::MissingField { field: "url" })?)
}

async fn create(target: &Target, object: &Value) -> Result<Value, Failure> {
    let answer = Connection::open(target).await?.post(key::bearer(), Bytes::from(object.to_string())).await?;
    if !answer.status.is_success() {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        return Err(Failure::Api { status: answer.status, body });
    }
    serde_json::from_slice(&answer.body).map_err(|_| Failure::MissingField { field: "object" })
}

fn target(url: &str) -> Result<Target, Failure> {
    url.parse::<Uri>().ok().as_ref().and_then(Target::of).ok_or(Failure::MissingField { field: "url" })
}
