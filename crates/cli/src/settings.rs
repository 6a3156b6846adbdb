//! Settings: `ringback.toml`, then `RINGBACK_…` variables, then flags. `docs/SETTINGS.md` is their reference.

mod address;
mod database;
#[cfg(test)]
mod document;
mod egress;
mod environment;
mod ranges;
mod secret;
mod source;
#[cfg(test)]
mod tests;
mod wording;

use std::path::PathBuf;
use std::time::Duration;

use ringback_delivery::DeliverySettings;
use ringback_egress::Policy;
use ringback_server::ServerSettings;
use serde::Deserialize;
use tokio::net::TcpListener;
use url::Url;

use crate::exit::CliError;

use address::{ListenAddress, PublicUrl};
pub(crate) use database::{Database, DatabaseFlags, PostgresAccess};
use egress::EgressSettings;
pub(crate) use secret::SecretText;
pub(crate) use source::{default_data_dir, load, load_for_database};

/// Everything that can be set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The address to listen on. Default `127.0.0.1:4600`.
    pub(crate) listen: ListenAddress,
    /// Where the database and the keys are kept; with `database`, only the admin key. Default
    /// `$XDG_DATA_HOME/ringback` or `~/.local/share/ringback`.
    pub(crate) data_dir: PathBuf,
    /// The PostgreSQL database that this node shares with others:
    /// `postgres://user:password@host:port/database`, or `file:` and the path of a file that holds that.
    /// Default: a database file in the data folder, for one node.
    #[serde(default)]
    pub(crate) database: Option<SecretText>,
    /// The same database without a pooler in between, if `database` is PgBouncer or the like in transaction
    /// mode: each node has one connection there, by which it lives and hears of the others. Default: as
    /// `database`.
    #[serde(default)]
    pub(crate) database_session: Option<SecretText>,
    /// How many connections to PostgreSQL a node has at most for reads and changes. It has two more for what
    /// is written in batches, and one of its own: by default 11 in all. Default 8, from 2 to 1,000.
    #[serde(default)]
    pub(crate) database_connections: Option<usize>,
    /// The URL that senders reach this server by; the URLs of sources begin with it. Default: the listen
    /// address.
    #[serde(default)]
    pub(crate) public_url: Option<PublicUrl>,
    /// For development: endpoints may be on loopback and private addresses, over plain HTTP. Default false.
    #[serde(default)]
    pub(crate) dev: bool,
    /// The admin key at every start; a changed value revokes the former. Default: one is made at the first
    /// start and kept in the data folder. At least 16 characters. Better given by the environment than by a
    /// file.
    #[serde(default)]
    pub(crate) admin_key: Option<SecretText>,
    /// The keys that secrets are encrypted under at rest: 32 bytes in base64, or `file:` and a path; several
    /// separated by commas, of which the first encrypts and all decrypt. With `database` it is needed, the
    /// same for all nodes; otherwise the default is one that is made and kept in the data folder.
    #[serde(default)]
    pub(crate) encryption_key: Option<SecretText>,
    /// What may be reached, and by which way.
    #[serde(default)]
    pub(crate) egress: EgressSettings,
    /// Log lines.
    #[serde(default)]
    pub(crate) log: LogSettings,
    /// The largest body a call may have, in bytes. Default 1 MiB, from 1 KiB to 256 MiB.
    #[serde(default)]
    pub(crate) max_body_bytes: Option<usize>,
    /// The largest body of a batch that is published, in bytes. Default 16 MiB, from 1 KiB to 256 MiB.
    #[serde(default)]
    pub(crate) max_batch_bytes: Option<usize>,
    /// Memory for the bodies of calls and publications that are under way, in bytes; one that does not fit is
    /// answered 503. Default 64 MiB, or one body of the largest size if that is more; up to 1 TiB, and room
    /// for one such body at least.
    #[serde(default)]
    pub(crate) max_ingest_bytes: Option<usize>,
    /// How much of that one source may take, in bytes; one call is always taken. Default 32 MiB, with the
    /// same bounds.
    #[serde(default)]
    pub(crate) max_ingest_bytes_per_source: Option<usize>,
    /// How many calls of one source are under way at once; further ones are answered 503. Default 400, from 1
    /// to 1,000,000.
    #[serde(default)]
    pub(crate) max_ingest_calls_per_source: Option<usize>,
    /// How many connections are served at once. Default 800, which fits the usual limit of 1,024 open files;
    /// from 1 to 1,000,000.
    #[serde(default)]
    pub(crate) max_connections: Option<usize>,
    /// How many attempts run at once, over all endpoints. Default 512, from 1 to 100,000.
    #[serde(default)]
    pub(crate) max_in_flight: Option<usize>,
    /// How many attempts run at once to one endpoint. Default 32, from 1 to 100,000.
    #[serde(default)]
    pub(crate) max_in_flight_per_endpoint: Option<usize>,
    /// How fast what an endpoint held while it was paused or disabled is released, in attempts a second.
    /// Default 100, from 1 to 10,000.
    #[serde(default)]
    pub(crate) release_per_sec: Option<u32>,
    /// How long every attempt to an endpoint may fail before it is disabled, in seconds; 0: for ever. Default
    /// 5 days, up to ten years.
    #[serde(default)]
    pub(crate) disable_failing_after_secs: Option<u64>,
    /// How long finished events are kept, in seconds. Default 30 days, from one minute to ten years. On
    /// PostgreSQL they go together by days: up to a quarter of it longer, one to seven days.
    #[serde(default)]
    pub(crate) event_retention_secs: Option<u64>,
    /// The hard limit of retention: how long an event is kept at most, in seconds, when a delivery of it is
    /// still pending; the delivery is then given up, paused and disabled endpoints' too. At least 4 days and
    /// `event_retention_secs`, up to ten years; 0: for ever. Default 0.
    #[serde(default)]
    pub(crate) pending_retention_secs: Option<u64>,
    /// How long a `webhook-id` is remembered for deduplication, in seconds. Default 30 days, from 96 hours,
    /// because senders retry for 72, to ten years.
    #[serde(default)]
    pub(crate) dedupe_retention_secs: Option<u64>,
    /// How long a stop waits for running requests, and then for running attempts, in seconds. Default 10, up
    /// to 3,600; 0: not at all.
    #[serde(default)]
    pub(crate) shutdown_grace_secs: Option<u64>,
}

/// Log lines, on stderr.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// `text` (default) or `json`.
    pub(crate) format: LogFormat,
    /// `error`, `warn`, `info` (default), `debug` or `trace`.
    pub(crate) level: LogLevel,
}

/// The form of log lines.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// The least important line that is still written.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub(crate) fn filter(self) -> tracing::Level {
        match self {
            Self::Error => tracing::Level::ERROR,
            Self::Warn => tracing::Level::WARN,
            Self::Info => tracing::Level::INFO,
            Self::Debug => tracing::Level::DEBUG,
            Self::Trace => tracing::Level::TRACE,
        }
    }
}

impl Settings {
    /// What may be reached.
    pub(crate) fn egress_policy(&self) -> Result<Policy, CliError> {
        self.egress.policy(self.dev)
    }

    /// The base of sources' URLs.
    pub(crate) fn public_url_for(&self, listener: &TcpListener) -> Result<Url, CliError> {
        if let Some(url) = &self.public_url {
            return Ok(url.as_url().clone());
        }
        let address = listener.local_addr().map_err(CliError::cannot_start)?;
        Url::parse(&format!("http://{address}")).map_err(CliError::cannot_start)
    }

    /// The keys of the list `encryption_key`.
    pub(crate) fn encryption_keys(&self) -> Vec<SecretText> {
        let list = self.encryption_key.as_ref().map_or("", SecretText::reveal);
        list.split(',').filter(|key| !key.trim().is_empty()).map(SecretText::from).collect()
    }

    /// How long a stop waits.
    pub(crate) fn shutdown_grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_secs.unwrap_or(10))
    }

    /// What the server is set up with; which node and database it is on, is for the caller to add.
    pub(crate) fn server(&self, public_url: Url, version: &'static str) -> ServerSettings {
        let mut settings = ServerSettings { public_url, version, ..ServerSettings::default() };
        settings.max_body_bytes = self.max_body_bytes.unwrap_or(settings.max_body_bytes);
        settings.max_batch_bytes = self.max_batch_bytes.unwrap_or(settings.max_batch_bytes);
        settings.max_ingest_bytes = self.max_ingest_bytes.unwrap_or(settings.max_ingest_bytes);
        settings.max_ingest_bytes_per_source =
            self.max_ingest_bytes_per_source.unwrap_or(settings.max_ingest_bytes_per_source);
        settings.max_ingest_calls_per_source =
            self.max_ingest_calls_per_source.unwrap_or(settings.max_ingest_calls_per_source);
        settings.max_connections = self.max_connections.unwrap_or(settings.max_connections);
        settings.shutdown_grace = self.shutdown_grace();
        settings
    }

    /// What delivery is set up with.
    pub(crate) fn delivery(&self, version: &str) -> DeliverySettings {
        let mut settings = DeliverySettings::new(version);
        settings.max_in_flight = self.max_in_flight.unwrap_or(settings.max_in_flight);
        settings.max_in_flight_per_endpoint =
            self.max_in_flight_per_endpoint.unwrap_or(settings.max_in_flight_per_endpoint);
        settings.event_retention =
            self.event_retention_secs.map_or(settings.event_retention, Duration::from_secs);
        settings.pending_retention =
            self.pending_retention_secs.filter(|secs| *secs > 0).map(Duration::from_secs);
        settings.release_per_sec = self.release_per_sec.unwrap_or(settings.release_per_sec);
        settings.disable_failing_after = match self.disable_failing_after_secs {
            None => settings.disable_failing_after,
            Some(0) => None,
            Some(secs) => Some(Duration::from_secs(secs)),
        };
        settings.dedupe_retention =
            self.dedupe_retention_secs.map_or(settings.dedupe_retention, Duration::from_secs);
        settings
    }
}
