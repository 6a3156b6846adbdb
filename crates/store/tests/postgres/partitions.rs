//! Events and attempts by the week: made ahead, removed whole, and nobody is in the way of anybody.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ringback_domain::retry::NextStep;
use ringback_domain::{EventId, Timestamp, TypedId};
use ringback_store::{
    DeliveryFilter, EventFilter, OpenError, Order, PageRequest, PartitionStatus, PostgresOptions,
    PostgresStore, Redelivery, Retention, Store, StoreError, database_status,
};
use tokio_postgres::Client;
use tokio_util::task::TaskTracker;

use crate::backend::{Database, options};
use crate::conformance::{Backend, Opening, World, assert_err, at, concurrently};
use crate::nodes::second_node;

const WEEK: i64 = 7 * 24 * 3600;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The least id of a time, as it stands in a statement.
fn id(time: Timestamp) -> String {
    format!("'{:032x}'", u128::from_be_bytes(EventId::first_at(time).to_bytes()))
}

/// A database that has lived so many weeks since the beginning of all worlds.
async fn aged(weeks: i64) -> Database {
    let database = Database::new();
    let client = database.connection().await;
    for table in ["events", "attempts"] {
        let today = format!(
            "SELECT substring(pg_get_expr(relpartbound, oid) FROM 'TO \\((.*)\\)') FROM pg_class WHERE relname = '{table}_past'"
        );
        let today: String = client.query_one(&today, &[]).await.unwrap().get(0);
        let mut sql = format!(
            "DROP TABLE {table}_past; \
             CREATE TABLE {table}_past PARTITION OF {table} FOR VALUES FROM (MINVALUE) TO ({});",
            id(at(0))
        );
        for week in 0..weeks {
            let (from, until) = (id(at(week * WEEK)), id(at((week + 1) * WEEK)));
            sql += &format!(
                "CREATE TABLE {table}_{week} PARTITION OF {table} FOR VALUES FROM ({from}) TO ({until});"
            );
        }
        let last = id(at(weeks * WEEK));
        sql +=
            &format!("CREATE TABLE {table}_rest PARTITION OF {table} FOR VALUES FROM ({last}) TO ({today})");
        client.batch_execute(&sql).await.unwrap();
    }
    database
}

/// The names of a table's partitions that `aged` has made.
async fn weeks(client: &Client, table: &str) -> Vec<i32> {
    let sql = "SELECT substring(c.relname FROM '_([0-9]{1,2})$')::int4 AS week FROM pg_inherits AS i \
               JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass \
               AND c.relname ~ '_[0-9]{1,2}$' ORDER BY week";
    client.query(sql, &[&table]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn count(client: &Client, sql: &str) -> i64 {
    client.query_one(&format!("SELECT count(*) FROM {sql}"), &[]).await.unwrap().get(0)
}

fn retention(events_before: Timestamp) -> Retention {
    Retention { events_before, webhook_ids_before: at(0), idempotency_keys_before: at(0), limit: 100 }
}

async fn prune(store: &dyn Store, events_before: Timestamp) {
    for _ in 0..100 {
        if store.prune(retention(events_before)).await.unwrap() == 0 {
            return;
        }
    }
    panic!("pruning does not come to an end");
}

#[tokio::test]
async fn partitions_are_made_two_weeks_ahead_and_again_when_they_are_missing() {
    let database = Database::empty();
    let options = PostgresOptions { event_retention: 4 * DAY, ..options(&database) };
    let store = PostgresStore::open(options).await.unwrap();
    let client = database.connection().await;
    let now: f64 = client.query_one("SELECT extract(epoch FROM now())::float8", &[]).await.unwrap().get(0);
    let now = Timestamp::from_unix_secs(now as i64);
    let address = database.url().parse().unwrap();
    for is_anew in [false, true] {
        if is_anew {
            // While somebody is writing events, which no partition that is made waits for.
            client.batch_execute("BEGIN; LOCK TABLE events, attempts IN ROW EXCLUSIVE MODE").await.unwrap();
            let last = database_status(&address).await.unwrap().partitions;
            client.batch_execute("COMMIT").await.unwrap();
            for part in last.iter().filter(|part| part.until > Some(now.plus(9 * DAY))) {
                client.batch_execute(&format!("DROP TABLE {}", part.name)).await.unwrap();
            }
            client.batch_execute("BEGIN; LOCK TABLE events, attempts IN ROW EXCLUSIVE MODE").await.unwrap();
            assert_eq!(store.prune(retention(at(0))).await.unwrap(), 0);
            client.batch_execute("COMMIT").await.unwrap();
        }
        let status = database_status(&address).await.unwrap();
        for table in ["events", "attempts"] {
            let mut parts: Vec<&PartitionStatus> =
                status.partitions.iter().filter(|part| part.table == table).collect();
            parts.sort_by_key(|part| part.from);
            assert_eq!(parts[0].from, None);
            assert!(parts.windows(2).all(|two| two[0].until == two[1].from), "{parts:?}");
            let widths = parts.iter().filter_map(|part| Some(part.until?.since(part.from?)));
            assert!(
                widths.clone().count() >= 14 && widths.into_iter().all(|width| width == DAY),
                "{parts:?}"
            );
            let ahead = parts.last().unwrap().until.unwrap();
            assert!((now.plus(14 * DAY)..now.plus(16 * DAY)).contains(&ahead), "{parts:?}");
        }
    }
    store.close().await;
}

#[tokio::test]
async fn what_is_past_goes_with_its_partition_unless_a_delivery_is_pending() {
    let database = aged(4).await;
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    let endpoint = world.endpoint(&["batch.*"]).await;
    let mut made = Vec::new();
    for week in 0..4 {
        let time = at(week * WEEK + 1);
        for name in ["delivered", "dead"] {
            let call = world.publication(&format!("{name} {week}")).event_type("batch.completed").at(time);
            made.push(call.append().await.event_id);
            let end = if name == "dead" { crate::conformance::DEAD } else { NextStep::Delivered };
            world.finish(&world.claim_one(endpoint, time).await, end, time).await;
        }
        let nobodys = world.publication(&format!("unrouted {week}")).event_type("a.b").at(time);
        made.push(nobodys.append().await.event_id);
    }
    let pending = world.publication("pending").event_type("batch.completed").at(at(3 * WEEK + 2)).append();
    let pending = pending.await.event_id;
    let all = count(&client, "deliveries").await;
    assert_eq!(all, 9);

    // The third week is not over yet: what is in it stays, although it is older in part.
    prune(&*world.store, at(2 * WEEK + WEEK / 2)).await;
    assert_eq!(weeks(&client, "events").await, [2, 3]);
    assert_eq!(weeks(&client, "attempts").await, [2, 3]);
    assert_eq!(count(&client, "deliveries").await, all - 4, "they go with their events");
    assert_eq!(count(&client, "attempts").await, 4);
    let mut left = world.list(EventFilter::default()).await;
    left.sort();
    assert_eq!(left, [&made[6..], &[pending]].concat());

    // All is past; the last week has a pending delivery.
    prune(&*world.store, at(4 * WEEK)).await;
    assert_eq!(weeks(&client, "events").await, [3]);
    assert_eq!(weeks(&client, "attempts").await, [3]);
    assert_eq!(world.list(EventFilter::default()).await, [pending], "what is finished beside it goes");
    assert_eq!((count(&client, "deliveries").await, count(&client, "attempts").await), (1, 0));
    assert_eq!(world.event(pending).await.deliveries.len(), 1);

    let claimed = world.claim_one(endpoint, at(4 * WEEK)).await;
    world.finish(&claimed, NextStep::Delivered, at(4 * WEEK)).await;
    prune(&*world.store, at(5 * WEEK)).await;
    assert_eq!((weeks(&client, "events").await, weeks(&client, "attempts").await), (vec![], vec![]));
    assert_eq!((count(&client, "deliveries").await, count(&client, "attempts").await), (0, 0));
}

#[tokio::test]
async fn deliveries_of_a_partition_that_is_gone_are_in_no_list_and_go_step_by_step() {
    let database = aged(1).await;
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    let endpoint = world.endpoint(&["*"]).await;
    for n in 0..25 {
        world.publication(&n.to_string()).at(at(n)).append().await;
        world.finish(&world.claim_one(endpoint, at(n)).await, NextStep::Delivered, at(n)).await;
    }
    let step = Retention { limit: 2, ..retention(at(WEEK)) };
    assert_eq!(world.store.prune(step).await.unwrap(), 1 + 1 + 20, "both partitions, ten times the limit");
    let listed = |world: &World| {
        let (store, project) = (Arc::clone(&world.store), world.project);
        async move { store.list_deliveries(project, DeliveryFilter::default(), PageRequest::default()).await }
    };
    assert_eq!((count(&client, "deliveries").await, listed(&world).await.unwrap().items.len()), (5, 0));
    assert_eq!(world.store.prune(step).await.unwrap(), 5);
    assert_eq!(world.store.prune(step).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_an_event_again_keeps_its_partition_or_finds_it_gone() {
    const WEEKS: i64 = 12;
    let database = aged(WEEKS).await;
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    let endpoint = world.endpoint(&["a.b"]).await;
    let mut events = Vec::new();
    for week in 0..WEEKS {
        let call = world.publication(&week.to_string()).event_type("c.d").at(at(week * WEEK + 1));
        events.push(call.append().await.event_id);
    }
    // Who has begun is waited for only for a moment.
    let hold =
        format!("BEGIN; SELECT 1 FROM events WHERE id >= {} FOR KEY SHARE", id(at((WEEKS - 1) * WEEK)));
    client.batch_execute(&hold).await.unwrap();
    let began = Instant::now();
    prune(&*world.store, at(WEEK)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(weeks(&client, "events").await.len(), WEEKS as usize, "it holds the whole table");
    client.batch_execute("COMMIT").await.unwrap();
    prune(&*world.store, at(WEEK)).await;
    assert_eq!(weeks(&client, "events").await.len(), WEEKS as usize, "it is left alone for a while");

    let pruner = second_node(&database).await;
    let redeliveries = events.iter().map(|event_id| {
        let redelivery = Redelivery { id: world.id(), event_id: *event_id, endpoint_id: endpoint };
        let (store, project) = (Arc::clone(&world.store), world.project);
        async move { store.redeliver(project, vec![redelivery], at(WEEKS * WEEK)).await }
    });
    let other = Arc::clone(&pruner);
    let pruning = TaskTracker::new().spawn(async move { prune(&*other, at(WEEKS * WEEK)).await });
    let outcomes = concurrently(redeliveries.collect::<Vec<_>>()).await;
    pruning.await.unwrap();
    prune(&*pruner, at(WEEKS * WEEK)).await;
    for (event, outcome) in events.iter().zip(outcomes) {
        match outcome {
            Ok(()) => assert_eq!(world.event(*event).await.deliveries.len(), 1),
            Err(error) => {
                assert!(matches!(error, StoreError::NotFound { .. }), "{error:?}");
                assert_err!(world.store.event(world.project, *event).await, StoreError::NotFound { .. });
            }
        }
    }
    let orphans = "deliveries AS d WHERE NOT EXISTS (SELECT 1 FROM events AS e WHERE e.id = d.event_id)";
    assert_eq!(count(&client, orphans).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_go_on_while_partitions_come_and_go() {
    const WEEKS: i64 = 8;
    let database = aged(WEEKS).await;
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    world.endpoint(&["a.b"]).await;
    let newest = at(WEEKS * WEEK + 1);
    let appends = (0..200).map(|n| {
        let (store, arrival) =
            (Arc::clone(&world.store), world.publication(&n.to_string()).at(newest).arrival());
        async move {
            let began = Instant::now();
            store.append(arrival).await.unwrap();
            began.elapsed()
        }
    });
    let appends: Vec<_> = appends.collect();
    let pruner = Arc::clone(&world.store);
    let pruning = TaskTracker::new().spawn(async move { prune(&*pruner, at(WEEKS * WEEK)).await });
    let mut slowest = Duration::ZERO;
    for append in appends {
        slowest = slowest.max(append.await);
    }
    pruning.await.unwrap();
    // This one leaves alone what it once could not have.
    prune(&*second_node(&database).await, at(WEEKS * WEEK)).await;
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert_eq!(weeks(&client, "events").await, [0; 0]);
    assert_eq!(count(&client, "events").await, 200);
}

#[tokio::test]
async fn lists_go_over_partitions_in_both_orders() {
    let database = aged(3).await;
    let world = World::new(database.clone()).await;
    let mut made = Vec::new();
    for (n, secs) in [-WEEK, 0, 1, WEEK - 1, WEEK, 2 * WEEK, 3 * WEEK, 4 * WEEK].into_iter().enumerate() {
        let call = world.publication(&n.to_string()).object("batch_1").at(at(secs));
        made.push(call.append().await.event_id);
    }
    let of_object = EventFilter { event_type: None, object_id: Some("batch_1".into()) };
    for filter in [EventFilter::default(), of_object] {
        for order in [Order::Asc, Order::Desc] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = PageRequest { after, limit: 3, order };
                let page = world.store.list_events(world.project, filter.clone(), page).await.unwrap();
                found.extend(page.items.iter().map(|event| event.id));
                after = found.last().copied();
                if !page.has_more {
                    break;
                }
            }
            if order == Order::Desc {
                found.reverse();
            }
            assert_eq!(found, made, "{order:?}");
        }
    }
}

/// A database of days rather than weeks.
struct Daily(Database);

#[async_trait]
impl Backend for Daily {
    async fn open(&self, opening: Opening) -> Result<Arc<dyn Store>, OpenError> {
        let Opening { keyring, ids, now } = opening;
        let options = PostgresOptions { keyring, ids, now, event_retention: 4 * DAY, ..options(&self.0) };
        Ok(Arc::new(PostgresStore::open(options).await?))
    }
}

#[tokio::test]
async fn a_clock_that_is_weeks_ahead_is_unavailable_and_one_that_is_days_ahead_is_not() {
    let database = Database::empty();
    let world = World::new(Daily(database.clone())).await;
    let client = database.connection().await;
    let now: i64 = client.query_one("SELECT extract(epoch FROM now())::int8", &[]).await.unwrap().get(0);
    let now = Timestamp::from_unix_secs(now);
    world.publication("13 days").at(now.plus(13 * DAY)).append().await;
    // Written together: the one harms the other as little as any bad row does.
    let (refused, beside) = tokio::join!(
        world.publication("20 days").at(now.plus(20 * DAY)).try_append(),
        world.publication("right").at(now).try_append()
    );
    beside.unwrap();
    let refused = refused.map(drop).unwrap_err();
    let StoreError::Unavailable(why) = refused else { panic!("{refused:?}") };
    assert!(
        why.to_string().contains("events has no partition") && why.to_string().contains("clock"),
        "{why}"
    );
}

#[tokio::test]
async fn a_clock_that_is_a_month_ahead_removes_nothing_young() {
    let database = Database::empty();
    let world = World::new(database.clone()).await;
    let client = database.connection().await;
    let now: i64 = client.query_one("SELECT extract(epoch FROM now())::int8", &[]).await.unwrap().get(0);
    let now = Timestamp::from_unix_secs(now);
    let source = world.source().await;
    world.call(source, "an hour old").at(now.minus(DAY / 24)).append().await;
    // A node whose clock is 31 days ahead, with the default retention of 30 days, as `pruner` asks.
    let ahead = now.plus(31 * DAY).minus(30 * DAY);
    let asked = Retention {
        events_before: ahead,
        webhook_ids_before: ahead,
        idempotency_keys_before: ahead,
        limit: 100,
    };
    for _ in 0..5 {
        world.store.prune(asked).await.unwrap();
    }
    for table in ["events", "receipts", "webhook_ids"] {
        assert_eq!(count(&client, table).await, 1, "{table}");
    }
}
