//! The plans of the statements that must stay cheap however much is stored: each goes by the index it was made for.
//!
//! PostgreSQL plans by statistics, so a database is filled and analysed first: many events and deliveries that are over, few that wait. What
//! is asserted is the generic plan, the one for parameters that are not known, which a prepared statement may get at any time.

use std::collections::BTreeSet;

use ringback_domain::{
    DeliveryId, DeliveryState, EndpointId, EventId, ProjectId, ReceiptId, ReplayFilter, ReplayId,
    ReplayQuery, SourceId, Timestamp, TypedId,
};
use tokio_postgres::Client;

use super::schema::Schema;
use super::server::{Server, connect};
use super::statement::Statement;
use super::{
    attempts, backlog, burial, claim, dedupe, deliveries, event_types, events, expire, finish, idempotency,
    migrate, order, orphans, prune, receipts, replay_plan, replays, routing,
};
use crate::page::{Order, PageRequest};
use crate::query::{DeliveryFilter, EventFilter};
use crate::receipts::ReceiptFilter;

/// 20 projects, 400 endpoints, 20,000 events of 40 types about 5,000 objects, each with one delivery and attempt; one in a hundred
/// is pending, and of those one in four is leased, one waits in an order, one may expire; one in fifty is dead; 40 replays made one in ten.
const FILL: &str = "\
    CREATE FUNCTION pg_temp.u(kind int, n int) RETURNS uuid LANGUAGE sql AS \
        $$ SELECT (lpad(to_hex(n), 12, '0') || '000000000000000000' || lpad(to_hex(kind), 2, '0'))::uuid $$; \
    INSERT INTO projects (id, name, created_at) SELECT pg_temp.u(1, n), n::text, 0 FROM generate_series(1, 20) AS n; \
    INSERT INTO sources (id, project_id, name, kind, status, token, created_at, updated_at) \
    SELECT pg_temp.u(2, n), pg_temp.u(1, n), '', 'openai', 'active', n::text, 0, 0 FROM generate_series(1, 20) AS n; \
    INSERT INTO endpoints (id, project_id, name, url, event_types, timeout_secs, created_at, updated_at) \
    SELECT pg_temp.u(3, n), pg_temp.u(1, 1 + n % 20), '', '', '*', 1, 0, 0 FROM generate_series(1, 400) AS n; \
    INSERT INTO events (id, project_id, source_id, type, webhook_id, object_id, created_at, payload) \
    SELECT pg_temp.u(4, n), pg_temp.u(1, 1 + n % 20), pg_temp.u(2, 1 + n % 20), 't.' || n % 40, n::text, (n % 5000)::text, n, '{}' \
    FROM generate_series(1, 20000) AS n; \
    INSERT INTO webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at) \
    SELECT source_id, webhook_id, project_id, id, decode(repeat('00', 32), 'hex'), created_at FROM events; \
    INSERT INTO receipts (id, project_id, source_id, received_at, disposition, webhook_id, event_id, secret_id) \
    SELECT id, project_id, source_id, created_at, 'accepted', webhook_id, id, id FROM events; \
    INSERT INTO receipts (id, project_id, source_id, received_at, disposition, reason, body_bytes, headers, body) \
    SELECT pg_temp.u(5, n), pg_temp.u(1, 1 + n % 20), pg_temp.u(2, 1 + n % 20), n, 'held', '', 0, '', '' \
    FROM generate_series(1, 400) AS n; \
    INSERT INTO deliveries (id, project_id, event_id, endpoint_id, trigger, state, end_reason, attempt_count, first_attempt_at, \
        created_at, due_at, lease_expires_at, finished_at, expires_at, order_key, replay_id) \
    SELECT pg_temp.u(6, n), pg_temp.u(1, 1 + n % 20), pg_temp.u(4, n), pg_temp.u(3, 1 + n % 400), \
        CASE WHEN n % 10 = 3 THEN 'replay' ELSE 'event' END, \
        CASE WHEN n % 100 = 0 THEN 'pending' WHEN n % 50 = 1 THEN 'dead' ELSE 'delivered' END, \
        CASE WHEN n % 50 = 1 AND n % 100 <> 0 THEN 'schedule_exhausted' END, \
        CASE WHEN n % 100 = 0 THEN 0 ELSE 1 END, CASE WHEN n % 100 = 0 THEN NULL ELSE n END, n, \
        CASE WHEN n % 100 = 0 AND n % 400 <> 100 THEN n END, CASE WHEN n % 400 = 0 THEN n END, \
        CASE WHEN n % 100 = 0 THEN NULL ELSE n END, CASE WHEN n % 400 = 200 THEN n END, \
        CASE WHEN n % 400 = 100 THEN n::text END, CASE WHEN n % 10 = 3 THEN pg_temp.u(7, n % 40) END \
    FROM generate_series(1, 20000) AS n; \
    INSERT INTO attempts (delivery_id, id, number, outcome, status_code, started_at, duration_ms, response_body) \
    SELECT id, id, 1, 'succeeded', 200, 0, 0, '' FROM deliveries WHERE attempt_count > 0; \
    INSERT INTO idempotency_keys (project_id, route, key, request_sha256, created_at, nonce, run_id) \
    SELECT pg_temp.u(1, 1 + n % 20), 'POST /', n::text, decode(repeat('00', 32), 'hex'), n, decode(repeat('00', 16), 'hex'), \
           pg_temp.u(8, 1) FROM generate_series(1, 4000) AS n; \
    ANALYZE";

/// What a plan reads: each index or, as `table!`, each table that is read from end to end. Tables of the configuration are small, and
/// are left out.
struct Plans {
    client: Client,
    database: String,
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
        let mut client = connect(&server.url(&database)).await.unwrap();
        migrate::run(&mut client, &Schema::default(), migrate::Migrate::Expand).await.unwrap();
        client.batch_execute(FILL).await.unwrap();
        client.batch_execute("SET plan_cache_mode = force_generic_plan; SET jit = off").await.unwrap();
        Self { client, database }
    }

    async fn reads(&self, sql: &str) -> BTreeSet<String> {
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
        lines.into_iter().filter_map(text).filter_map(|line| read_by(&line)).collect()
    }

    async fn assert(&self, sql: &str, expected: &[&str]) {
        let reads = self.reads(sql).await;
        assert!(reads.iter().eq(expected.iter().copied().collect::<BTreeSet<_>>()), "{reads:?} by {sql}");
    }

    async fn assert_statement(&self, statement: &Statement, expected: &[&str]) {
        self.assert(&statement.sql, expected).await;
    }
}

/// Those that are small whatever happens.
const SMALL: [&str; 7] =
    ["projects", "sources", "endpoints", "replays", "config_version", "nodes", "endpoint_owners"];

fn read_by(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let after = |word: &str| words.iter().position(|w| *w == word).and_then(|at| words.get(at + 1));
    if line.contains("Seq Scan on ") {
        let table = after("on")?;
        return (!SMALL.contains(table)).then(|| format!("{table}!"));
    }
    let is_index = line.contains("Index Scan") || line.contains("Index Only Scan");
    let index = match line.contains("Bitmap Index Scan") {
        true => after("on")?,
        false if is_index => after("using").or_else(|| words.iter().rev().nth(1))?,
        false => return None,
    };
    let is_small = SMALL.iter().any(|table| index.starts_with(table));
    (!is_small).then(|| (*index).to_owned())
}

fn id<I: TypedId>() -> I {
    I::from_bytes([1; 16])
}

#[tokio::test]
async fn work_is_found_and_claimed_by_index() {
    let plans = Plans::new("claim").await;
    plans.assert(claim::DUE_ENDPOINTS, &["deliveries_due"]).await;
    for sql in [claim::CLAIM, claim::CLAIM_OWNED] {
        plans.assert(sql, &["deliveries_due", "deliveries_pkey", "events_pkey"]).await;
    }
    for sql in [burial::FREE, burial::ANY_LEASE] {
        plans.assert(sql, &["deliveries_leased"]).await;
    }
    plans.assert(claim::RELEASE, &["deliveries_pkey"]).await;
    plans.assert(claim::RECLAIM, &["deliveries_leased"]).await;
    plans.assert(expire::FIND, &["deliveries_expiring"]).await;
    plans.assert(expire::EXPIRE, &["deliveries_pkey"]).await;
    let orphans = ["deliveries_due", "deliveries_leased", "deliveries_ordered", "deliveries_pkey"];
    plans.assert(orphans::CANCEL, &orphans).await;
    plans
        .assert(
            backlog::COUNT,
            &["deliveries_dead", "deliveries_due", "deliveries_leased", "deliveries_ordered"],
        )
        .await;
    for sql in [order::LAST, order::NEXT] {
        plans.assert(sql, &["deliveries_ordered"]).await;
    }
}

#[tokio::test]
async fn what_a_batch_looks_up_is_found_by_index() {
    let plans = Plans::new("batch").await;
    for sql in
        [finish::LOCK_UNORDERED, finish::FIND_ORDERED, finish::LOCK_ORDERED, deliveries::FIND, order::RELEASE]
    {
        plans.assert(sql, &["deliveries_pkey"]).await;
    }
    plans.assert(dedupe::FIRST_SEEN, &["webhook_ids_pkey"]).await;
    plans.assert(deliveries::HOLD_EVENTS, &["events_pkey"]).await;
    plans.assert(idempotency::FIND, &["idempotency_keys_pkey"]).await;
    for sql in [routing::GENERATIONS, routing::ENDPOINTS] {
        plans.assert(sql, &[]).await;
    }
}

#[tokio::test]
async fn pruning_reads_only_what_is_old() {
    let plans = Plans::new("prune").await;
    plans.assert(prune::FIND_EVENTS, &["deliveries_by_event", "events_pkey"]).await;
    plans.assert(prune::LOCK_EVENTS, &["events_pkey"]).await;
    plans.assert(prune::STILL_FINISHED, &["deliveries_by_event"]).await;
    plans.assert(prune::DELETE_ATTEMPTS, &["attempts_pkey", "deliveries_by_event"]).await;
    plans.assert(prune::DELETE_DELIVERIES, &["deliveries_by_event"]).await;
    plans.assert(prune::DELETE_EVENTS, &["events_pkey"]).await;
    plans.assert(prune::DELETE_WEBHOOK_IDS, &["webhook_ids_by_age"]).await;
    plans.assert(prune::DELETE_RECEIPTS, &["receipts_pkey"]).await;
    plans.assert(prune::DELETE_IDEMPOTENCY_KEYS, &["idempotency_keys_by_age"]).await;
}

fn pages<I: TypedId>() -> [PageRequest<I>; 4] {
    [(Order::Asc, None), (Order::Desc, None), (Order::Asc, Some(id())), (Order::Desc, Some(id()))]
        .map(|(order, after)| PageRequest { after, limit: 20, order })
}

#[tokio::test]
async fn every_list_goes_by_its_narrowest_index() {
    let plans = Plans::new("lists").await;
    let project: ProjectId = id();
    for page in pages::<EventId>() {
        for (event_type, object_id, index) in [
            (None, None, "events_pkey"),
            (Some("t.1"), None, "events_by_type"),
            (Some("eval.run.canceled"), None, "events_by_type"),
            (None, Some("1"), "events_by_object"),
            (Some("t.1"), Some("1"), "events_by_object"),
        ] {
            let filter =
                EventFilter { event_type: event_type.map(Into::into), object_id: object_id.map(Into::into) };
            let statement = events::list_query(project, &filter, page);
            plans.assert_statement(&statement, &["deliveries_by_event", index]).await;
        }
    }
    let all = DeliveryFilter::default();
    let (endpoint_id, event_id, replay_id) = (Some(id()), Some(id()), Some(id()));
    let state = Some(DeliveryState::Pending);
    for page in pages::<DeliveryId>() {
        for (filter, index) in [
            (all, "deliveries_pkey"),
            (DeliveryFilter { endpoint_id, ..all }, "deliveries_by_endpoint"),
            (DeliveryFilter { event_id, ..all }, "deliveries_by_event"),
            (DeliveryFilter { event_id, endpoint_id, state, replay_id }, "deliveries_by_event"),
            (DeliveryFilter { replay_id, ..all }, "deliveries_by_replay"),
            (DeliveryFilter { state: Some(DeliveryState::Dead), ..all }, "deliveries_dead"),
            (DeliveryFilter { endpoint_id, state: Some(DeliveryState::Dead), ..all }, "deliveries_dead"),
        ] {
            let statement = deliveries::list_query(project, filter, page);
            plans.assert_statement(&statement, &[index, "events_pkey"]).await;
        }
    }
    for page in pages::<ReceiptId>() {
        let source_id: Option<SourceId> = Some(id());
        for (refused_only, index) in [(false, "receipts_pkey"), (true, "receipts_refused")] {
            for source_id in [None, source_id] {
                let statement =
                    receipts::list_query(project, ReceiptFilter { source_id, refused_only }, page);
                plans.assert_statement(&statement, &[index]).await;
            }
        }
    }
    plans.assert(receipts::HELD, &["receipts_held"]).await;
    plans.assert(events::DELIVERIES, &["deliveries_by_event"]).await;
    plans.assert(attempts::OF, &["attempts_pkey"]).await;
    plans.assert(events::HAS_SEEN_TYPE, &["events_by_type"]).await;
    plans.assert(event_types::SEEN, &["events_by_type"]).await;
}

#[tokio::test]
async fn a_replay_walks_by_its_narrowest_index() {
    let plans = Plans::new("replays").await;
    let (none, text) = (ReplayQuery::default(), || Some("1".to_owned()));
    let endpoint_id: Option<EndpointId> = Some(id());
    let times = (Some(Timestamp::from_unix_secs(1)), Some(Timestamp::from_unix_secs(2)));
    for (query, index) in [
        (none.clone(), "events_pkey"),
        (ReplayQuery { endpoint_id, state: Some(ReplayFilter::Missed), ..none.clone() }, "events_pkey"),
        (ReplayQuery { created_after: times.0, created_before: times.1, ..none.clone() }, "events_pkey"),
        (ReplayQuery { event_type: text(), ..none.clone() }, "events_by_type"),
        (ReplayQuery { object_id: text(), ..none.clone() }, "events_by_object"),
        (ReplayQuery { object_id: text(), event_type: text(), ..none.clone() }, "events_by_object"),
    ] {
        let replay: ReplayId = id();
        for (replay, cursor) in [(None, None), (Some(replay), None), (Some(replay), Some(id()))] {
            let project = super::columns::key(id::<ProjectId>());
            let statement = replay_plan::candidates_query(project, &query, replay, cursor);
            plans.assert_statement(&statement, &[index]).await;
        }
    }
    plans.assert(replay_plan::STANDINGS, &["deliveries_by_event"]).await;
    plans.assert(replays::COUNT, &["deliveries_by_replay_state"]).await;
    plans.assert(replays::ANY_PENDING, &["deliveries_by_replay_state"]).await;
    plans.assert(replays::CANCEL_PENDING, &["deliveries_by_replay_state", "deliveries_pkey"]).await;
}
