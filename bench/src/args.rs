//! The command line.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use crate::database::Database;

/// Measures Ringback beside a bare server that writes the same rows.
#[derive(Debug, clap::Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    /// Length of one window, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Windows of each subject in each scenario; the median of them is what counts.
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) windows: NonZero<u32>,
    /// Length of a window of scenario f, in seconds: endpoints that hang do so for up to 10 s.
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0, value_parser = seconds)]
    pub(crate) isolation_seconds: f64,
    /// Pending retries of the dead endpoint in scenario g.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) backlog: u32,
    /// Calls a second of the paced loads of scenario h.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "300,1500", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) rates: Vec<u32>,
    /// Connections that are kept full of calls.
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) connections: NonZero<u32>,
    /// A smoke test: one window of half a second, a backlog of ten thousand. Its numbers mean nothing.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Print one JSON document in place of the tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// Only these scenarios [default: all].
    #[arg(long, value_name = "a,b,…", value_delimiter = ',')]
    pub(crate) only: Vec<char>,
    /// Where the data folders go, which are removed afterwards [default: target/bench-data]. Must be on a
    /// real disk.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The release binary; built first if it is not given.
    #[arg(long, value_name = "FILE", env = "RINGBACK_BIN")]
    pub(crate) ringback: Option<PathBuf>,
    /// The cargo that builds it.
    #[arg(long, value_name = "FILE", env = "CARGO", default_value = "cargo", hide = true)]
    pub(crate) cargo: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What the driver starts itself as.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The bare server, until it is killed.
    #[command(hide = true)]
    Bare(BareOptions),
    /// Fill an empty database with a long history, through COPY or in large transactions.
    Seed(SeedOptions),
    /// What each operation costs in a database with a long history, beside one with a short one.
    Costs(CostsOptions),
}

/// Options of `seed`.
#[derive(Debug, clap::Args)]
pub(crate) struct SeedOptions {
    /// Which: `postgres://user@host/database`, which must exist and be empty, or a data folder, made if it
    /// does not exist.
    pub(crate) database: Database,
    /// How many events.
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: u64,
    /// Deliveries that wait, due: those of the newest events.
    #[arg(long, value_name = "N", default_value_t = 3_000)]
    pub(crate) pending: u64,
    /// What the events are drawn from: the same gives the same, apart from times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Options of `costs`.
#[derive(Debug, clap::Args)]
pub(crate) struct CostsOptions {
    /// Two databases that `seed` has filled, the one with the short history first; may be repeated, one pair
    /// for each kind of database [default: all four are made, and removed afterwards].
    #[arg(long, value_names = ["SMALL", "BIG"], num_args = 2)]
    pub(crate) pair: Vec<Database>,
    /// Events of the long history, if databases are made.
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1000..))]
    pub(crate) events: u64,
    /// Events of the short one.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1000..))]
    pub(crate) small_events: u64,
    /// Calls of each operation that are timed.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=300))]
    pub(crate) calls: u32,
    /// Count pages, and time nothing.
    #[arg(long)]
    pub(crate) pages_only: bool,
    /// Print one JSON document in place of the tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where databases are made [default: target/bench-data]. Must be on a real disk.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// Options of the bare server.
#[derive(Debug, clap::Args)]
pub(crate) struct BareOptions {
    /// An empty folder for its database.
    #[arg(long)]
    pub(crate) data_dir: PathBuf,
    /// Where every event is delivered; nowhere if it is not given.
    #[arg(long)]
    pub(crate) receiver: Option<http::Uri>,
}

/// How long and how often is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Length of a window.
    pub(crate) window: Duration,
    /// Windows of each subject.
    pub(crate) windows: u32,
    /// What precedes them and does not count.
    pub(crate) warm_up: Duration,
    /// Connections that are kept full.
    pub(crate) connections: u32,
    /// Length of a window of the scenario in which endpoints misbehave.
    pub(crate) isolation_window: Duration,
    /// Rows that wait for the dead endpoint.
    pub(crate) backlog: u32,
}

impl Args {
    /// The plan that these flags ask for.
    pub(crate) fn plan(&self) -> Plan {
        let half_a_second = Duration::from_millis(500);
        let connections = self.connections.get();
        if self.quick {
            return Plan {
                window: half_a_second,
                windows: 1,
                warm_up: half_a_second,
                connections,
                isolation_window: half_a_second,
                backlog: 10_000,
            };
        }
        Plan {
            window: Duration::from_secs_f64(self.seconds),
            windows: self.windows.get(),
            warm_up: Duration::from_secs(1),
            connections,
            isolation_window: Duration::from_secs_f64(self.isolation_seconds),
            backlog: self.backlog,
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let secs: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.1..=600.0).contains(&secs) { Ok(secs) } else { Err("not between 0.1 and 600".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Args;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
        assert!(Args::try_parse_from(["bench", "--seconds", "0"]).is_err());
        assert!(Args::try_parse_from(["bench", "--windows", "0"]).is_err());
    }

    #[test]
    fn quick_overrides_the_lengths() {
        let plan = Args::try_parse_from(["bench", "--quick", "--seconds", "9"]).unwrap().plan();
        assert_eq!((plan.window.as_millis(), plan.windows), (500, 1));
    }
}
