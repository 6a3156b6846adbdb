//! The server has no room for a row: that is nobody's fault, so nobody is tried alone for it, and no
//! connection is thrown away.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringback_store::StoreError;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use crate::backend::Database;
use crate::conformance::{World, assert_err};

/// What a table says that cannot grow; each time that it does is counted, in what no rollback takes back.
const FULL: &str = "\
    CREATE SEQUENCE met; \
    CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        PERFORM nextval('met'); RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; \
    END $$; \
    CREATE TRIGGER is_full BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION is_full()";

/// The same for whoever makes a table.
const FULL_FOR_ALL: &str = "\
    CREATE FUNCTION is_full_for_all() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN \
        RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; \
    END $$; \
    CREATE EVENT TRIGGER is_full_for_all ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION is_full_for_all()";

/// Who is connected to this database, but for whoever asks.
async fn connected(person: &Client) -> BTreeSet<i32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ringback'";
    person.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_full_disk_is_met_once_by_all_who_wait_together() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    world.call(source, "before").append().await;
    let person = database.connection().await;
    person.batch_execute(FULL).await.unwrap();
    let mut holding = database.connection().await;
    let lock = holding.transaction().await.unwrap();
    lock.batch_execute("LOCK TABLE webhook_ids").await.unwrap();
    let mut appends = JoinSet::new();
    for n in 0..100 {
        let (store, arrival) = (Arc::clone(&world.store), world.call(source, &n.to_string()).arrival());
        appends.spawn(async move { store.append(arrival).await });
    }
    // Somebody waits for the lock, and the others for him.
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'webhook_ids'::regclass";
    while person.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::task::yield_now().await;
    }
    let before = connected(&person).await;
    lock.commit().await.unwrap();
    for answer in appends.join_all().await {
        assert_err!(answer, StoreError::Unavailable(_));
    }
    let met: i64 = person.query_one("SELECT last_value FROM met", &[]).await.unwrap().get(0);
    assert!((1..=5).contains(&met), "100 appends were tried in {met} batches");
    assert!(before.is_subset(&connected(&person).await), "a connection was thrown away");

    person.batch_execute("DROP TRIGGER is_full ON events").await.unwrap();
    world.store.check().await.unwrap();
    world.call(source, "after").append().await;
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'room%'";
    assert_eq!(person.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0, "what was tried is gone");
}

#[tokio::test]
async fn a_check_after_a_full_disk_wants_to_see_a_table_grow() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    let person = database.connection().await;
    person.batch_execute(FULL).await.unwrap();
    assert_err!(world.call(source, "a").try_append().await, StoreError::Unavailable(_));
    person.batch_execute(FULL_FOR_ALL).await.unwrap();
    assert_err!(world.store.check().await, StoreError::Unavailable(_));
    person.batch_execute("DROP EVENT TRIGGER is_full_for_all").await.unwrap();
    world.store.check().await.unwrap();
}
