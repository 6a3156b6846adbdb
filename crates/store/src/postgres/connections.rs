//! Connections to the server: pooled, and their transactions. Each statement, and each transaction as a
//! whole, has a bound in time that this side watches: a server that is stopped acknowledges what it is sent
//! and says nothing.
//!
//! Statements are prepared once for each connection. A pooler such as PgBouncer may give each transaction
//! another session of the server: through it a statement goes with its values in one message, by the types
//! that were learned at the server itself.
//!
//! What is *not* guaranteed: that a statement which was given up has not been carried out.

use std::borrow::Cow;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::PoolError;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::connecting::ConnectError;
use super::failure::{DatabaseError, Failure, Verdict, verdict};
use super::pool::{Object, Pool, Server, Session};
use super::types::Types;

/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(5);

/// How long a single statement may take, or a transaction with all that belongs to it.
pub(super) const BOUND: Duration = Duration::from_secs(10);

/// The settings that Ringback relies on, one statement for each; `$set` is how they are set.
///
/// A node that stops in the middle of a transaction holds its locks for less than the time in which its work
/// is to go on elsewhere, and who waits for a lock hears of it before its own bound. JIT is off: compiling
/// would cost more than these statements.
///
/// Each statement goes by the indices that were made for it, row by row. What the planner takes from
/// statistics would lead it elsewhere: a prepared statement is planned while its tables are empty, as those
/// of a new partition are each week, and reads them from end to end when they no longer are; and how much
/// there is for the one endpoint or project that is asked for it takes from the average of all, and sorts
/// what an index has in order. So a plan for the very values at hand is no better than the one for any, and
/// to make it costs more than the statement itself.
macro_rules! settings {
    ($set:literal) => {
        concat!(
            $set,
            " idle_in_transaction_session_timeout = '3s'; ",
            $set,
            " lock_timeout = '6s'; ",
            $set,
            " statement_timeout = '9s'; ",
            $set,
            " jit = off; ",
            $set,
            " plan_cache_mode = force_generic_plan; ",
            $set,
            " enable_sort = off; ",
            $set,
            " enable_seqscan = off; ",
            $set,
            " enable_hashjoin = off; ",
            $set,
            " enable_mergejoin = off"
        )
    };
}

/// What holds for every session. A commit is on the disk when it is answered.
pub(super) const SESSION: &str = concat!("SET synchronous_commit = on; ", settings!("SET"));

/// Begins a transaction that writes. The setting is repeated per transaction, in case a proxy switches
/// sessions.
const WRITE: &str = "BEGIN; SET LOCAL synchronous_commit = on";

/// Said before a commit that had a tighter bound: a server that ends a commit which waits for its standby
/// says that it is done.
const UNBIND: &str = "SET LOCAL statement_timeout = '9s'";

/// Begins a transaction that reads.
const READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What holds for a transaction, where sessions are not ours.
const OURS_FOR_A_WHILE: &str = concat!("; ", settings!("SET LOCAL"));

/// A parameter of a statement.
pub(super) type Param<'a> = &'a (dyn ToSql + Sync);

/// The parameters of a statement.
pub(super) type Params<'a> = &'a [Param<'a>];

/// What a statement comes to. Boxed, so that the compiler need not look into it to see that it may be sent
/// between threads.
pub(super) type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// A pool.
pub(super) struct Connections {
    pool: Pool,
    /// Of statements' parameters, if sessions are not ours.
    types: Option<Arc<Types>>,
}

impl Connections {
    /// Connections to the server itself. They are made when first needed, at most `size`.
    pub(super) fn direct(
        address: &PostgresAddress,
        tls: MakeRustlsConnect,
        size: usize,
        tasks: &TaskTracker,
    ) -> Self {
        Self::new(Server::new(address.clone(), tls, tasks.clone(), Some(SESSION)), size, None)
    }

    /// Connections to a pooler before the server, for which `types` knows it.
    pub(super) fn pooled(
        address: &PostgresAddress,
        tls: MakeRustlsConnect,
        size: usize,
        tasks: &TaskTracker,
        types: Arc<Types>,
    ) -> Self {
        Self::new(Server::new(address.clone(), tls, tasks.clone(), None), size, Some(types))
    }

    fn new(server: Server, size: usize, types: Option<Arc<Types>>) -> Self {
        let pool = Pool::builder(server)
            .max_size(size)
            .runtime(deadpool::Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .build()
            .expect("a pool with timeouts has been given the runtime that they need");
        Self { pool, types }
    }

    /// A connection for single statements, each its own transaction.
    pub(super) async fn get(&self) -> Result<Connection, Failure> {
        self.get_until(Instant::now() + BOUND, None).await
    }

    /// A transaction that writes. Each of its statements sees what was committed before that statement.
    pub(super) async fn write(&self) -> Result<Transaction, Failure> {
        self.write_within(Instant::now() + BOUND, None).await
    }

    /// A transaction that writes, and is over by then. The server ends each of its statements but the commit
    /// after `bound`, if one is given, and the connection is as good as before.
    pub(super) async fn write_within(
        &self,
        until: Instant,
        bound: Option<Duration>,
    ) -> Result<Transaction, Failure> {
        self.begin(WRITE, until, bound).await
    }

    /// A transaction that reads, all its statements the same moment.
    pub(super) async fn read(&self) -> Result<Transaction, Failure> {
        self.begin(READ, Instant::now() + BOUND, None).await
    }

    async fn begin(
        &self,
        sql: &str,
        until: Instant,
        bound: Option<Duration>,
    ) -> Result<Transaction, Failure> {
        // Made first: who gives up while it begins leaves it open.
        let connection = Some(self.get_until(until, Some(until)).await?);
        let transaction = Transaction { connection, is_bounded: bound.is_some() };
        let mut sql = match self.types {
            Some(_) => Cow::Owned(format!("{sql}{OURS_FOR_A_WHILE}")),
            None => Cow::Borrowed(sql),
        };
        if let Some(bound) = bound {
            // None at all would be no bound.
            let ms = bound.as_millis().max(1);
            sql.to_mut().push_str(&format!("; SET LOCAL statement_timeout = {ms}"));
        }
        transaction.batch(&sql).await?;
        Ok(transaction)
    }

    async fn get_until(&self, until: Instant, end: Option<Instant>) -> Result<Connection, Failure> {
        let object = timeout_at(until, self.pool.get()).await;
        let object = object.map_err(|_| Failure::Unavailable(DatabaseError::NoConnection))??;
        Ok(Connection {
            object: Some(object),
            types: self.types.clone(),
            end,
            is_broken: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
        })
    }

    /// Fails once the store is closed: for reads that need no connection.
    pub(super) fn check_open(&self) -> Result<(), Failure> {
        if self.pool.is_closed() { Err(Failure::Closed) } else { Ok(()) }
    }

    /// No more connections are given out.
    pub(super) fn close(&self) {
        self.pool.close();
        if let Some(types) = &self.types {
            types.close();
        }
    }
}

impl From<PoolError<ConnectError>> for Failure {
    fn from(error: PoolError<ConnectError>) -> Self {
        match error {
            PoolError::Backend(error) => Self::Unavailable(DatabaseError::NotConnected(error)),
            PoolError::Closed => Self::Closed,
            PoolError::Timeout(_) | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                Self::Unavailable(DatabaseError::NoConnection)
            }
        }
    }
}

/// A connection out of the pool. When dropped it goes back, if it is sound and nothing is under way on it.
pub(super) struct Connection {
    /// Present until it is dropped.
    object: Option<Object>,
    types: Option<Arc<Types>>,
    /// When all that is done over it must be over; `None`: each statement has its own bound.
    end: Option<Instant>,
    is_broken: AtomicBool,
    /// Statements that were sent and whose answer is not there.
    under_way: AtomicUsize,
}

impl Connection {
    /// Prepares statements, so that those which are begun one after the other are sent in that sequence.
    pub(super) async fn prepare(&self, statements: &[&'static str]) -> Result<(), Failure> {
        for sql in statements {
            self.plan(sql).await?;
        }
        Ok(())
    }

    /// How a statement is sent. Does not wait if it was sent before.
    async fn plan(&self, sql: &str) -> Result<Plan, Failure> {
        Ok(match &self.types {
            None => Plan::Prepared(self.run(self.session().prepare(sql)).await?),
            Some(types) => Plan::Whole(types.of(sql).await?),
        })
    }

    /// The types of a statement's parameters, as the server sees them.
    pub(super) async fn types_of(&self, sql: &str) -> Result<Arc<[Type]>, Failure> {
        let statement = self.run(self.session().prepare(sql)).await?;
        Ok(statement.params().into())
    }

    /// All rows.
    pub(super) fn query<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, Vec<Row>> {
        Box::pin(async move {
            let client = &self.session().client;
            match self.plan(sql).await? {
                Plan::Prepared(statement) => self.run(client.query(&statement, params)).await,
                Plan::Whole(types) => self.run(client.query_typed(sql, &typed(params, &types))).await,
            }
        })
    }

    /// The one row there is, or none.
    pub(super) fn query_opt<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, Option<Row>> {
        Box::pin(async move { at_most_one(self.query(sql, params).await?) })
    }

    /// The one row there must be.
    pub(super) fn query_one<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, Row> {
        Box::pin(async move {
            let row = at_most_one(self.query(sql, params).await?)?;
            row.ok_or_else(|| Failure::unreadable(DatabaseError::RowCount))
        })
    }

    /// Says how many rows were changed.
    pub(super) fn execute<'a>(&'a self, sql: &'a str, params: Params<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            let client = &self.session().client;
            match self.plan(sql).await? {
                Plan::Prepared(statement) => self.run(client.execute(&statement, params)).await,
                Plan::Whole(types) => self.run(client.execute_typed(sql, &typed(params, &types))).await,
            }
        })
    }

    /// Several statements of fixed text, one after the other in one round trip.
    pub(super) async fn batch(&self, sql: &str) -> Result<(), Failure> {
        self.run(self.session().client.batch_execute(sql)).await
    }

    /// Does something over it within the bound, and notes what an error says of the connection.
    async fn run<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let until = self.end.unwrap_or_else(|| Instant::now() + BOUND);
        match timeout_at(until, work).await {
            Ok(outcome) => {
                self.under_way.fetch_sub(1, Ordering::Relaxed);
                outcome.map_err(|error| {
                    self.note(verdict(&error));
                    error.into()
                })
            }
            Err(_) => {
                self.note(Verdict::AllDoubtful);
                Err(Failure::Unavailable(DatabaseError::NoAnswer))
            }
        }
    }

    fn note(&self, verdict: Verdict) {
        if verdict == Verdict::Sound {
            return;
        }
        self.is_broken.store(true, Ordering::Relaxed);
        if verdict == Verdict::AllDoubtful
            && let Some(pool) = self.object.as_ref().and_then(Object::pool)
        {
            pool.manager().doubt_all();
        }
    }

    fn session(&self) -> &Session {
        self.object.as_ref().expect("it is taken out only when dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let is_usable = !*self.is_broken.get_mut() && *self.under_way.get_mut() == 0;
        if !is_usable && let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}

/// How a statement is sent.
enum Plan {
    /// By its name, with values.
    Prepared(Statement),
    /// Its text, with values of these types.
    Whole(Arc<[Type]>),
}

fn typed<'a>(params: Params<'a>, types: &[Type]) -> Vec<(Param<'a>, Type)> {
    params.iter().copied().zip(types.iter().cloned()).collect()
}

fn at_most_one(mut rows: Vec<Row>) -> Result<Option<Row>, Failure> {
    let row = rows.pop();
    if rows.is_empty() { Ok(row) } else { Err(Failure::unreadable(DatabaseError::RowCount)) }
}

/// A transaction. Dropped without a commit, it is rolled back; also when its caller has gone away in the
/// middle of a statement.
pub(super) struct Transaction {
    /// Present until the end.
    connection: Option<Connection>,
    /// Whether its statements have a bound of their own.
    is_bounded: bool,
}

impl Transaction {
    /// Commits: on the disk when this returns. [`Failure::InDoubt`] if the answer is lost.
    pub(super) async fn commit(mut self) -> Result<(), Failure> {
        let commit = self.run(self.session().client.batch_execute("COMMIT"));
        let committed = if self.is_bounded {
            // Sent together, and in this sequence.
            let (unbound, committed) = tokio::join!(biased; self.batch(UNBIND), commit);
            unbound.and(committed)
        } else {
            commit.await
        };
        committed.map_err(Failure::at_commit)?;
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
        let Some(mut connection) = self.connection.take() else { return };
        // Its end rolls back as well.
        if *connection.is_broken.get_mut() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(roll_back(connection))),
            // Without a runtime nobody can say so.
            Err(_) => connection.is_broken = AtomicBool::new(true),
        }
    }
}

/// A connection that does not even take this is of no further use.
async fn roll_back(mut connection: Connection) {
    connection.end = None;
    let outcome = connection.run(connection.session().client.batch_execute("ROLLBACK")).await;
    match outcome {
        // What was sent before has been answered before.
        Ok(()) => connection.under_way = AtomicUsize::new(0),
        Err(_) => connection.is_broken = AtomicBool::new(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANDBOOK: &str = include_str!("../../../../docs/SCALING.md");

    #[test]
    fn the_documented_pooler_makes_sessions_as_they_are_made_without_one() {
        let quoted = HANDBOOK.split("connect_query='").nth(1).and_then(|rest| rest.split('\'').next());
        assert_eq!(quoted.unwrap(), SESSION.replace('\'', "\""));
    }
}
