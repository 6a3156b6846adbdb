//! One Ringback or several on one database, as an operator runs them behind a load balancer.

pub(crate) mod insert;
pub(crate) mod meter;
pub(crate) mod relay;

use std::path::Path;

use tempfile::TempDir;
use tokio::process::Command;

use crate::connection::Target;
use crate::failure::Failure;
use crate::load::Call;
use crate::process::Server;
use crate::subject::{self, Subscriber};
use crate::syncs::{Syncs, Trace};
use crate::window::Bearer;

/// The name of each, for messages and folders.
const NAME: &str = "node";
/// [`database::KEY`](crate::database::KEY), in base64.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// How nodes are started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The release binary.
    pub(crate) binary: &'a Path,
    /// The folder in which data folders are made.
    pub(crate) folder: &'a Path,
    /// The URL of the database that they share; without one there is a single node, with a database of its
    /// own.
    pub(crate) database: Option<&'a str>,
    /// How many there are.
    pub(crate) count: usize,
    /// What calls they take.
    pub(crate) call: Call,
    /// Where events are delivered.
    pub(crate) subscriber: &'a Subscriber,
    /// Whether the syncs of the first one are counted.
    pub(crate) traced: bool,
}

/// The nodes, running.
pub(crate) struct Nodes {
    servers: Vec<Server>,
    call: Call,
    targets: Vec<Target>,
    pids: Vec<u32>,
    trace: Option<Trace>,
    /// Dropped after the servers that write there.
    _folder: TempDir,
}

impl Nodes {
    /// Starts them. The first one is told what there is before the others start.
    pub(crate) async fn start(setup: Setup<'_>) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new().prefix(NAME).tempdir_in(setup.folder);
        let folder = folder.map_err(Failure::io("make a data folder"))?;
        let trace = setup.traced.then(|| Trace::to(folder.path().join("syncs")));
        let (mut servers, mut targets) = (Vec::<Server>::new(), Vec::new());
        for number in 0..setup.count {
            let traced = trace.as_ref().filter(|_| number == 0);
            let mut command =
                traced.map_or_else(|| Command::new(setup.binary), |trace| trace.command(setup.binary));
            subject::ringback(&mut command, &folder.path().join(format!("{}-{number}", subject::DATA)));
            if let Some(url) = setup.database {
                command.env("RINGBACK_DATABASE", url).env("RINGBACK_ENCRYPTION_KEY", KEY);
            }
            let server = Server::start(NAME, command).await?;
            let address = subject::target(&format!("{}/readyz", server.url()))?;
            subject::await_traffic(NAME, &address).await?;
            targets.push(match targets.first() {
                None => {
                    let source =
                        subject::configure(server.url(), std::slice::from_ref(setup.subscriber)).await?;
                    entrance(source, setup.call)
                }
                Some(first) => Target::on(first, &address),
            });
            servers.push(server);
        }
        let pids = servers.iter().map(Server::pid).collect();
        Ok(Self { servers, call: setup.call, targets, pids, trace, _folder: folder })
    }

    /// What the load is put on: all of them in turn.
    pub(crate) fn bearer(&self) -> Bearer<'_> {
        Bearer { targets: &self.targets, call: self.call, pids: &self.pids }
    }

    /// The syncs of the first one so far, if they are counted.
    pub(crate) fn syncs(&self) -> Result<Option<Syncs>, Failure> {
        self.trace.as_ref().map(Trace::count).transpose()
    }

    /// Ends them.
    pub(crate) async fn stop(self) -> Result<(), Failure> {
        for server in self.servers {
            server.stop().await?;
        }
        Ok(())
    }
}

/// Where such calls go, beside those that the source takes.
fn entrance(source: Target, call: Call) -> Target {
    match call {
        Call::Signed | Call::Spread => source,
        Call::Published => source.at(subject::PUBLISH),
        Call::PublishedTogether(_) => source.at(subject::PUBLISH_BATCH),
    }
}
