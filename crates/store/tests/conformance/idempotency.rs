//! Requests under an `Idempotency-Key`: run once, answered alike, kept for a day.

use std::sync::Arc;
use std::time::Duration;

use ringback_domain::Timestamp;
use ringback_store::idempotency::{KEPT_FOR, Nonce};
use ringback_store::{Beginning, Begun, IdempotencyKey, Retention, StoreError, StoredAnswer};

use super::{World, assert_err, at, concurrently, keyring};

/// The number that every request here is begun with.
const NONCE: Nonce = [9; 16];
const NEW: Begun = Begun::New { nonce: NONCE };
const RUNNING: Begun = Begun::Running { nonce: NONCE };

/// A key of the world's project, for publishing.
fn key(world: &World, key: &str) -> IdempotencyKey {
    IdempotencyKey { project_id: world.project, route: "POST /v1/webhook_events".into(), key: key.into() }
}

/// A request with the body of this number, not to be run twice.
fn request(key: &IdempotencyKey, body: u8, now: Timestamp) -> Beginning {
    Beginning { key: key.clone(), request_sha256: [body; 32], repeatable: false, nonce: NONCE, now }
}

fn answer(status_code: u16, body: &[u8]) -> StoredAnswer {
    StoredAnswer { status_code, body: body.to_vec().into() }
}

async fn begin(world: &World, key: &IdempotencyKey, body: u8, now: Timestamp) -> Begun {
    world.store.begin_idempotent(request(key, body, now)).await.unwrap()
}

async fn begin_repeatable(world: &World, key: &IdempotencyKey, now: Timestamp) -> Begun {
    let beginning = Beginning { repeatable: true, ..request(key, 1, now) };
    world.store.begin_idempotent(beginning).await.unwrap()
}

async fn complete(world: &World, key: &IdempotencyKey, answer: &StoredAnswer) {
    world.store.complete_idempotent(key.clone(), answer.clone()).await.unwrap();
}

/// Forgets what was made before `before`, in one step of at most `limit`; says how many went.
async fn prune(world: &World, before: Timestamp, limit: usize) -> usize {
    let retention =
        Retention { events_before: at(0), webhook_ids_before: at(0), idempotency_keys_before: before, limit };
    world.store.prune(retention).await.unwrap()
}

pub(crate) async fn the_first_runs_and_the_others_get_its_answer(world: World) {
    let key = key(&world, "k");
    assert_eq!(begin(&world, &key, 1, at(0)).await, NEW);
    assert_eq!(begin(&world, &key, 1, at(1)).await, RUNNING);
    assert_eq!(begin_repeatable(&world, &key, at(1)).await, RUNNING, "not twice at a time");
    let created = answer(201, b"{\"id\":1}");
    complete(&world, &key, &created).await;
    // The first answer is the answer.
    complete(&world, &key, &answer(500, b"late")).await;
    assert_eq!(begin(&world, &key, 1, at(2)).await, Begun::Done(created.clone()));
    let world = world.restart().await;
    for _ in 0..2 {
        assert_eq!(begin(&world, &key, 1, at(3)).await, Begun::Done(created.clone()));
        assert_eq!(begin_repeatable(&world, &key, at(3)).await, Begun::Done(created.clone()));
    }
}

pub(crate) async fn answers_are_kept_exactly(mut world: World) {
    let bodies = [vec![], vec![0], (0..=255).collect(), vec![b'x'; 1 << 20]];
    for (n, (status, body)) in [200, 299, 400, 599].into_iter().zip(bodies).enumerate() {
        let (key, expected) = (key(&world, &n.to_string()), answer(status, &body));
        assert_eq!(begin(&world, &key, 1, at(0)).await, NEW);
        complete(&world, &key, &expected).await;
        world = world.restart().await;
        assert!(begin(&world, &key, 1, at(0)).await == Begun::Done(expected), "status {status}");
    }
}

pub(crate) async fn an_answer_without_a_final_status_is_refused(world: World) {
    let key = key(&world, "k");
    begin(&world, &key, 1, at(0)).await;
    for status in [0, 100, 199, 600] {
        let refused = world.store.complete_idempotent(key.clone(), answer(status, b"")).await;
        assert_err!(refused, StoreError::Refused(_));
    }
    assert_eq!(begin(&world, &key, 1, at(0)).await, RUNNING);
}

pub(crate) async fn a_key_stands_for_one_request(world: World) {
    let key = key(&world, "k");
    begin(&world, &key, 1, at(0)).await;
    assert_eq!(begin(&world, &key, 2, at(1)).await, Begun::OtherRequest);
    complete(&world, &key, &answer(200, b"")).await;
    assert_eq!(begin(&world, &key, 2, at(1)).await, Begun::OtherRequest);
    let world = world.restart().await;
    assert_eq!(begin(&world, &key, 2, at(1)).await, Begun::OtherRequest);
    assert_eq!(begin(&world, &key, 1, at(1)).await, Begun::Done(answer(200, b"")));
}

pub(crate) async fn a_key_is_a_projects_and_a_routes_own(world: World) {
    let first = key(&world, "k");
    let others = [
        IdempotencyKey { project_id: world.second_project().await, ..first.clone() },
        IdempotencyKey { route: "POST /v1/webhook_endpoints".into(), ..first.clone() },
        IdempotencyKey { route: "PUT /v1/webhook_events".into(), ..first.clone() },
        key(&world, "K"),
        key(&world, "k "),
        key(&world, &"k".repeat(255)),
    ];
    begin(&world, &first, 1, at(0)).await;
    complete(&world, &first, &answer(200, b"first")).await;
    for other in &others {
        assert_eq!(begin(&world, other, 1, at(0)).await, NEW, "{other:?}");
        complete(&world, other, &answer(400, b"other")).await;
    }
    let world = world.restart().await;
    assert_eq!(begin(&world, &first, 1, at(0)).await, Begun::Done(answer(200, b"first")));
    for other in &others {
        assert_eq!(begin(&world, other, 1, at(0)).await, Begun::Done(answer(400, b"other")), "{other:?}");
    }
}

pub(crate) async fn of_many_at_once_exactly_one_is_new(world: World) {
    let begin_all = async |now| {
        let beginnings = (0..50).map(|_| {
            let (store, beginning) = (Arc::clone(&world.store), request(&key(&world, "k"), 1, now));
            async move { store.begin_idempotent(beginning).await.unwrap() }
        });
        concurrently(beginnings).await
    };
    let too_late = at(1).plus(KEPT_FOR);
    // Once when nothing is known of it, and once when what was known has had its time.
    for now in [at(0), too_late] {
        let begun = begin_all(now).await;
        assert_eq!(begun.iter().filter(|begun| **begun == NEW).count(), 1);
        assert_eq!(begun.iter().filter(|begun| **begun == RUNNING).count(), 49);
    }
}

pub(crate) async fn what_was_forgotten_is_run_again(world: World) {
    let key = key(&world, "k");
    begin(&world, &key, 1, at(0)).await;
    world.store.forget_idempotent(key.clone()).await.unwrap();
    // An answer that comes after all is nobody's, and with what was forgotten its body may change.
    complete(&world, &key, &answer(200, b"late")).await;
    assert_eq!(begin(&world, &key, 2, at(1)).await, NEW);
    complete(&world, &key, &answer(200, b"")).await;
    // What has its answer is not forgotten any more, and what was never begun is no error.
    world.store.forget_idempotent(key.clone()).await.unwrap();
    world.store.forget_idempotent(self::key(&world, "never")).await.unwrap();
    assert_eq!(begin(&world.restart().await, &key, 2, at(1)).await, Begun::Done(answer(200, b"")));
}

pub(crate) async fn what_a_former_run_began_is_interrupted_or_run_again(world: World) {
    let (once, twice) = (key(&world, "once"), key(&world, "twice"));
    begin(&world, &once, 1, at(0)).await;
    begin_repeatable(&world, &twice, at(0)).await;
    let world = world.restart().await;
    for _ in 0..2 {
        assert_eq!(begin(&world, &once, 1, at(1)).await, Begun::Interrupted);
    }
    assert_eq!(begin(&world, &twice, 2, at(1)).await, Begun::OtherRequest, "not even then");
    assert_eq!(begin_repeatable(&world, &twice, at(1)).await, NEW);
    assert_eq!(begin_repeatable(&world, &twice, at(1)).await, RUNNING);
    complete(&world, &twice, &answer(200, b"second run")).await;
    assert_eq!(begin_repeatable(&world, &twice, at(1)).await, Begun::Done(answer(200, b"second run")));

    let world = world.restart().await;
    assert_eq!(begin(&world, &once, 1, at(1)).await, Begun::Interrupted);
    // It is counted from the request, however often it was run.
    let too_late = at(0).plus(KEPT_FOR).plus(Duration::from_millis(1));
    assert_eq!(begin_repeatable(&world, &twice, too_late).await, NEW);
    assert_eq!(begin(&world, &once, 1, too_late).await, NEW);
}

pub(crate) async fn an_answer_is_kept_for_exactly_a_day(world: World) {
    assert_eq!(KEPT_FOR, Duration::from_secs(24 * 60 * 60));
    let (done, running) = (key(&world, "done"), key(&world, "running"));
    begin(&world, &done, 1, at(5)).await;
    complete(&world, &done, &answer(200, b"")).await;
    begin(&world, &running, 1, at(5)).await;
    let last = at(5).plus(KEPT_FOR);
    let world = world.restart().await;
    assert_eq!(begin(&world, &done, 1, last).await, Begun::Done(answer(200, b"")));
    assert_eq!(begin(&world, &running, 1, last).await, Begun::Interrupted);
    let over = last.plus(Duration::from_millis(1));
    for key in [&done, &running] {
        // Another body is as good as the same: nothing is known of the key any more.
        assert_eq!(begin(&world, key, 2, over).await, NEW);
        assert_eq!(begin(&world, key, 1, over).await, Begun::OtherRequest);
        // And its day begins anew.
        assert_eq!(begin(&world, key, 2, over.plus(KEPT_FOR)).await, RUNNING);
    }
}

pub(crate) async fn keys_are_pruned_in_bounded_steps(world: World) {
    for secs in 0..5 {
        let key = key(&world, &secs.to_string());
        begin(&world, &key, 1, at(secs)).await;
        if secs % 2 == 0 {
            complete(&world, &key, &answer(200, b"")).await;
        }
    }
    // Begun at 0, 1, 2 | 3, 4: what was begun at the very moment stays, with or without an answer.
    for expected in [2, 1, 0] {
        assert_eq!(prune(&world, at(3), 2).await, expected);
    }
    let world = world.restart().await;
    for (secs, expected) in
        [(0, NEW), (1, NEW), (2, NEW), (3, Begun::Interrupted), (4, Begun::Done(answer(200, b"")))]
    {
        assert_eq!(begin(&world, &key(&world, &secs.to_string()), 1, at(6)).await, expected, "{secs}");
    }
}

pub(crate) async fn an_answer_outlives_a_rotation_and_is_lost_with_its_key(world: World) {
    let key = key(&world, "k");
    begin(&world, &key, 1, at(0)).await;
    complete(&world, &key, &answer(200, b"under key 1")).await;
    let world = world.restart_under(keyring(&[2, 1])).await.unwrap();
    assert_eq!(begin(&world, &key, 1, at(1)).await, Begun::Done(answer(200, b"under key 1")));
    // Taken off the list: that there was an answer is still known, so that it is not run again.
    let world = world.restart_under(keyring(&[2])).await.unwrap();
    assert_eq!(begin(&world, &key, 1, at(2)).await, Begun::Interrupted);
    assert_eq!(begin(&world, &key, 2, at(2)).await, Begun::OtherRequest);
    let world = world.restart_under(keyring(&[2, 1])).await.unwrap();
    assert_eq!(begin(&world, &key, 1, at(3)).await, Begun::Done(answer(200, b"under key 1")));
    // What may be run twice is run again rather than given up.
    let world = world.restart_under(keyring(&[2])).await.unwrap();
    assert_eq!(begin_repeatable(&world, &key, at(4)).await, NEW);
    assert_eq!(begin(&world, &key, 1, at(5)).await, RUNNING);
}
