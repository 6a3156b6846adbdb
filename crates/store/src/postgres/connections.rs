//! Connections to the server: pooled, with prepared statements, and their transactions.

use std::ops::Deref;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::PostgresAddress;
use super::failure::Failure;

/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// What holds for every session. A commit is on the disk when it is answered; a node that stops in the middle of a transaction
/// holds its locks for a bounded time; no statement compiles itself for longer than it runs.
const SESSION: &str = "\
    SET synchronous_commit = on; SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '10s'; \
    SET statement_timeout = '30s'; SET jit = off";

/// A parameter of a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// The parameters of a statement.
pub(super) type Params<'a> = &'a [Param<'a>];

/// What a statement comes to. Boxed, so that the compiler need not look into it to see that it may be sent between threads.
pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A pool.
pub(super) struct Connections {
    pool: Pool,
}

impl Connections {
    /// Connections are made when first needed, at most `size`.
    pub(super) fn new(address: &PostgresAddress, tls: MakeRustlsConnect, size: usize) -> Self {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), tls, recycling);
        let set_up = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .post_create(set_up)
            .build()
            .expect("a pool with timeouts has been given the runtime that they need");
        Self { pool }
    }

    /// A connection for single statements, each its own transaction.
    pub(super) async fn get(&self) -> Result<Connection, Failure> {
        Ok(Connection { object: self.pool.get().await? })
    }

    /// A transaction that writes. Each of its statements sees what was committed before that statement.
    pub(super) async fn write(&self) -> Result<Transaction, Failure> {
        // Said anew, for a pool of the server's side may give each transaction another session.
        self.begin("BEGIN; SET LOCAL synchronous_commit = on").await
    }

    /// A transaction that reads, all its statements the same moment.
    pub(super) async fn read(&self) -> Result<Transaction, Failure> {
        self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    async fn begin(&self, sql: &str) -> Result<Transaction, Failure> {
        // Made first: who gives up while it begins leaves it open.
        let transaction = Transaction { connection: Some(self.get().await?) };
        transaction.object.batch_execute(sql).await?;
        Ok(transaction)
    }

    /// Fails once the store is closed: for reads that need no connection.
    pub(super) fn check_open(&self) -> Result<(), Failure> {
        if self.pool.is_closed() { Err(Failure::Closed) } else { Ok(()) }
    }

    /// No more connections are given out.
    pub(super) fn close(&self) {
        self.pool.close();
    }
}

/// A connection out of the pool, which goes back when dropped.
pub(super) struct Connection {
    object: Object,
}

impl Connection {
    /// Prepares statements, so that those which are begun one after the other are sent in that sequence.
    pub(super) async fn prepare(&self, statements: &[&'static str]) -> Result<(), Failure> {
        for sql in statements {
            self.object.prepare_cached(sql).await?;
        }
        Ok(())
    }

    /// All rows.
    pub(super) fn query<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let statement = self.object.prepare_cached(sql).await?;
            Ok(self.object.query(&statement, params).await?)
        })
    }

    /// The one row there is, or none.
    pub(super) fn query_opt<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, Option<Row>> {
        Box::pin(async move {
            let statement = self.object.prepare_cached(sql).await?;
            Ok(self.object.query_opt(&statement, params).await?)
        })
    }

    /// The one row there must be.
    pub(super) fn query_one<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, Row> {
        Box::pin(async move {
            let statement = self.object.prepare_cached(sql).await?;
            Ok(self.object.query_one(&statement, params).await?)
        })
    }

    /// Says how many rows were changed.
    pub(super) fn execute<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            let statement = self.object.prepare_cached(sql).await?;
            Ok(self.object.execute(&statement, params).await?)
        })
    }
}

/// A transaction. Dropped without a commit, it is rolled back; also when its caller has gone away in the middle of a statement.
pub(super) struct Transaction {
    /// Present until the end.
    connection: Option<Connection>,
}

impl Transaction {
    /// Commits: on the disk when this returns.
    pub(super) async fn commit(mut self) -> Result<(), Failure> {
        self.object.batch_execute("COMMIT").await?;
        self.connection = None;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is taken out only at the end, which takes the transaction")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(roll_back(connection))),
            // Without a runtime nobody can say so; the end of the connection says the same.
            Err(_) => drop(Object::take(connection.object)),
        }
    }
}

/// A connection that does not even take this is of no further use.
async fn roll_back(connection: Connection) {
    if connection.object.batch_execute("ROLLBACK").await.is_err() {
        drop(Object::take(connection.object));
    }
}
