//! What a PostgreSQL server has done so far: its processor time, the transactions that wrote, and the bytes
//! of its log.
//!
//! Only what writes has a number, so the numbers given out are the commits that wait for the disk, and what
//! rolled back. They are the whole server's: nobody else is to use it meanwhile.

use std::ops::Sub;
use std::time::Duration;

use tokio_postgres::Client;

use crate::failure::Failure;
use crate::postgres::Postgres;
use crate::usage;

const READ: &str = "\
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8";

/// Reads one server.
pub(crate) struct Meter {
    client: Client,
    pid: u32,
}

/// What it has come to; of two readings, what came between.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    /// Of all its processes.
    pub(crate) cpu: Duration,
    /// Transactions that wrote something.
    pub(crate) commits: i64,
    /// Bytes of write-ahead log.
    pub(crate) log_bytes: i64,
}

impl Sub for Work {
    type Output = Self;

    fn sub(self, former: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(former.cpu),
            commits: self.commits - former.commits,
            log_bytes: self.log_bytes - former.log_bytes,
        }
    }
}

impl Meter {
    /// Of this server.
    pub(crate) async fn of(server: &Postgres) -> Result<Self, Failure> {
        Ok(Self { client: server.admin().await?, pid: server.pid() })
    }

    /// What the server has done since its start.
    pub(crate) async fn read(&self) -> Result<Work, Failure> {
        let row = self.client.query_one(READ, &[]).await?;
        Ok(Work { cpu: usage::tree_cpu_time(self.pid)?, commits: row.get(0), log_bytes: row.get(1) })
    }
}
