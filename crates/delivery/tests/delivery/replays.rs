//! Replays, from the query to the receivers: at their rate, over restarts, and called off.

use std::time::Duration;

use ringback_domain::{
    EndpointId, EventState, Replay, ReplayFilter, ReplayQuery, ReplayState, SecretId, Trigger,
};
use ringback_store::{NewReplay, ReplayDetail, ReplayTarget};
use ringback_testkit::{Receiver, Reply, START, World, until};

const TENTH: Duration = Duration::from_millis(100);

fn new_replay(world: &World, query: ReplayQuery, rate: u32) -> NewReplay {
    NewReplay {
        id: world.id(),
        project_id: world.project,
        query,
        target: None,
        rate,
        now: ringback_domain::Clock::now(&world.clock),
    }
}

async fn create(world: &World, new: NewReplay) -> Replay {
    let replay = world.store().create_replay(new).await.unwrap();
    world.dispatcher().note_replay();
    replay
}

async fn detail(world: &World, replay: &Replay) -> ReplayDetail {
    world.store().replay(world.project, replay.id).await.unwrap()
}

/// Turns the clock in tenths of a second until a replay stands as wanted.
async fn pass_until(world: &World, replay: &Replay, what: &str, wanted: impl Fn(&ReplayDetail) -> bool) {
    until(what, || async {
        world.advance(TENTH).await;
        Some(detail(world, replay).await).filter(&wanted).map(drop)
    })
    .await;
}

async fn events(world: &World, count: usize) {
    for n in 0..count {
        world.dispatch(&format!("wh_{n}"), "batch.completed").await;
    }
}

#[tokio::test]
async fn an_endpoint_that_came_later_gets_what_it_missed_at_the_rate_asked_for_and_over_a_restart() {
    let world = World::start().await;
    events(&world, 40).await;
    let receiver = Receiver::start().await;
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let query = ReplayQuery {
        endpoint_id: Some(endpoint.id),
        state: Some(ReplayFilter::Missed),
        ..ReplayQuery::default()
    };
    let replay = create(&world, new_replay(&world, query.clone(), 10)).await;
    assert_eq!((replay.expected_count, replay.expected_is_minimum), (40, false));
    for tenths in 0..10 {
        let most = tenths + 1;
        until("the next one", || async { Some(()).filter(|()| receiver.call_count() >= most) }).await;
        assert_eq!(receiver.call_count(), most, "one each tenth of a second");
        world.advance(TENTH).await;
    }
    let world = world.restart().await;
    pass_until(&world, &replay, "the replay to end", |d| d.deliveries.delivered == 40).await;
    let ended = detail(&world, &replay).await.replay;
    assert_eq!((ended.state, ended.created_count), (ReplayState::Completed, 40));
    assert_eq!(receiver.call_count(), 40, "each once");
    let again = world.store().preview_replay(world.project, query, false).await.unwrap();
    assert_eq!(again.count, 0, "nothing is missed any more");
}

#[tokio::test]
async fn to_another_url_goes_each_event_once_signed_with_the_one_off_secret() {
    let world = World::start().await;
    events(&world, 3).await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500)]);
    let secret = ringback_webhook::SigningSecret::from_key_bytes(&[9; 32]).unwrap();
    let target = ReplayTarget {
        url: receiver.url(),
        endpoint_id: world.id::<EndpointId>(),
        secret: (world.id::<SecretId>(), secret.clone().into()),
    };
    let new = NewReplay { target: Some(target), ..new_replay(&world, ReplayQuery::default(), 100) };
    let replay = create(&world, new).await;
    pass_until(&world, &replay, "it to end", |d| d.deliveries.delivered == 2 && d.deliveries.dead == 1).await;
    assert_eq!(receiver.call_count(), 3, "no retry");
    for call in receiver.calls() {
        call.assert_verifies(&secret, ringback_domain::Clock::now(&world.clock));
    }
    let target = replay.target_endpoint_id.unwrap();
    until("its endpoint to go", || async {
        world.advance(TENTH).await;
        Some(()).filter(|()| world.store().config().endpoint(target).is_none())
    })
    .await;
    let listed = world.store().list_endpoints(world.project, ringback_store::PageRequest::default()).await;
    assert!(listed.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_replay_that_is_called_off_makes_no_more_and_its_pending_deliveries_go() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    events(&world, 30).await;
    receiver.always(Reply::status(500));
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let query = ReplayQuery { endpoint_id: Some(endpoint.id), ..ReplayQuery::default() };
    let replay = create(&world, new_replay(&world, query, 10)).await;
    pass_until(&world, &replay, "some to be made", |d| d.replay.created_count >= 5).await;
    let now = ringback_domain::Clock::now(&world.clock);
    let cancelled = world.store().cancel_replay(world.project, replay.id, now).await.unwrap();
    assert_eq!(cancelled.state, ReplayState::Cancelled);
    world.dispatcher().note_replay();
    pass_until(&world, &replay, "the rest to go", |d| d.deliveries.pending == 0).await;
    let made = detail(&world, &replay).await;
    assert_eq!(made.deliveries.cancelled, made.replay.created_count, "those that had failed once too");
    world.advance(Duration::from_secs(60)).await;
    assert_eq!(detail(&world, &replay).await.replay.created_count, made.replay.created_count);
}

#[tokio::test]
async fn what_was_dead_is_delivered_by_a_replay_and_its_deliveries_say_so() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(404));
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let change = ringback_store::EndpointChange {
        no_retry_statuses: Some(vec![404]),
        ..ringback_store::EndpointChange::default()
    };
    world.change_endpoint(endpoint.id, change).await;
    let event = world.dispatch("wh_dead", "batch.completed").await;
    world.attempted(event, 1).await;
    receiver.always(Reply::status(200));
    world.dispatch("wh_alive", "batch.completed").await;
    let query =
        ReplayQuery { state: Some(ReplayFilter::Dead), created_after: Some(START), ..ReplayQuery::default() };
    let replay = create(&world, new_replay(&world, query, 50)).await;
    assert_eq!(replay.expected_count, 1);
    pass_until(&world, &replay, "it to arrive", |d| d.deliveries.delivered == 1).await;
    let detail = world.detail(event).await;
    let [first, second] = detail.deliveries.as_slice() else { panic!("two deliveries") };
    assert_eq!(first.delivery.state, ringback_domain::DeliveryState::Dead, "as it was");
    assert_eq!((second.delivery.trigger, second.delivery.replay_id), (Trigger::Replay, Some(replay.id)));
    assert_eq!(detail.event.state, EventState::Delivered, "it has arrived after all");
}
