//! The schema refuses rows that the state machine does not know, whoever writes them.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::backend::Database;
use crate::conformance::World;

const NOBODY: &str = "'00000000000000000000000000000000'";

/// A database with one event and its one pending delivery, not attempted yet.
async fn one_pending() -> (World, Client) {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    world.endpoint(&["*"]).await;
    world.call(source, "wh_1").append().await;
    let client = database.connection().await;
    (world, client)
}

/// Tries a statement and takes it back.
async fn attempt(client: &Client, sql: &str) -> Result<u64, tokio_postgres::Error> {
    client.batch_execute("BEGIN").await.unwrap();
    let outcome = client.execute(sql, &[]).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    outcome
}

async fn assert_refused(client: &Client, sql: &str) {
    let error = attempt(client, sql).await.expect_err(sql);
    let code = error.code().map(SqlState::code).unwrap_or_default();
    assert!(code.starts_with("23"), "{sql}: {error:?}");
}

async fn assert_taken(client: &Client, sql: &str) {
    assert_eq!(attempt(client, sql).await.map_err(|error| format!("{sql}: {error:?}")), Ok(1));
}

#[tokio::test]
async fn a_delivery_is_one_of_the_charts_states() {
    let (_world, client) = one_pending().await;
    const ENDED: &str = "due_at = NULL, finished_at = 9";
    const TRIED: &str = "attempt_count = 1, first_attempt_at = 8";
    const LEASED: &str = "lease_token = 1, lease_expires_at = 5";
    for possible in [
        "due_at = 5".to_owned(),
        LEASED.to_owned(),
        format!("{TRIED}, due_at = 99"),
        format!("state = 'delivered', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'schedule_exhausted', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'retention', {ENDED}"),
        format!("state = 'dead', end_reason = 'expired', expires_at = 5, {ENDED}"),
        format!("state = 'cancelled', end_reason = 'endpoint_deleted', {ENDED}"),
        format!("state = 'cancelled', end_reason = 'requested', {ENDED}, {TRIED}"),
        "order_key = 'batch_1', due_at = NULL".to_owned(),
        format!("order_key = 'batch_1', {TRIED}"),
        "urgent = true".to_owned(),
        format!("trigger = 'replay', replay_id = {NOBODY}"),
    ] {
        assert_taken(&client, &format!("UPDATE deliveries SET {possible}")).await;
    }
    for impossible in [
        "state = 'leased'".to_owned(),
        "trigger = 'manual'".to_owned(),
        "due_at = NULL".to_owned(),
        "finished_at = 9".to_owned(),
        "end_reason = 'requested'".to_owned(),
        "attempt_count = 1".to_owned(),
        "first_attempt_at = 8".to_owned(),
        "attempt_count = -1, first_attempt_at = 8".to_owned(),
        "lease_token = -1".to_owned(),
        "urgent = NULL".to_owned(),
        "event_id = NULL".to_owned(),
        format!("state = 'delivered', {ENDED}"),
        format!("state = 'delivered', {TRIED}"),
        format!("state = 'delivered', finished_at = 9, {TRIED}, due_at = 5"),
        format!("state = 'delivered', {ENDED}, {TRIED}, lease_expires_at = 5"),
        format!("state = 'cancelled', end_reason = 'requested', {ENDED}, lease_expires_at = 5"),
        // Nobody waits in an order who is in none, who was attempted, or who is under way.
        format!("order_key = 'batch_1', due_at = NULL, {TRIED}"),
        format!("order_key = 'batch_1', due_at = NULL, {LEASED}"),
        "order_key = 'batch_1', trigger = 'redelivery'".to_owned(),
        format!("replay_id = {NOBODY}"),
        format!("trigger = 'redelivery', replay_id = {NOBODY}"),
        format!("state = 'dead', end_reason = 'expired', {ENDED}, {TRIED}"),
        format!("state = 'dead', end_reason = 'aborted', {ENDED}"),
    ] {
        assert_refused(&client, &format!("UPDATE deliveries SET {impossible}")).await;
    }
}

/// In a partition as in the whole.
#[tokio::test]
async fn an_attempt_is_one_of_the_five_outcomes() {
    let (_world, client) = one_pending().await;
    let insert = |number: i32, outcome: &str, status: &str, bytes: i32| {
        format!(
            "INSERT INTO attempts (delivery_id, id, number, outcome, status_code, started_at, duration_ms, response_body) \
             SELECT id, id, {number}, '{outcome}', {status}, 1, 1, decode(repeat('00', {bytes}), 'hex') FROM deliveries"
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
        assert_taken(&client, &insert(1, outcome, status, 16_384)).await;
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
        assert_refused(&client, &insert(1, outcome, status, 0)).await;
    }
    assert_refused(&client, &insert(0, "succeeded", "200", 0)).await;
    assert_refused(&client, &insert(1, "succeeded", "200", 16_385)).await;
}

#[tokio::test]
async fn no_other_row_is_impossible_either() {
    let (world, client) = one_pending().await;
    world.store.set_admin_key([1; 32]).await.unwrap();
    for refused in [
        "DELETE FROM projects",
        "DELETE FROM endpoints",
        "UPDATE webhook_ids SET payload_sha256 = '\\x00'",
        "UPDATE receipts SET disposition = 'rejected'",
        "UPDATE receipts SET secret_id = NULL",
        "UPDATE endpoints SET timeout_secs = 0",
        "UPDATE endpoints SET timeout_secs = 61",
        "UPDATE endpoints SET event_types = ''",
        "UPDATE endpoints SET disabled_at = 1",
        "UPDATE endpoints SET max_per_sec = 0",
        "UPDATE endpoints SET ordering = 'type'",
        "UPDATE endpoints SET ordering_wait_secs = 0",
        "UPDATE sources SET kind = 'stripe'",
        "UPDATE sources SET status = 'deleted'",
        "UPDATE sources SET token = NULL WHERE kind = 'openai'",
        "UPDATE sources SET token = 'made-up' WHERE kind = 'publish'",
        "UPDATE sources SET kind = 'publish', token = NULL WHERE kind = 'openai'",
        "UPDATE admin_keys SET key_sha256 = '\\x00'",
        "INSERT INTO admin_keys (only_row, key_sha256) VALUES (false, decode(repeat('00', 32), 'hex'))",
        "INSERT INTO config_version (version) VALUES (2)",
        "INSERT INTO projects (id, name, created_at) VALUES (gen_random_uuid(), 'default', 1)",
        "INSERT INTO api_keys SELECT gen_random_uuid(), id, '', '', '\\x00', 1 FROM projects",
        "INSERT INTO event_types SELECT id, 'a.b', 1, -1 FROM projects",
    ] {
        assert_refused(&client, refused).await;
    }
}

#[tokio::test]
async fn a_replay_is_one_of_the_charts_states() {
    let (_world, client) = one_pending().await;
    let insert = "INSERT INTO replays (id, project_id, rate, state, expected_count, expected_is_minimum, until_snapshot, created_at) \
                  SELECT gen_random_uuid(), id, 1, 'running', 0, false, pg_current_snapshot(), 1 FROM projects";
    client.batch_execute(insert).await.unwrap();
    for possible in [
        "state = 'completed', finished_at = 9",
        "state = 'completed', finished_at = 9, needs_clearing = true",
        "state = 'cancelled', finished_at = 9, end_reason = 'requested', needs_clearing = true",
        "state = 'cancelled', finished_at = 9, end_reason = 'endpoint_deleted'",
        "event_state = 'missed', created_after = 1, created_before = 2",
    ] {
        assert_taken(&client, &format!("UPDATE replays SET {possible}")).await;
    }
    for impossible in [
        "event_state = 'held'",
        "rate = 0",
        "state = 'paused', finished_at = 9",
        "state = 'completed'",
        "state = 'cancelled', finished_at = 9",
        "state = 'cancelled', finished_at = 9, end_reason = 'retention'",
        "end_reason = 'requested'",
        "finished_at = 9",
        "expected_count = -1",
        "created_count = -1",
        "needs_clearing = true",
        "target_url = 'https://a.example/'",
    ] {
        assert_refused(&client, &format!("UPDATE replays SET {impossible}")).await;
    }
}

#[tokio::test]
async fn an_answer_is_whole_or_not_there() {
    let (_world, client) = one_pending().await;
    let insert = |sha256: i32, answer: &str| {
        format!(
            "INSERT INTO idempotency_keys VALUES ({NOBODY}, 'POST /', 'k', decode(repeat('00', {sha256}), 'hex'), 1, \
             decode(repeat('00', 16), 'hex'), {NOBODY}, {answer})"
        )
    };
    for possible in ["NULL, NULL", "200, ''", "599, '\\x00'"] {
        assert_taken(&client, &insert(32, possible)).await;
    }
    for impossible in ["200, NULL", "NULL, ''", "199, ''", "600, ''"] {
        assert_refused(&client, &insert(32, impossible)).await;
    }
    assert_refused(&client, &insert(31, "NULL, NULL")).await;
}
