//! A database that does not take what it is given, while attempts are made.

use std::time::Duration;

use ringback_domain::{DeliveryState, EventState};
use ringback_store::StoreError;
use ringback_testkit::{Gate, Op, Receiver, Reply, World, unavailable};

use crate::{append_untold, generation, only};

/// The default time-out and the slack: how long a lease lasts.
const LEASE: Duration = Duration::from_secs(10 + 30);
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_attempt_is_recorded_as_soon_as_the_database_takes_it_and_not_made_again() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;
    world.faults().refuse_times(Op::Finish, unavailable(), 2);

    let id = world.dispatch("wh_1", "batch.completed").await;
    receiver.next().await;
    world.faults().refused_at_least(Op::Finish, 1).await;
    assert!(only(&world.detail(id).await).delivery.in_flight, "nothing is recorded yet");

    let detail = world.attempted(id, 1).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(only(&detail).attempts.len(), 1);
    assert_eq!((world.faults().refused(Op::Finish), receiver.call_count()), (2, 1));
}

#[tokio::test]
async fn a_delivery_whose_end_is_never_recorded_is_made_again_after_its_lease() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;
    world.faults().refuse(Op::Finish, unavailable());
    let id = world.dispatch("wh_1", "batch.completed").await;
    let first = receiver.next().await;
    world.faults().refused_at_least(Op::Finish, 1).await;

    world.advance(LEASE - SECOND).await;
    world.advance(SECOND).await;
    assert_eq!(receiver.call_count(), 1, "not while the lease holds");
    // The reclaimer looks every 5 s, the deliverer every second.
    world.advance(5 * SECOND).await;
    world.advance(SECOND).await;
    let second = receiver.next().await;
    assert_eq!((second.webhook_id(), &second.body), (first.webhook_id(), &first.body));

    world.faults().heal();
    let detail = world.attempted(id, 2).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(receiver.call_count(), 2, "both attempts are recorded, and no third is made");
}

#[tokio::test]
async fn an_attempt_that_the_database_refuses_for_good_gives_its_slot_back_and_loses_nothing() {
    let world = World::builder().settings(|s| s.max_in_flight_per_endpoint = 1).start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;
    let odd = std::io::Error::other("a row that it does not like");
    world.faults().refuse_times(Op::Finish, StoreError::Refused(std::sync::Arc::new(odd)), 1);

    let refused = world.dispatch("wh_1", "batch.completed").await;
    receiver.next().await;
    world.faults().refused_at_least(Op::Finish, 1).await;
    let other = world.dispatch("wh_2", "batch.completed").await;
    assert_eq!(world.attempted(other, 1).await.event.state, EventState::Delivered);
    let detail = world.detail(refused).await;
    assert_eq!((detail.event.state, only(&detail).attempts.len()), (EventState::Pending, 0));

    world.advance(LEASE + 5 * SECOND).await;
    world.advance(SECOND).await;
    let detail = world.attempted(refused, 1).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    let calls: Vec<_> = receiver.calls().iter().map(|call| call.webhook_id().to_owned()).collect();
    assert_eq!(calls, ["wh_1", "wh_2", "wh_1"]);
}

#[tokio::test]
async fn work_that_cannot_be_looked_for_or_claimed_is_found_once_it_can_be() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;
    for op in [Op::DueEndpoints, Op::Claim] {
        world.faults().refuse(op, unavailable());
        let id = append_untold(&world, &format!("wh_{op:?}"), generation(&world) - 1).await.event_id;
        let refused = world.faults().refused(op);
        world.advance(SECOND).await;
        world.faults().refused_at_least(op, refused + 1).await;
        let detail = world.detail(id).await;
        assert_eq!(only(&detail).delivery.state, DeliveryState::Pending);
        assert!(!only(&detail).delivery.in_flight, "{op:?}");

        world.faults().heal();
        world.advance(SECOND).await;
        assert_eq!(world.attempted(id, 1).await.event.state, EventState::Delivered, "{op:?}");
    }
}

#[tokio::test]
async fn an_answered_attempt_that_waits_to_be_recorded_leaves_its_slot_to_the_next() {
    let world = World::builder().settings(|s| s.max_in_flight = 1).start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;
    let gate = Gate::shut();
    world.faults().hold(Op::Finish, &gate);
    let mut events = Vec::new();
    for n in 0..2 {
        events.push(world.dispatch(&format!("wh_{n}"), "batch.completed").await);
    }
    world.faults().asked_at_least(Op::Finish, 2).await;
    assert_eq!(receiver.call_count(), 2);
    // There are as many places without a slot as there are slots: the second keeps its own.
    let last = world.dispatch("wh_2", "batch.completed").await;
    world.settled().await;
    assert_eq!(receiver.call_count(), 2);

    gate.open();
    world.faults().heal();
    for id in events.into_iter().chain([last]) {
        assert_eq!(world.attempted(id, 1).await.event.state, EventState::Delivered);
    }
    assert_eq!(receiver.call_count(), 3);
}

#[tokio::test]
async fn an_event_that_was_not_taken_holds_no_slot() {
    let world = World::builder().settings(|s| s.max_in_flight = 1).start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;
    world.faults().refuse(Op::Append, StoreError::Overloaded);
    for n in 0..3 {
        let event = world.event(&format!("wh_{n}"), "batch.completed", "{}");
        let refused = world.try_dispatch(event).await;
        assert!(matches!(refused, Err(StoreError::Overloaded)), "{refused:?}");
    }
    assert_eq!(world.events().await.len(), 0);

    world.faults().heal();
    let id = world.dispatch("wh_0", "batch.completed").await;
    assert_eq!(world.attempted(id, 1).await.event.state, EventState::Delivered);
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn nothing_is_sent_before_the_event_is_durable() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    world.endpoint(&receiver.url(), &["*"]).await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200));
    world.faults().hold(Op::Append, &gate);

    let event = world.event("wh_1", "batch.completed", "{}");
    let (appended, ()) = tokio::join!(world.try_dispatch(event), async {
        world.faults().asked_at_least(Op::Append, 1).await;
        world.settled().await;
        assert_eq!((receiver.call_count(), world.events().await.len()), (0, 0));
        gate.open();
    });
    let id = appended.expect("it is taken once the store goes on").event_id;
    assert_eq!(world.attempted(id, 1).await.event.state, EventState::Delivered);
}
