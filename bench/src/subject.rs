//! What is measured: the real binary by one of its entrances, or the bare server, each in a data folder of
//! its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{StatusCode, Uri};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::bare;
use crate::connection::{Connection, Target};
use crate::failure::Failure;
use crate::key;
use crate::load::Call;
use crate::process::Server;
use crate::syncs::Trace;

/// The folder for data within a subject's own.
pub(crate) const DATA: &str = "data";
/// The database's file within that.
pub(crate) const DATABASE_FILE: &str = "ringback.db";
/// Where one event is published.
pub(crate) const PUBLISH: &str = "/v1/webhook_events";
/// Where several are.
pub(crate) const PUBLISH_BATCH: &str = "/v1/webhook_events/batch";
/// How long a subject may take until it is ready for traffic.
const LONGEST_START: Duration = Duration::from_secs(60);

/// Which it is, and how events enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The release binary, called as OpenAI calls it.
    Ringback,
    /// The same, called with events of many types in turn.
    Spread,
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
    /// Where events are delivered; the bare server knows the first only.
    pub(crate) subscribers: &'a [Subscriber],
    /// Whether its syncs are counted.
    pub(crate) traced: bool,
}

/// An endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Subscriber {
    pub(crate) name: String,
    pub(crate) url: String,
    /// Or a wildcard. What is none is registered first.
    pub(crate) event_type: String,
    /// Whether its deliveries are held.
    pub(crate) paused: bool,
}

/// A subject, running. Its data goes with it.
pub(crate) struct Subject {
    kind: Kind,
    server: Server,
    ingest: Target,
    trace: Option<Trace>,
    /// Dropped after the server that writes there.
    folder: TempDir,
}

impl Kind {
    /// For messages and folders.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ringback | Self::Spread => "ringback",
            Self::Publish => "publish",
            Self::PublishBatch(_) => "publish-batch",
            Self::Bare => "bare",
        }
    }

    /// The heading of its column.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ringback | Self::Spread => "Ringback",
            Self::Publish => "publish",
            Self::PublishBatch(_) => "batches",
            Self::Bare => "bare server",
        }
    }

    /// How its calls are made.
    pub(crate) fn call(self) -> Call {
        match self {
            Self::Ringback | Self::Bare => Call::Signed,
            Self::Spread => Call::Spread,
            Self::Publish => Call::Published,
            Self::PublishBatch(events) => Call::PublishedTogether(events),
        }
    }
}

impl Subject {
    /// Starts one that has a source, and the endpoints.
    pub(crate) async fn start(kind: Kind, setup: Setup<'_>) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix(kind.name())
            .tempdir_in(setup.folder)
            .map_err(Failure::io("make a data folder"))?;
        let data = folder.path().join(DATA);
        let trace = setup.traced.then(|| Trace::to(folder.path().join("syncs")));
        let program = match kind {
            Kind::Bare => std::env::current_exe().map_err(Failure::io("find this program"))?,
            _ => setup.binary.to_owned(),
        };
        let mut command =
            trace.as_ref().map_or_else(|| Command::new(&program), |trace| trace.command(&program));
        match kind {
            Kind::Bare => bare(&mut command, data, setup.subscribers.first())?,
            _ => ringback(&mut command, &data),
        }
        let server = Server::start(kind.name(), command).await?;
        let ingest = match kind {
            Kind::Ringback | Kind::Spread => configure(server.url(), setup.subscribers).await?,
            Kind::Publish => target(&format!("{}{PUBLISH}", server.url()))?,
            Kind::PublishBatch(_) => target(&format!("{}{PUBLISH_BATCH}", server.url()))?,
            Kind::Bare => target(&format!("{}{}", server.url(), bare::PATH))?,
        };
        Ok(Self { kind, server, ingest, trace, folder })
    }

    /// Ends Ringback, lets `meanwhile` at its database, and starts it again. Returns also how long that took,
    /// from the start of the program until it was ready for traffic.
    pub(crate) async fn restart(
        self,
        binary: &Path,
        meanwhile: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(Self, Duration), Failure> {
        let (kind, former) = (self.kind, self.ingest.clone());
        let folder = self.stop().await?;
        meanwhile(&database(&folder))?;
        let mut command = Command::new(binary);
        ringback(&mut command, &folder.path().join(DATA));
        let begun = Instant::now();
        let server = Server::start(kind.name(), command).await?;
        let address = target(&format!("{}/readyz", server.url()))?;
        await_traffic(kind.name(), &address).await?;
        let took = begun.elapsed();
        Ok((Self { kind, ingest: former.on(&address), server, trace: None, folder }, took))
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

    /// Keeps it from running, so that it leaves the cores to another subject, until it is
    /// [thawed](Self::thaw).
    pub(crate) async fn freeze(&self) -> Result<(), Failure> {
        self.server.signal("STOP").await
    }

    /// Lets it run again.
    pub(crate) async fn thaw(&self) -> Result<(), Failure> {
        self.server.signal("CONT").await
    }

    /// Ends it at once, whatever it waits for.
    pub(crate) async fn kill(self) -> Result<(), Failure> {
        self.server.kill().await
    }

    /// Ends it. Its data goes with what is returned.
    pub(crate) async fn stop(self) -> Result<TempDir, Failure> {
        self.server.stop().await?;
        Ok(self.folder)
    }
}

/// As a user runs it, except that it logs no line for each event: the floor has no log.
pub(crate) fn ringback(command: &mut Command, data: &Path) {
    command
        .args(["serve", "--dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        // No setting of whoever runs this is to reach it.
        .env_clear()
        .env("RINGBACK_ADMIN_KEY", key::ADMIN)
        .env("RINGBACK_LOG_LEVEL", "warn")
        .current_dir("/");
}

fn bare(command: &mut Command, data: PathBuf, subscriber: Option<&Subscriber>) -> Result<(), Failure> {
    std::fs::create_dir(&data).map_err(Failure::io("make a data folder"))?;
    command.args(["bare", "--data-dir"]).arg(data);
    if let Some(Subscriber { url, .. }) = subscriber {
        command.args(["--receiver", url]);
    }
    Ok(())
}

/// The database of a Ringback that had this folder.
pub(crate) fn database(folder: &TempDir) -> PathBuf {
    folder.path().join(DATA).join(DATABASE_FILE)
}

/// Waits for the answer 200 of `/readyz`.
pub(crate) async fn await_traffic(name: &'static str, readyz: &Target) -> Result<(), Failure> {
    let patience_ends = Instant::now() + LONGEST_START;
    let mut connection = Connection::open(readyz).await?;
    while connection.get().await?.status != StatusCode::OK {
        if Instant::now() > patience_ends {
            return Err(Failure::StillNotReady { server: name, after: LONGEST_START });
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Makes the source and the endpoints. Returns where the source takes calls.
pub(crate) async fn configure(url: &str, subscribers: &[Subscriber]) -> Result<Target, Failure> {
    let server = target(&format!("{url}/"))?;
    let secret = key::source().reveal();
    let source = json!({"name": "bench", "kind": "openai", "signing_secret": secret.as_str()});
    let source = create(&server.at("/v1/webhook_sources"), &source).await?;
    for Subscriber { name, url, event_type, paused } in subscribers {
        if !event_type.ends_with('*') {
            create(&server.at("/v1/webhook_event_types"), &json!({"name": event_type})).await?;
        }
        let endpoint = json!({"name": name, "url": url, "event_types": [event_type], "paused": paused});
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

pub(crate) fn target(url: &str) -> Result<Target, Failure> {
    url.parse::<Uri>().ok().as_ref().and_then(Target::of).ok_or(Failure::MissingField { field: "url" })
}
