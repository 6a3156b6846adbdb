//! A replay to another URL, and the endpoint that stands for that URL.

use ringback_domain::retry::{NextStep, Schedule};
use ringback_domain::{ReplayFilter, ReplayQuery, ReplayState};
use ringback_store::{DeliveryCounts, PageRequest, StoreError};

use super::replays::{at_work, delivered, of};
use super::{DEAD, World, assert_err, at};

/// Another URL.
const URL: &str = "https://other.example/";

pub(crate) async fn another_url_gets_each_event_once(world: World) {
    let [one, both] = [world.endpoint(&["batch.*"]).await, world.endpoint(&["*"]).await];
    let [batch, response] = [
        world.publication("a").append().await.event_id,
        world.publication("b").event_type("response.completed").append().await.event_id,
    ];
    let claimed = world.claim_one(one, at(0)).await;
    world.finish(&claimed, NextStep::Delivered, at(1)).await;
    for claimed in world.claim(both, at(0)).await {
        world.finish(&claimed, DEAD, at(1)).await;
    }
    let usual = ReplayQuery::default;
    let state = |state| ReplayQuery { state: Some(state), ..usual() };
    for (query, expected) in [
        (usual(), vec![batch, response]),
        (ReplayQuery { endpoint_id: Some(one), ..usual() }, vec![batch]),
        // With no endpoint named: as it stands with any of them.
        (state(ReplayFilter::Missed), vec![response]),
        (ReplayQuery { endpoint_id: Some(both), ..state(ReplayFilter::Missed) }, vec![batch, response]),
        (ReplayQuery { endpoint_id: Some(one), ..state(ReplayFilter::Delivered) }, vec![batch]),
        (ReplayQuery { endpoint_id: Some(one), ..state(ReplayFilter::Dead) }, vec![]),
    ] {
        let preview = world.store.preview_replay(world.project, query.clone(), true).await.unwrap();
        let new = world.new_replay_to(query.clone(), "https://other.example/");
        let target = new.target.as_ref().expect("it has one").endpoint_id;
        let id = world.store.create_replay(new).await.unwrap().id;
        world.advance(id, 1).await;
        let made = world.replayed(id).await;
        let expected: Vec<_> = expected.into_iter().map(|event| (event, target)).collect();
        assert_eq!(made, expected, "{query:?}");
        assert_eq!(preview.count, made.len() as u64, "{query:?}");
        // Called off, so that the next ones find no delivered or pending one of it.
        if !made.is_empty() {
            world.store.cancel_replay(world.project, id, at(2)).await.unwrap();
        }
        world.clear(id, 100).await;
    }
}

pub(crate) async fn a_running_replay_is_not_cleared(world: World) {
    let (endpoint, _) = delivered(&world, 2).await;
    let id = world.store.create_replay(world.new_replay_to(of(endpoint), URL)).await.unwrap().id;
    assert!(!world.store.clear_replay(id, 100, at(1)).await.unwrap());
    assert_eq!(world.replay_now(id).await.state, ReplayState::Running);
    assert_eq!(world.advance(id, 100).await, [2]);
    assert_err!(world.store.clear_replay(world.id(), 1, at(1)).await, StoreError::NotFound { .. });
    assert_err!(world.store.advance_replay(world.id(), 1, at(1)).await, StoreError::NotFound { .. });
}

pub(crate) async fn another_url_has_an_endpoint_as_long_as_it_is_needed(mut world: World) {
    let (endpoint, events) = delivered(&world, 2).await;
    world.endpoint(&["*"]).await;
    let made = world.store.create_replay(world.new_replay_to(ReplayQuery::default(), URL)).await.unwrap();
    let target = made.target_endpoint_id.unwrap();
    for _ in 0..2 {
        let config = world.store.config();
        let stands = config.endpoint(target).expect("the deliverer knows it");
        assert_eq!((stands.url.as_str(), stands.replay_id), (URL, Some(made.id)));
        assert_eq!((stands.secrets.len(), stands.may_attempt()), (1, true));
        assert_eq!(stands.rules.schedule, Schedule::new(Vec::new()).ok(), "once is once");
        assert!(config.project(world.project).unwrap().endpoint(target).is_none());
        drop(config);
        world = world.restart().await;
    }
    let list = world.store.list_endpoints(world.project, PageRequest::default()).await.unwrap().items;
    assert!(list.len() == 2 && list.iter().all(|listed| listed.id != target), "it is in no list");
    // It gets no event, neither as planned nor as routed anew.
    let planned = world.publication("planned").append().await;
    let outdated = world.publication("outdated").arrival();
    world.endpoint(&["response.completed"]).await;
    let anew = world.store.append(outdated).await.unwrap();
    assert!(!planned.due.contains(&target) && !anew.due.contains(&target));

    assert_eq!(world.advance(made.id, 100).await, [2]);
    assert_eq!(world.replayed(made.id).await, [(events[0], target), (events[1], target)]);
    assert_eq!(at_work(&world).await, [made.id]);
    // While one is pending, it stays.
    let claimed = world.claim(target, at(1)).await;
    world.finish(&claimed[0], NextStep::Delivered, at(2)).await;
    assert!(!world.store.clear_replay(made.id, 100, at(3)).await.unwrap());
    assert!(world.store.config().endpoint(target).is_some());
    world.finish(&claimed[1], DEAD, at(4)).await;
    assert!(world.store.clear_replay(made.id, 100, at(5)).await.unwrap());
    assert!(at_work(&world).await.is_empty());
    assert!(world.store.config().endpoint(target).is_none());
    let world = world.restart().await;
    assert!(world.store.config().endpoint(target).is_none());
    assert_eq!(world.event(events[0]).await.deliveries.len(), 2, "its history stays");
    assert_eq!(world.claim(endpoint, at(9)).await.len(), 2, "nothing else was touched");
}

pub(crate) async fn another_url_goes_with_a_replay_that_is_called_off(world: World) {
    let (endpoint, _) = delivered(&world, 3).await;
    let made = world.store.create_replay(world.new_replay_to(of(endpoint), URL)).await.unwrap();
    world.store.advance_replay(made.id, 2, at(1)).await.unwrap();
    world.store.cancel_replay(world.project, made.id, at(2)).await.unwrap();
    assert_eq!(world.clear(made.id, 1).await, 2);
    assert!(world.store.config().endpoint(made.target_endpoint_id.unwrap()).is_none());
    let counts = world.store.replay(world.project, made.id).await.unwrap().deliveries;
    assert_eq!(counts, DeliveryCounts { cancelled: 2, ..Default::default() });
}
