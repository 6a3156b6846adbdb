//! Who may run at once, and that nobody is held up by another's slowness.

use std::collections::BTreeSet;

use ringback_domain::EventState;
use ringback_testkit::{Gate, Op, Receiver, Reply, World};

#[tokio::test]
async fn an_endpoint_that_hangs_in_all_its_slots_holds_nobody_up() {
    let world = World::builder().settings(|s| s.max_in_flight_per_endpoint = 2).start().await;
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.always(Reply::hang());
    world.endpoint_with_timeout(&slow.url(), &["batch.failed"], 60).await;
    world.endpoint(&quick.url(), &["batch.completed"]).await;

    for n in 0..6 {
        world.dispatch(&format!("wh_slow_{n}"), "batch.failed").await;
    }
    slow.running(2).await;
    for n in 0..10 {
        let id = world.dispatch(&format!("wh_{n}"), "batch.completed").await;
        world.attempted(id, 1).await;
    }

    assert_eq!(quick.call_count(), 10);
    assert_eq!((slow.call_count(), slow.most_running()), (2, 2), "still the two that hang");
}

#[tokio::test]
async fn more_work_than_slots_is_all_done_and_never_more_at_once() {
    const EVENTS: usize = 40;
    let world = World::builder().settings(|s| s.max_in_flight_per_endpoint = 3).start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    world.endpoint(&receiver.url(), &["*"]).await;

    let mut events = Vec::new();
    for n in 0..EVENTS {
        events.push(world.dispatch(&format!("wh_{n}"), "batch.completed").await);
    }
    receiver.running(3).await;
    world.settled().await;
    assert_eq!(receiver.call_count(), 3);
    gate.open();
    for id in events {
        world.detail_once(id, "every delivery", |d| d.event.state == EventState::Delivered).await;
    }

    assert_eq!(receiver.most_running(), 3);
    assert_eq!(distinct(&receiver), EVENTS);
    assert_eq!(receiver.call_count(), EVENTS, "none twice");
}

#[tokio::test]
async fn the_limit_over_all_endpoints_is_shared_and_all_is_done() {
    const EVENTS: usize = 12;
    let world = World::builder().settings(|s| s.max_in_flight = 2).start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    // Three endpoints at one receiver, so that it sees what runs over all of them.
    for _ in 0..3 {
        world.endpoint(&receiver.url(), &["*"]).await;
    }

    let mut events = Vec::new();
    for n in 0..EVENTS {
        events.push(world.dispatch(&format!("wh_{n}"), "batch.completed").await);
    }
    receiver.running(2).await;
    gate.open();
    for id in events {
        world.detail_once(id, "every delivery", |d| d.event.state == EventState::Delivered).await;
    }

    assert_eq!(receiver.most_running(), 2);
    assert_eq!(receiver.call_count(), 3 * EVENTS);
    assert_eq!(distinct(&receiver), EVENTS);
}

fn distinct(receiver: &Receiver) -> usize {
    receiver.calls().iter().map(|call| call.webhook_id().to_owned()).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn a_look_at_a_busy_endpoint_that_finds_nothing_due_is_one_claim() {
    let world = World::start().await;
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    slow.always(Reply::hang());
    let endpoint = world.endpoint_with_timeout(&slow.url(), &["batch.failed"], 60).await;
    world.endpoint(&quick.url(), &["batch.completed"]).await;
    for n in 0..20 {
        world.dispatch(&format!("wh_slow_{n}"), "batch.failed").await;
    }
    slow.running(20).await;
    let before = world.faults().asked(Op::Claim);
    world.dispatcher().note_due(endpoint.id);
    // Long enough for a thousand claims, if each set off the next.
    for n in 0..20 {
        let id = world.dispatch(&format!("wh_{n}"), "batch.completed").await;
        world.attempted(id, 1).await;
    }
    assert_eq!(world.faults().asked(Op::Claim) - before, 1);
}
