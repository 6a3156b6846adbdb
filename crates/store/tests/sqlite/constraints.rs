//! The schema refuses rows that the state machine does not know, whoever writes them.

use rusqlite::{Connection, ErrorCode};

use crate::backend::DatabaseFolder;
use crate::conformance::World;

/// A database with one event and its one pending delivery, not attempted yet.
async fn one_pending() -> (World, Connection) {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let source = world.source().await;
    world.endpoint(&["*"]).await;
    world.call(source, "wh_1").append().await;
    let db = folder.connection();
    (world, db)
}

/// Tries a statement and takes it back.
fn attempt(db: &Connection, sql: &str) -> rusqlite::Result<usize> {
    db.execute_batch("SAVEPOINT tried").unwrap();
    let outcome = db.execute(sql, []);
    db.execute_batch("ROLLBACK TO tried; RELEASE tried").unwrap();
    outcome
}

fn assert_refused(db: &Connection, sql: &str) {
    let error = attempt(db, sql).expect_err(sql);
    assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ConstraintViolation), "{sql}: {error}");
}

fn assert_taken(db: &Connection, sql: &str) {
    assert_eq!(attempt(db, sql).map_err(|error| format!("{sql}: {error}")), Ok(1));
}

#[tokio::test]
async fn a_delivery_is_one_of_the_charts_states() {
    let (_world, db) = one_pending().await;
    let set = |columns: &str| format!("UPDATE deliveries SET {columns}");
    const ENDED: &str = "due_at = NULL, finished_at = 9";
    const TRIED: &str = "attempt_count = 1, first_attempt_at = 8";

    for possible in [
        "due_at = 5".to_owned(),
        "lease_token = 1, lease_expires_at = 5".to_owned(),
        format!("{TRIED}, due_at = 99"),
        format!("state = 'delivered', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'schedule_exhausted', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'no_retry_status', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'retention', {ENDED}"),
        format!("state = 'cancelled', end_reason = 'endpoint_deleted', {ENDED}"),
        format!("state = 'cancelled', end_reason = 'requested', {ENDED}, {TRIED}"),
        // In an order: it waits, it is due, it goes on by its own schedule, it has ended.
        "order_key = 'batch_1', due_at = NULL".to_owned(),
        "order_key = 'batch_1'".to_owned(),
        format!("order_key = 'batch_1', {TRIED}"),
        format!("order_key = 'batch_1', state = 'cancelled', end_reason = 'requested', {ENDED}"),
        // Ageing, urgent, replayed; a replay's own from before there were replays.
        "expires_at = 5".to_owned(),
        "urgent = 1".to_owned(),
        "trigger = 'replay', replay_id = zeroblob(16)".to_owned(),
        "trigger = 'replay'".to_owned(),
        format!("state = 'dead', end_reason = 'expired', expires_at = 5, {ENDED}"),
        format!("state = 'dead', end_reason = 'expired', expires_at = 5, {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'aborted', {ENDED}, {TRIED}"),
    ] {
        assert_taken(&db, &set(&possible));
    }
    for impossible in [
        "state = 'leased'".to_owned(),
        "trigger = 'manual'".to_owned(),
        "id = x'00'".to_owned(),
        "due_at = NULL".to_owned(),
        "finished_at = 9".to_owned(),
        "end_reason = 'requested'".to_owned(),
        "attempt_count = 1".to_owned(),
        "first_attempt_at = 8".to_owned(),
        "attempt_count = -1, first_attempt_at = 8".to_owned(),
        "lease_token = -1".to_owned(),
        "endpoint_id = zeroblob(16)".to_owned(),
        "event_position = 999".to_owned(),
        format!("state = 'delivered', {ENDED}"),
        format!("state = 'delivered', {TRIED}"),
        format!("state = 'delivered', {TRIED}, due_at = NULL"),
        format!("state = 'delivered', {ENDED}, {TRIED}, due_at = 5"),
        format!("state = 'delivered', {ENDED}, {TRIED}, lease_expires_at = 5"),
        format!("state = 'delivered', {ENDED}, {TRIED}, end_reason = 'requested'"),
        format!("state = 'dead', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'schedule_exhausted', {ENDED}"),
        format!("state = 'dead', end_reason = 'no_retry_status', {ENDED}"),
        format!("state = 'cancelled', end_reason = 'no_retry_status', {ENDED}, {TRIED}"),
        "end_reason = 'no_retry_status'".to_owned(),
        format!("state = 'dead', end_reason = 'endpoint_deleted', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'retention', {TRIED}"),
        format!("state = 'cancelled', {ENDED}"),
        format!("state = 'cancelled', end_reason = 'retention', {ENDED}"),
        format!("state = 'cancelled', end_reason = 'requested', {ENDED}, lease_expires_at = 5"),
        // Nobody waits in an order who is in none, who was attempted, or who is under way.
        format!("order_key = 'batch_1', due_at = NULL, {TRIED}"),
        "order_key = 'batch_1', due_at = NULL, lease_token = 1, lease_expires_at = 5".to_owned(),
        "order_key = 'batch_1', trigger = 'redelivery'".to_owned(),
        "order_key = 'batch_1', trigger = 'replay'".to_owned(),
        "order_key = 'batch_1', trigger = 'test'".to_owned(),
        format!("state = 'dead', end_reason = 'expired', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'aborted', {ENDED}"),
        format!("state = 'cancelled', end_reason = 'expired', expires_at = 5, {ENDED}"),
        format!("state = 'cancelled', end_reason = 'aborted', {ENDED}, {TRIED}"),
        format!("state = 'delivered', end_reason = 'expired', expires_at = 5, {ENDED}, {TRIED}"),
        "end_reason = 'expired', expires_at = 5".to_owned(),
        "urgent = 2".to_owned(),
        "urgent = NULL".to_owned(),
        "replay_id = zeroblob(16)".to_owned(),
        "trigger = 'redelivery', replay_id = zeroblob(16)".to_owned(),
        "trigger = 'replay', replay_id = x'00'".to_owned(),
    ] {
        assert_refused(&db, &set(&impossible));
    }
}

#[tokio::test]
async fn an_attempt_is_one_of_the_five_outcomes() {
    let (_world, db) = one_pending().await;
    let insert = |number: i32, outcome: &str, status: &str, body: &str| {
        format!(
            "INSERT INTO attempts (delivery_position, id, number, outcome, status_code, error, started_at, duration_ms, \
             response_body) VALUES ((SELECT position FROM deliveries), zeroblob(16), {number}, '{outcome}', {status}, NULL, \
             1, 1, {body})"
        )
    };
    for (outcome, status) in [
        ("succeeded", "200"),
        ("succeeded", "299"),
        ("http_error", "199"),
        ("http_error", "300"),
        ("timeout", "NULL"),
        ("unreachable", "NULL"),
        ("blocked", "NULL"),
    ] {
        assert_taken(&db, &insert(1, outcome, status, "zeroblob(16384)"));
    }
    for (outcome, status) in [
        ("succeeded", "NULL"),
        ("succeeded", "199"),
        ("succeeded", "300"),
        ("http_error", "NULL"),
        ("http_error", "200"),
        ("timeout", "200"),
        ("unreachable", "502"),
        ("blocked", "403"),
        ("failed", "NULL"),
    ] {
        assert_refused(&db, &insert(1, outcome, status, "x''"));
    }
    assert_refused(&db, &insert(0, "succeeded", "200", "x''"));
    assert_refused(&db, &insert(1, "succeeded", "200", "zeroblob(16385)"));
    let astray = insert(1, "succeeded", "200", "x''").replace("(SELECT position FROM deliveries)", "999");
    assert_refused(&db, &astray);
}

#[tokio::test]
async fn no_other_row_is_impossible_either() {
    let (world, db) = one_pending().await;
    world.store.set_admin_key([1; 32]).await.unwrap();
    for refused in [
        // What others refer to stays.
        "DELETE FROM events",
        "DELETE FROM endpoints",
        "DELETE FROM projects",
        "UPDATE events SET id = x'00'",
        "UPDATE webhook_ids SET payload_sha256 = x'00'",
        "UPDATE webhook_ids SET event_id = x'00'",
        "UPDATE receipts SET disposition = 'rejected'",
        "UPDATE receipts SET secret_id = x''",
        "UPDATE endpoints SET timeout_secs = 0",
        "UPDATE endpoints SET timeout_secs = 61",
        "UPDATE endpoints SET event_types = ''",
        "UPDATE endpoints SET disabled_at = 1",
        "UPDATE endpoints SET disabled_reason = 'gone'",
        "UPDATE endpoints SET project_id = zeroblob(16)",
        "UPDATE endpoints SET max_per_sec = 0",
        "UPDATE endpoints SET max_concurrency = 0",
        "UPDATE endpoints SET max_age_secs = 0",
        "UPDATE endpoints SET ordering = 'type'",
        "UPDATE endpoints SET ordering = NULL",
        "UPDATE endpoints SET ordering_wait_secs = 0",
        "UPDATE endpoints SET ordering_wait_secs = NULL",
        "UPDATE endpoints SET replay_id = x'00'",
        "UPDATE sources SET kind = 'stripe'",
        "UPDATE sources SET status = 'deleted'",
        "UPDATE sources SET project_id = zeroblob(16)",
        "UPDATE admin_keys SET key_sha256 = x'00'",
        "INSERT INTO admin_keys (only_row, key_sha256) VALUES (2, zeroblob(32))",
        "INSERT INTO projects (id, name, created_at) VALUES (zeroblob(16), 'default', 1)",
        "INSERT INTO projects (id, name, created_at) VALUES (zeroblob(15), 'short', 1)",
    ] {
        assert_refused(&db, refused);
    }
    assert_taken(&db, "UPDATE endpoints SET timeout_secs = 60, disabled_at = 1, disabled_reason = 'gone'");
    assert_taken(
        &db,
        "UPDATE endpoints SET max_per_sec = 1, max_concurrency = 1, max_age_secs = 1, ordering = 'object', \
         ordering_wait_secs = 1, replay_id = zeroblob(16)",
    );
    assert_taken(&db, "INSERT INTO projects (id, name, created_at) VALUES (zeroblob(16), 'second', 1)");
}

#[tokio::test]
async fn a_source_has_a_token_unless_it_is_the_one_for_what_is_published() {
    let (_world, db) = one_pending().await;
    for refused in [
        "UPDATE sources SET token = NULL WHERE kind = 'openai'",
        "UPDATE sources SET token = 'made-up' WHERE kind = 'publish'",
        "UPDATE sources SET kind = 'openai' WHERE kind = 'publish'",
        "UPDATE sources SET kind = 'publish' WHERE kind = 'openai'",
        // A second one in the project.
        "UPDATE sources SET kind = 'publish', token = NULL WHERE kind = 'openai'",
        "INSERT INTO sources SELECT zeroblob(16), project_id, name, kind, status, stale_policy, token, created_at, \
         updated_at, 9 FROM sources WHERE kind = 'publish'",
    ] {
        assert_refused(&db, refused);
    }
    assert_taken(&db, "UPDATE sources SET kind = 'standard_webhooks' WHERE kind = 'openai'");
}

#[tokio::test]
async fn a_key_and_a_registered_type_belong_to_a_project() {
    let (_world, db) = one_pending().await;
    let key = |project: &str, sha256: &str| {
        format!("INSERT INTO api_keys VALUES (randomblob(16), {project}, 'ci', 'rk-', {sha256}, 1, NULL)")
    };
    let event_type = |project: &str, max_age: &str| {
        format!("INSERT INTO event_types VALUES ({project}, 'acme.a', 1, {max_age})")
    };
    const PROJECT: &str = "(SELECT id FROM projects)";
    const NOWHERE: &str = "zeroblob(16)";
    for insert in [key(PROJECT, "zeroblob(32)"), event_type(PROJECT, "0")] {
        assert_taken(&db, &insert);
        db.execute(&insert, []).unwrap();
        assert_refused(&db, &insert);
    }
    for refused in [
        key(PROJECT, "zeroblob(31)"),
        key(NOWHERE, "randomblob(32)"),
        key(PROJECT, "randomblob(32)").replace("randomblob(16)", "zeroblob(15)"),
        event_type(NOWHERE, "NULL"),
        event_type(PROJECT, "-1").replace("acme.a", "acme.b"),
    ] {
        assert_refused(&db, &refused);
    }
}

#[tokio::test]
async fn a_replay_is_one_of_the_charts_states() {
    let (_world, db) = one_pending().await;
    db.execute(
        "INSERT INTO replays (id, project_id, rate, state, expected_count, expected_is_minimum, until_position, created_at) \
         VALUES (zeroblob(16), (SELECT id FROM projects), 1, 'running', 0, 0, 1, 1)",
        [],
    )
    .unwrap();
    let set = |columns: &str| format!("UPDATE replays SET {columns}");
    const TARGET: &str = "target_url = 'https://a.example/', target_endpoint_id = zeroblob(16)";
    for possible in [
        TARGET.to_owned(),
        "cursor = zeroblob(16), created_count = 3, expected_is_minimum = 1".to_owned(),
        "state = 'completed', finished_at = 9".to_owned(),
        format!("state = 'completed', finished_at = 9, needs_clearing = 1, {TARGET}"),
        "state = 'cancelled', finished_at = 9, end_reason = 'requested', needs_clearing = 1".to_owned(),
        "state = 'cancelled', finished_at = 9, end_reason = 'endpoint_deleted'".to_owned(),
        "event_state = 'missed', created_after = 1, created_before = 2".to_owned(),
    ] {
        assert_taken(&db, &set(&possible));
    }
    for impossible in [
        "id = x'00'",
        "project_id = zeroblob(16)",
        "event_state = 'held'",
        "rate = 0",
        "state = 'paused', finished_at = 9",
        "state = 'completed'",
        "state = 'cancelled', end_reason = 'requested'",
        "state = 'cancelled', finished_at = 9",
        "state = 'cancelled', finished_at = 9, end_reason = 'retention'",
        "end_reason = 'requested'",
        "finished_at = 9",
        "expected_count = -1",
        "created_count = -1",
        "expected_is_minimum = 2",
        "cursor = x'00'",
        "needs_clearing = 1",
        "needs_clearing = 2, state = 'completed', finished_at = 9",
        "target_url = 'https://a.example/'",
        "target_endpoint_id = zeroblob(16)",
    ] {
        assert_refused(&db, &set(impossible));
    }
    assert_refused(&db, "INSERT INTO replays SELECT * FROM replays");
    assert_refused(&db, "DELETE FROM projects");
}

#[tokio::test]
async fn an_answer_is_whole_or_not_there() {
    let (_world, db) = one_pending().await;
    let insert = |sha256: &str, run_id: &str, answer: &str| {
        format!(
            "INSERT INTO idempotency_keys VALUES (zeroblob(16), 'POST /', 'k', {sha256}, 1, zeroblob(16), {run_id}, {answer})"
        )
    };
    let (sha256, run_id) = ("zeroblob(32)", "zeroblob(16)");
    for possible in ["NULL, NULL", "200, x''", "599, x'00'"] {
        assert_taken(&db, &insert(sha256, run_id, possible));
    }
    for impossible in ["200, NULL", "NULL, x''", "199, x''", "600, x''"] {
        assert_refused(&db, &insert(sha256, run_id, impossible));
    }
    assert_refused(&db, &insert("zeroblob(31)", run_id, "NULL, NULL"));
    assert_refused(&db, &insert(sha256, "zeroblob(15)", "NULL, NULL"));
    db.execute(&insert(sha256, run_id, "NULL, NULL"), []).unwrap();
    assert_refused(&db, &insert(sha256, run_id, "NULL, NULL"));
}
