//! The plans of the statements that must stay cheap however much is stored: each goes by the index it was
//! made for, and sorts nothing that has no limit.
//!
//! PostgreSQL plans by statistics, so a database is filled and analysed first: many events and deliveries
//! that are over, few that wait, over several partitions. What is asserted is the generic plan, the one for
//! parameters that are not known, which a prepared statement may get at any time.

mod cost;
mod lists;
mod replaying;
mod retention;
mod work;

use std::collections::{BTreeSet, HashMap};

use ringback_domain::TypedId;
use tokio_postgres::Client;

use super::Refused;
use super::connections;
use super::migrate::{self, Migrate};
use super::schema::Schema;
use super::server::{Server, connect};
use super::statement::Statement;
use crate::page::{Order, PageRequest};

const FILL: &str = include_str!("plans/fill.sql");

/// Values are null here: by them every partition would be left out before it is shown.
const GENERIC: &str = "\
    SET plan_cache_mode = force_generic_plan; SET enable_partition_pruning = off; SET statement_timeout = 0";

/// A filled database. What a plan reads: each index or, as `table!`, each table that is read from end to end;
/// of a partitioned one its own name. The indices of tables of the configuration are left out. And what it
/// sorts by.
struct Plans {
    client: Client,
    database: String,
    /// What each partition, of a table or of an index, is a part of.
    wholes: HashMap<String, String>,
}

impl Drop for Plans {
    fn drop(&mut self) {
        Server::get().admin(&format!("DROP DATABASE {} WITH (FORCE)", self.database));
    }
}

impl Plans {
    async fn new(name: &str) -> Self {
        let server = Server::get();
        let database = format!("{}_{name}", server.prefix);
        server.admin(&format!("CREATE DATABASE {database} TEMPLATE template0"));
        let url = server.url(&database);
        let mut client = connect(&url).await.unwrap();
        let refused = Refused::of(&url.parse().unwrap());
        migrate::run(&mut client, &refused, &Schema::default(), Migrate::Expand).await.unwrap();
        client.batch_execute(FILL).await.unwrap();
        client.batch_execute(connections::SESSION).await.unwrap();
        client.batch_execute(GENERIC).await.unwrap();
        let wholes = "SELECT inhrelid::regclass::text, inhparent::regclass::text FROM pg_inherits";
        let wholes = client.query(wholes, &[]).await.unwrap();
        let wholes = wholes.iter().map(|row| (row.get(0), row.get(1))).collect();
        Self { client, database, wholes }
    }

    async fn explain(&self, sql: &str) -> Vec<String> {
        self.client.batch_execute(&format!("PREPARE planned AS {sql}")).await.unwrap();
        let count = "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'planned'";
        let count: i32 = self.client.query_one(count, &[]).await.unwrap().get(0);
        let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
        let params = if count == 0 { String::new() } else { format!("({nulls})") };
        let explain = format!("EXPLAIN (COSTS OFF) EXECUTE planned{params}");
        let lines = self.client.simple_query(&explain).await.unwrap();
        self.client.batch_execute("DEALLOCATE planned").await.unwrap();
        let text = |message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        lines.into_iter().filter_map(text).collect()
    }

    async fn assert(&self, sql: &str, expected: &[&str]) {
        let lines = self.explain(sql).await;
        let mut reads: BTreeSet<String> = lines.iter().filter_map(|line| self.read_by(line)).collect();
        reads.extend(lines.windows(2).filter_map(|two| sorted_by(&two[0], &two[1])));
        let expected: BTreeSet<&str> = expected.iter().copied().collect();
        assert!(reads.iter().eq(&expected), "{reads:?} by {sql}:\n{}", lines.join("\n"));
    }

    async fn assert_statement(&self, statement: &Statement, expected: &[&str]) {
        self.assert(&statement.sql, expected).await;
    }

    fn read_by(&self, line: &str) -> Option<String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |word: &str| words.iter().position(|w| *w == word).and_then(|at| words.get(at + 1));
        let whole = |part: &str| self.wholes.get(part).cloned().unwrap_or_else(|| part.to_owned());
        if line.contains("Seq Scan on ") {
            let table = whole(after("on")?);
            return (!TINY.contains(&table.as_str())).then(|| format!("{table}!"));
        }
        let is_index = line.contains("Index Scan") || line.contains("Index Only Scan");
        let index = match line.contains("Bitmap Index Scan") {
            true => after("on")?,
            false if is_index => after("using").or_else(|| words.iter().rev().nth(1))?,
            false => return None,
        };
        let index = whole(index);
        let is_small = SMALL.iter().any(|table| index.starts_with(table));
        (!is_small).then_some(index)
    }
}

/// What a node of a plan sorts by, from its line and the next.
fn sorted_by(node: &str, next: &str) -> Option<String> {
    let is_sort = node.trim().trim_start_matches("->").trim_start() == "Sort";
    let key = next.trim().strip_prefix("Sort Key: ")?;
    // A table that occurs twice has a number the second time.
    is_sort.then(|| format!("sorted by {}", key.replace("_1.", ".")))
}

/// Those that have a row for each node, or one.
const TINY: [&str; 4] = ["cluster_identity", "config_version", "nodes", "dead_nodes"];

/// Those that are small beside what is stored for events: which of their indices is read says little.
const SMALL: [&str; 9] = [
    "cluster_identity",
    "projects",
    "sources",
    "endpoints",
    "replays",
    "config_version",
    "nodes",
    "dead_nodes",
    "endpoint_owners",
];

fn id<I: TypedId>() -> I {
    I::from_bytes([1; 16])
}

fn pages<I: TypedId>() -> [PageRequest<I>; 4] {
    [(Order::Asc, None), (Order::Desc, None), (Order::Asc, Some(id())), (Order::Desc, Some(id()))]
        .map(|(order, after)| PageRequest { after, limit: 20, order })
}
