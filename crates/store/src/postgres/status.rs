//! What a database looks like from outside: its schema, its nodes, how full it is.
//!
//! One read-only look over a connection of its own, which may lead through a pooler: each statement is in a
//! transaction of its own, and nothing is set, prepared or locked beyond it, for the session may be others'
//! next. It changes nothing, and takes only locks that every reader takes, each for no longer than its
//! statement; a role that may connect and read is enough. What such a role is not shown (how large a table is
//! that it may not read is no secret to PostgreSQL) is not asked for.
//!
//! Not guaranteed: that all figures are of the same moment.

use std::time::Duration;

use ringback_domain::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::migrate::{self, History};
use super::partitions;
use super::pulse::DEAD_AFTER;
use super::schema::Schema;
use super::{Refused, connecting, tls};
use crate::error::OpenError;

/// Nothing is changed, and nobody waited for: who has a table to themselves is left alone with it.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '10s'";

const SERVER: &str = "\
    SELECT current_setting('server_version'), current_database()::text, pg_database_size(current_database()), \
           current_setting('synchronous_commit'), current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', \
           quote_ident(current_user), quote_ident(current_schema()), \
           ARRAY(SELECT quote_ident(n.nspname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace \
                 WHERE c.relname = 'refinery_schema_history' AND c.relkind = 'r' AND n.nspname IS DISTINCT FROM current_schema() \
                 ORDER BY n.nspname)";

/// Every limit that connections of this role to this database have, with how many count against it; -1 is
/// none. The server keeps some back for superusers, whom no other limit binds.
const LIMITS: &str = "\
    SELECT (SELECT coalesce(sum(numbackends), 0)::int8 FROM pg_stat_database), \
           current_setting('max_connections')::int8 - current_setting('superuser_reserved_connections')::int8 \
               - coalesce(current_setting('reserved_connections', true)::int8, 0), \
           (SELECT numbackends::int8 FROM pg_stat_database WHERE datname = current_database()), \
           CASE WHEN r.rolsuper THEN -1 ELSE (SELECT datconnlimit FROM pg_database WHERE datname = current_database()) END::int8, \
           (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid AND backend_type = 'client backend'), \
           CASE WHEN r.rolsuper THEN -1 ELSE r.rolconnlimit END::int8 \
    FROM pg_roles AS r WHERE r.rolname = current_user";

const NODES: &str = "\
    SELECT id::text, version, schema_version::int8, \
           (extract(epoch FROM started_at) * 1000)::int8, \
           greatest(0, extract(epoch FROM clock_timestamp() - heartbeat_at) * 1000)::int8, clock_ahead_ms, \
           (extract(epoch FROM heartbeat_at) * 1000)::int8, host, process_id \
    FROM (SELECT id, version, schema_version, started_at, heartbeat_at, clock_ahead_ms, host, process_id FROM nodes \
          WHERE heartbeat_at > 'epoch' \
          UNION ALL \
          SELECT id, version, schema_version, started_at, heartbeat_at, clock_ahead_ms, host, process_id FROM dead_nodes \
          WHERE heartbeat_at > clock_timestamp() - interval '1 day') AS known \
    ORDER BY started_at, id";

const SIZE: &str = "SELECT coalesce(pg_total_relation_size(to_regclass($1)), 0)";

/// A database as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseStatus {
    /// The server's, in its own words.
    pub server_version: String,
    /// The database's name.
    pub database: String,
    /// The role that looks.
    pub role: String,
    /// The schema in which it finds the tables, or would make them; `None` if there is none for it.
    pub tables_in: Option<String>,
    /// Other schemas of the database that have such tables.
    pub others_in: Vec<String>,
    /// What it takes on the disk, in bytes.
    pub size_bytes: u64,
    /// How far its tables are.
    pub schema: SchemaStatus,
    /// Who works on it, or died within a day; the oldest first.
    pub nodes: Vec<NodeStatus>,
    /// The limits of connections: the server's first, then those of the database and of the role, where there
    /// are such.
    pub connections: Vec<ConnectionLimit>,
    /// The parts of the tables that are divided by time, oldest first within each table.
    pub partitions: Vec<PartitionStatus>,
    /// What the server does at a commit if nobody says otherwise. Ringback says `on`.
    pub synchronous_commit: String,
    /// Whether the server waits for its disk at all.
    pub fsync: bool,
    /// Whether its log can mend a page that was half written.
    pub full_page_writes: bool,
}

/// A limit of how many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimit {
    /// Whose.
    pub of: Limited,
    /// Connections that count against it, this one among them.
    pub used: u32,
    /// How many there may be.
    pub max: u32,
}

/// What has a limit of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    /// The whole server, without what it keeps back for superusers.
    Server,
    /// The database: `CONNECTION LIMIT` of `ALTER DATABASE`.
    Database,
    /// The role: `CONNECTION LIMIT` of `ALTER ROLE`, over all databases.
    Role,
}

impl DatabaseStatus {
    /// The limit of which the fewest connections are left; none in a status that has none.
    #[must_use]
    pub fn tightest(&self) -> Option<ConnectionLimit> {
        self.connections.iter().copied().min_by_key(|limit| i64::from(limit.max) - i64::from(limit.used))
    }
}

impl Limited {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Database => "database",
            Self::Role => "role",
        }
    }
}

/// How far a schema is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// The newest migration that was applied; 0: none.
    pub version: u32,
    /// The newest that this program knows.
    pub newest_known: u32,
    /// What the next start applies.
    pub pending_expansions: Vec<String>,
    /// What waits for a person's word.
    pub pending_contractions: Vec<String>,
    /// Why no node of this version starts on it, if none does.
    pub obstacle: Option<String>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// A UUID, drawn at its start.
    pub id: String,
    /// Of its program.
    pub version: String,
    /// The newest migration that it knows.
    pub schema_version: u32,
    /// The name of the machine it runs on; empty if it is of a version that does not say so.
    pub host: String,
    /// The number of its process there; 0 as well.
    pub process_id: u32,
    /// By the database's clock.
    pub started_at: Timestamp,
    /// When it was heard of last, by the same clock.
    pub heartbeat_at: Timestamp,
    /// How long nothing has been heard of it.
    pub heartbeat_age: Duration,
    /// How far its clock is ahead of the database's, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Whether others take it for alive.
    pub is_alive: bool,
}

/// A part of a table that is divided by time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionStatus {
    /// `events` or `attempts`.
    pub table: String,
    /// Its own name.
    pub name: String,
    /// It holds ids made at this time or later; `None`: all that are older.
    pub from: Option<Timestamp>,
    /// It holds ids made before this time; `None`: all that are younger.
    pub until: Option<Timestamp>,
    /// With its indexes, in bytes.
    pub size_bytes: u64,
}

/// Looks at a database. One that has no schema yet has no nodes and no partitions.
///
/// # Errors
/// [`OpenError::Server`] if it cannot be reached or read; [`OpenError::Migration`] if its history cannot be
/// read.
pub async fn database_status(address: &PostgresAddress) -> Result<DatabaseStatus, OpenError> {
    status_for(address, &Schema::default()).await
}

async fn status_for(address: &PostgresAddress, schema: &Schema) -> Result<DatabaseStatus, OpenError> {
    let refused = Refused::of(address);
    let tls = tls::connector(address).map_err(|error| refused.because(error))?;
    let connected = connecting::connect(address, &tls).await;
    let (client, connection) = connected.map_err(|error| refused.because(error))?;
    let connection = TaskTracker::new().spawn(connection);
    client.batch_execute(BEGIN).await.map_err(|error| refused.by(error))?;
    let history = History::read(&client).await.map_err(|error| refused.by(error))?;
    client.batch_execute("COMMIT").await.map_err(|error| refused.by(error))?;
    let looked = look(&client, &history, schema).await.map_err(|error| refused.by(error));
    drop(client);
    // It ends with its client; how, is of no interest any more.
    let _ = connection.await;
    looked
}

async fn look(
    client: &Client,
    history: &History,
    schema: &Schema,
) -> Result<DatabaseStatus, tokio_postgres::Error> {
    let version = history.version();
    let (pending_expansions, pending_contractions) = migrate::pending(schema, version);
    let obstacle = history.check(schema).err().map(|error| match std::error::Error::source(&error) {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
    });
    let schema = SchemaStatus {
        version,
        newest_known: schema.version(),
        pending_expansions,
        pending_contractions,
        obstacle,
    };
    let server = ask_one(client, SERVER, &[]).await?;
    let (nodes, partitions) = if version == 0 {
        (Vec::new(), Vec::new())
    } else {
        (ask(client, NODES, &[]).await?.iter().map(node).collect(), parts(client).await?)
    };
    Ok(DatabaseStatus {
        server_version: server.get(0),
        database: server.get(1),
        role: server.get(6),
        tables_in: server.get(7),
        others_in: server.get(8),
        size_bytes: unsigned(&server, 2),
        schema,
        nodes,
        connections: limits(&ask_one(client, LIMITS, &[]).await?),
        partitions,
        synchronous_commit: server.get(3),
        fsync: server.get(4),
        full_page_writes: server.get(5),
    })
}

type Values<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// Asks in a transaction of its own. What fails ends the connection, and the transaction with it.
async fn ask(client: &Client, sql: &str, values: Values<'_>) -> Result<Vec<Row>, tokio_postgres::Error> {
    client.batch_execute(BEGIN).await?;
    let rows = client.query_typed(sql, values).await?;
    client.batch_execute("COMMIT").await?;
    Ok(rows)
}

/// The same for what always comes to one row.
async fn ask_one(client: &Client, sql: &str, values: Values<'_>) -> Result<Row, tokio_postgres::Error> {
    let mut rows = ask(client, sql, values).await?;
    Ok(rows.pop().expect("a SELECT of expressions has a row"))
}

fn limits(row: &Row) -> Vec<ConnectionLimit> {
    let limit = |(of, column): (Limited, usize)| {
        let max = u32::try_from(row.get::<_, i64>(column + 1)).ok()?;
        Some(ConnectionLimit { of, used: u32::try_from(unsigned(row, column)).unwrap_or(u32::MAX), max })
    };
    [(Limited::Server, 0), (Limited::Database, 2), (Limited::Role, 4)].into_iter().filter_map(limit).collect()
}

fn node(row: &Row) -> NodeStatus {
    let heartbeat_age = Duration::from_millis(unsigned(row, 4));
    NodeStatus {
        id: row.get(0),
        version: row.get(1),
        schema_version: u32::try_from(row.get::<_, i64>(2)).unwrap_or(0),
        started_at: Timestamp::from_unix_ms(row.get(3)),
        heartbeat_age,
        clock_ahead_ms: row.get(5),
        heartbeat_at: Timestamp::from_unix_ms(row.get(6)),
        host: row.get(7),
        process_id: u32::try_from(row.get::<_, i64>(8)).unwrap_or(0),
        is_alive: heartbeat_age < DEAD_AFTER,
    }
}

async fn parts(client: &Client) -> Result<Vec<PartitionStatus>, tokio_postgres::Error> {
    let mut parts = Vec::new();
    for row in ask(client, partitions::LIST, &[(&&partitions::TABLES[..], Type::TEXT_ARRAY)]).await? {
        let Some(part) = partitions::read(&row) else { continue };
        let size = ask_one(client, SIZE, &[(&part.name, Type::TEXT)]).await?;
        let (from, until) = (part.from.time(), part.until.time());
        parts.push(PartitionStatus {
            table: part.table,
            name: part.name,
            from,
            until,
            size_bytes: unsigned(&size, 0),
        });
    }
    Ok(parts)
}

/// What is never below 0.
fn unsigned(row: &Row, column: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(column)).unwrap_or(0)
}
