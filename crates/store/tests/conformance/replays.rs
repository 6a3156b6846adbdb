//! A replay's life: made, advanced step by step, called off, cleared, pruned.

use std::sync::Arc;

use ringback_domain::retry::NextStep;
use ringback_domain::{
    DeliveryState, EndReason, EndpointId, EventId, Replay, ReplayFilter, ReplayId, ReplayQuery, ReplayState,
    Trigger,
};
use ringback_store::replays::MAX_RUNNING;
use ringback_store::{
    Advanced, DeliveryCounts, EndpointChange, EventFilter, NewReplay, PageRequest, StoreError,
};

use super::pages::holds;
use super::prune::prune;
use super::{DEAD, World, assert_err, at, concurrently};

/// Another URL.
const URL: &str = "https://other.example/";

/// An endpoint, and so many delivered events.
pub(super) async fn delivered(world: &World, count: usize) -> (EndpointId, Vec<EventId>) {
    let endpoint = world.endpoint(&["*"]).await;
    let mut events = Vec::new();
    for n in 0..count {
        events.push(world.publication(&format!("{n}_{endpoint}")).to(&[endpoint]).append().await.event_id);
    }
    for claimed in world.claim(endpoint, at(0)).await {
        world.finish(&claimed, NextStep::Delivered, at(1)).await;
    }
    (endpoint, events)
}

/// Everything of an endpoint.
pub(super) fn of(endpoint: EndpointId) -> ReplayQuery {
    ReplayQuery { endpoint_id: Some(endpoint), ..Default::default() }
}

pub(super) async fn at_work(world: &World) -> Vec<ReplayId> {
    world.store.replays_at_work().await.unwrap().into_iter().map(|replay| replay.id).collect()
}

pub(crate) async fn a_new_replay_is_kept_as_it_was_asked_for(mut world: World) {
    let (endpoint, _) = delivered(&world, 3).await;
    let source_id = Some(world.publish_source());
    let everything = ReplayQuery {
        endpoint_id: Some(endpoint),
        source_id,
        event_type: Some("batch.completed".into()),
        object_id: Some("batch_\u{e9}".into()),
        state: Some(ReplayFilter::Missed),
        created_after: Some(at(-5)),
        created_before: Some(at(5)),
    };
    let plain = NewReplay { rate: 1000, now: at(7), ..world.new_replay(of(endpoint)) };
    let to_url = NewReplay { rate: 1, ..world.new_replay_to(everything, URL) };
    for (new, expected_count) in [(plain, 3), (to_url, 0)] {
        let made = world.store.create_replay(new.clone()).await.unwrap();
        assert_eq!(
            (made.id, made.project_id, &made.query, made.rate),
            (new.id, world.project, &new.query, new.rate)
        );
        let target = new.target.as_ref();
        assert_eq!(made.target_url.as_deref(), target.map(|target| target.url.as_str()));
        assert_eq!(made.target_endpoint_id, target.map(|target| target.endpoint_id));
        assert_eq!((made.state, made.expected_count), (ReplayState::Running, expected_count));
        assert_eq!((made.expected_is_minimum, made.created_count, made.cursor), (false, 0, None));
        assert_eq!((made.created_at, made.finished_at), (new.now, None));
        world = world.restart().await;
        assert_eq!(world.replay_now(made.id).await, made);
        let deliveries = world.store.replay(world.project, made.id).await.unwrap().deliveries;
        assert_eq!(deliveries, DeliveryCounts::default());
    }
}

pub(crate) async fn a_replay_is_made_in_bounded_steps(mut world: World) {
    let (endpoint, events) = delivered(&world, 5).await;
    let id = world.replay(of(endpoint)).await;
    let mut created = 0;
    for (limit, made, is_final) in [(2, 2, false), (1, 1, false), (2, 2, true), (2, 0, true)] {
        let advanced = world.store.advance_replay(id, limit, at(4)).await.unwrap();
        let due = if made > 0 { vec![endpoint] } else { vec![] };
        assert_eq!(advanced, Advanced { created: made, due, is_final });
        created += made;
        // A crash in between forgets nothing and repeats nothing.
        world = world.restart().await;
        let now = world.replay_now(id).await;
        assert_eq!(now.created_count, created as u64);
        assert_eq!(now.cursor, Some(events[created - 1]));
        let (state, finished_at) =
            if is_final { (ReplayState::Completed, Some(at(4))) } else { (ReplayState::Running, None) };
        assert_eq!((now.state, now.finished_at), (state, finished_at));
        assert_eq!(at_work(&world).await.is_empty(), is_final, "and nothing is left behind");
    }
    let expected: Vec<_> = events.into_iter().map(|event| (event, endpoint)).collect();
    assert_eq!(world.replayed(id).await, expected, "in the order of the events");
    let claimed = world.claim(endpoint, at(4)).await;
    assert!(claimed.iter().all(|claimed| claimed.trigger == Trigger::Replay));
    world.finish(&claimed[0], NextStep::Delivered, at(5)).await;
    world.finish(&claimed[1], DEAD, at(5)).await;
    let detail = world.store.replay(world.project, id).await.unwrap();
    assert_eq!(detail.deliveries, DeliveryCounts { pending: 3, delivered: 1, dead: 1, cancelled: 0 });
}

pub(crate) async fn a_replay_of_nothing_is_completed_by_its_first_step(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let id = world.replay(of(endpoint)).await;
    assert_eq!(world.advance(id, 10).await, [0]);
    let now = world.replay_now(id).await;
    assert_eq!((now.state, now.expected_count, now.cursor), (ReplayState::Completed, 0, None));
    assert!(at_work(&world).await.is_empty());
}

pub(crate) async fn one_step_may_look_in_vain_and_is_not_the_last(world: World) {
    // More events than one step looks at, none of which the query wants in the end.
    let endpoint = world.endpoint(&["*"]).await;
    let mut arrivals = Vec::new();
    for n in 0..6000 {
        arrivals.push(world.publication(&n.to_string()).to(&[]).arrival());
    }
    let last = arrivals[5999].event.id;
    world.store.append_all(arrivals).await.unwrap();
    let source_id = Some(world.source().await);
    let event_type = Some("eval.run.canceled".to_owned());
    for query in [
        ReplayQuery { state: Some(ReplayFilter::Pending), ..of(endpoint) },
        ReplayQuery { source_id, ..Default::default() },
        ReplayQuery { event_type, ..Default::default() },
    ] {
        let id = world.replay(query.clone()).await;
        let first = world.store.advance_replay(id, 10, at(1)).await.unwrap();
        assert_eq!(first, Advanced::default(), "{query:?}");
        let cursor = world.replay_now(id).await.cursor;
        assert!(cursor.is_some_and(|cursor| cursor < last), "{query:?}");
        let steps = world.advance(id, 10).await;
        assert!(steps.iter().all(|created| *created == 0), "{query:?}");
        assert_eq!(world.replay_now(id).await.cursor, Some(last), "{query:?}");
    }
}

pub(crate) async fn the_same_step_taken_twice_at_once_counts_once(world: World) {
    let (endpoint, events) = delivered(&world, 60).await;
    let id = world.replay(of(endpoint)).await;
    let mut created = 0;
    for _ in 0..100 {
        let steps = (0..4).map(|_| {
            let store = Arc::clone(&world.store);
            async move { store.advance_replay(id, 7, at(1)).await.unwrap() }
        });
        let steps = concurrently(steps).await;
        created += steps.iter().map(|step| step.created).sum::<usize>();
        if steps.iter().any(|step| step.is_final) {
            break;
        }
    }
    assert_eq!(created, 60);
    let made: Vec<_> = world.replayed(id).await.into_iter().map(|(event, _)| event).collect();
    assert_eq!(made, events, "each once");
    assert_eq!(world.replay_now(id).await.created_count, 60);
}

pub(crate) async fn a_replay_that_is_called_off_makes_no_more_and_takes_back_what_is_pending(world: World) {
    let (endpoint, _) = delivered(&world, 9).await;
    let id = world.replay(of(endpoint)).await;
    assert_eq!(world.store.advance_replay(id, 7, at(1)).await.unwrap().created, 7);
    let claimed = world.store.claim(endpoint, at(1), at(90), 3).await.unwrap();
    world.finish(&claimed[0], NextStep::Delivered, at(2)).await;
    world.finish(&claimed[1], NextStep::RetryAt(at(50)), at(2)).await;
    let bystander = world.publication("bystander").append().await.event_id;

    let cancelled = world.store.cancel_replay(world.project, id, at(3)).await.unwrap();
    assert_eq!((cancelled.state, cancelled.finished_at), (ReplayState::Cancelled, Some(at(3))));
    assert_eq!(cancelled, world.replay_now(id).await);
    let vain = world.store.advance_replay(id, 7, at(4)).await.unwrap();
    assert_eq!(vain, Advanced { is_final: true, ..Advanced::default() });

    // Six are pending, one of them under way: by twos. What is left survives a restart.
    assert!(!world.store.clear_replay(id, 2, at(5)).await.unwrap());
    let world = world.restart().await;
    assert_eq!(at_work(&world).await, [id]);
    assert!(!world.store.clear_replay(id, 2, at(6)).await.unwrap());
    assert!(world.store.clear_replay(id, 2, at(7)).await.unwrap());
    assert!(at_work(&world).await.is_empty());
    assert!(world.store.clear_replay(id, 2, at(8)).await.unwrap(), "to clear again does no harm");
    let detail = world.store.replay(world.project, id).await.unwrap();
    assert_eq!(detail.deliveries, DeliveryCounts { pending: 0, delivered: 1, dead: 0, cancelled: 6 });
    assert_eq!((detail.replay.created_count, detail.replay.finished_at), (7, Some(at(3))));
    let ended = world.store.delivery(world.project, claimed[1].delivery_id).await.unwrap().record.delivery;
    assert_eq!((ended.end_reason, ended.due_at), (Some(EndReason::Requested), None));
    assert_eq!(world.claim_one(endpoint, at(99)).await.event_id, bystander);
}

pub(crate) async fn only_what_can_still_be_called_off_is(world: World) {
    let (endpoint, _) = delivered(&world, 2).await;
    let cancel = |id| world.store.cancel_replay(world.project, id, at(3));
    let other = world.second_project().await;

    // Completed, with something pending.
    let id = world.replay(of(endpoint)).await;
    world.advance(id, 10).await;
    assert_err!(
        world.store.cancel_replay(other, id, at(3)).await,
        StoreError::NotFound { noun: "webhook replay" }
    );
    assert_eq!(cancel(id).await.unwrap().state, ReplayState::Cancelled);
    assert_err!(cancel(id).await, StoreError::Ended { noun: "webhook replay" });
    assert_eq!(world.clear(id, 100).await, 1);
    // Completed, with nothing pending.
    let id = world.replay(of(endpoint)).await;
    world.advance(id, 10).await;
    for claimed in world.claim(endpoint, at(1)).await {
        world.finish(&claimed, NextStep::Delivered, at(1)).await;
    }
    assert_err!(cancel(id).await, StoreError::Ended { noun: "webhook replay" });
    assert_eq!(world.replay_now(id).await.state, ReplayState::Completed);
    // Running, with nothing made yet.
    let id = world.replay(of(endpoint)).await;
    assert_eq!(cancel(id).await.unwrap().state, ReplayState::Cancelled);
    assert_eq!(world.clear(id, 100).await, 1);
    assert_err!(cancel(world.id()).await, StoreError::NotFound { noun: "webhook replay" });
}

pub(crate) async fn an_endpoint_that_is_deleted_meanwhile_gets_nothing(world: World) {
    let (endpoint, _) = delivered(&world, 4).await;
    let id = world.replay(of(endpoint)).await;
    world.store.advance_replay(id, 1, at(1)).await.unwrap();
    world.store.delete_endpoint(world.project, endpoint, at(2)).await.unwrap();
    assert_eq!(world.advance(id, 2).await.iter().sum::<usize>(), 0);
    let detail = world.store.replay(world.project, id).await.unwrap();
    assert_eq!((detail.replay.state, detail.replay.created_count), (ReplayState::Cancelled, 1));
    assert_eq!(detail.replay.end_reason, Some(EndReason::EndpointDeleted));
    assert_eq!(detail.deliveries, DeliveryCounts { cancelled: 1, ..Default::default() });
    assert_eq!(world.clear(id, 10).await, 1);
    let unknown = world.store.create_replay(world.new_replay(of(endpoint))).await;
    assert_err!(unknown, StoreError::NotFound { noun: "webhook endpoint" });
}

pub(crate) async fn an_endpoint_that_is_disabled_meanwhile_keeps_its_replay_waiting(world: World) {
    let (endpoint, _) = delivered(&world, 3).await;
    let id = world.replay(of(endpoint)).await;
    world.store.advance_replay(id, 1, at(1)).await.unwrap();
    let disabled = |reason: Option<&str>| EndpointChange {
        disabled: Some(reason.map(str::to_owned)),
        ..Default::default()
    };
    world.store.update_endpoint(world.project, endpoint, disabled(Some("gone")), at(2)).await.unwrap();
    let advanced = world.store.advance_replay(id, 10, at(3)).await.unwrap();
    assert_eq!((advanced.created, advanced.is_final), (0, false));
    world.store.update_endpoint(world.project, endpoint, disabled(None), at(4)).await.unwrap();
    assert_eq!(world.advance(id, 10).await, [2]);
    assert_eq!(world.replay_now(id).await.end_reason, None);
}

pub(crate) async fn what_is_pruned_meanwhile_is_missing(world: World) {
    let (endpoint, events) = delivered(&world, 3).await;
    world.publication("late").at(at(50)).append().await;
    let id = world.replay(of(endpoint)).await;
    world.store.advance_replay(id, 1, at(1)).await.unwrap();
    prune(&world, at(40), at(0), 100).await;
    // The one that has a pending delivery by now stays.
    assert_eq!(world.list(EventFilter::default()).await.len(), 2);
    world.advance(id, 1).await;
    let now = world.replay_now(id).await;
    assert_eq!((now.expected_count, now.created_count), (4, 2));
    assert_eq!(world.replayed(id).await[0].0, events[0]);
}

pub(crate) async fn a_replay_is_pruned_when_nothing_names_it(world: World) {
    let (endpoint, _) = delivered(&world, 2).await;
    let id = world.replay(of(endpoint)).await;
    let [running, uncleared] = [
        world.replay(ReplayQuery { created_before: Some(at(-9)), ..Default::default() }).await,
        world.replay(of(endpoint)).await,
    ];
    world.store.cancel_replay(world.project, uncleared, at(1)).await.unwrap();
    world.advance(id, 100).await;
    prune(&world, at(100), at(0), 100).await;
    for there in [id, running, uncleared] {
        world.replay_now(there).await;
    }
    for claimed in world.claim(endpoint, at(1)).await {
        world.finish(&claimed, NextStep::Delivered, at(2)).await;
    }
    world.clear(uncleared, 100).await;
    prune(&world, at(0), at(0), 100).await;
    world.replay_now(id).await;
    prune(&world, at(100), at(0), 1).await;
    for gone in [id, uncleared] {
        assert_err!(
            world.store.replay(world.project, gone).await,
            StoreError::NotFound { noun: "webhook replay" }
        );
    }
    assert_eq!(world.replay_now(running).await.state, ReplayState::Running);
}

pub(crate) async fn running_replays_are_bounded_in_each_project(mut world: World) {
    let query = ReplayQuery::default;
    let mut made = Vec::new();
    for _ in 0..MAX_RUNNING {
        made.push(world.replay(query()).await);
    }
    assert_eq!(at_work(&world).await, made, "oldest first");
    for surplus in [world.new_replay(query()), world.new_replay_to(query(), URL)] {
        let target = surplus.target.as_ref().map(|target| target.endpoint_id);
        let refused = world.store.create_replay(surplus).await;
        assert_err!(refused, StoreError::TooMany { max: MAX_RUNNING, .. });
        assert!(target.is_none_or(|target| world.store.config().endpoint(target).is_none()));
    }
    let first = world.project;
    world.project = world.second_project().await;
    world.replay(query()).await;
    world.project = first;
    // One that has come to an end makes room.
    world.store.cancel_replay(world.project, made[0], at(1)).await.unwrap();
    assert_err!(world.store.create_replay(world.new_replay(query())).await, StoreError::TooMany { .. });
    world.clear(made[0], 10).await;
    world.replay(query()).await;
    world.advance(made[1], 10).await;
    world.replay(query()).await;
    assert_err!(world.store.create_replay(world.new_replay(query())).await, StoreError::TooMany { .. });
}

pub(crate) async fn replays_are_a_projects_own_and_paged(mut world: World) {
    let own = world.project;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(world.replay(ReplayQuery::default()).await);
    }
    world.project = world.second_project().await;
    let others = world.replay(ReplayQuery::default()).await;
    holds(&made, |replay: &Replay| replay.id, |page| world.store.list_replays(own, page)).await;
    holds(&[others], |replay: &Replay| replay.id, |page| world.store.list_replays(world.project, page)).await;
    assert_err!(
        world.store.replay(world.project, made[0]).await,
        StoreError::NotFound { noun: "webhook replay" }
    );
    let page = world.store.list_replays(own, PageRequest::default()).await.unwrap();
    assert_eq!(page.items[0], world.store.replay(own, made[4]).await.unwrap().replay);
}

pub(crate) async fn a_replays_deliveries_end_like_any_others(world: World) {
    let (endpoint, events) = delivered(&world, 1).await;
    let id = world.replay(of(endpoint)).await;
    world.advance(id, 10).await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    world.finish(&claimed, NextStep::RetryAt(at(30)), at(1)).await;
    let world = world.restart().await;
    let again = world.claim_one(endpoint, at(30)).await;
    assert_eq!((again.delivery_id, again.attempt_count), (claimed.delivery_id, 1));
    world.finish(&again, DEAD, at(31)).await;
    let detail = world.event(events[0]).await;
    let states: Vec<_> = detail.deliveries.iter().map(|made| made.delivery.state).collect();
    assert_eq!(states, [DeliveryState::Delivered, DeliveryState::Dead]);
    assert_eq!(detail.deliveries[1].attempts.len(), 2);
}
