//! Several events in one transaction: all of them or none.

use std::sync::Arc;

use ringback_domain::{Disposition, EventId, EventState};
use ringback_store::{Appended, Arrival, EventFilter, Plan, StoreError};

use super::{World, assert_err, at, concurrently};

/// One arrival for each webhook id and body, published at once.
fn batch(world: &World, events: &[(&str, &str)]) -> Vec<Arrival> {
    events
        .iter()
        .map(|(webhook_id, body)| world.publication(webhook_id).body(body.to_string()).arrival())
        .collect()
}

async fn append(world: &World, events: &[(&str, &str)]) -> Result<Vec<Appended>, StoreError> {
    world.store.append_all(batch(world, events)).await
}

fn outcomes(appended: &[Appended]) -> Vec<(Disposition, EventId)> {
    appended.iter().map(|appended| (appended.disposition, appended.event_id)).collect()
}

/// How many events there are, counted by what is pending for an endpoint that wants all.
async fn pending(world: &World) -> u64 {
    world.store.backlog(world.project).await.unwrap().pending
}

pub(crate) async fn a_batch_is_appended_whole_and_in_its_order(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["batch.*"]).await;
    let other = world.endpoint(&["response.completed"]).await;
    // Calls and publications, routed each by itself, born due and leased.
    let arrivals = vec![
        world.publication("a").body("1").arrival(),
        world.call(source, "a").body("2").event_type("response.completed").arrival(),
        world.publication("b").body("3").leased_until(at(40)).arrival(),
        world.publication("c").body("4").event_type("acme.unwanted").arrival(),
    ];
    let ids: Vec<EventId> = arrivals.iter().map(|arrival| arrival.event.id).collect();
    let appended = world.store.append_all(arrivals).await.unwrap();

    let accepted: Vec<_> = ids.iter().map(|id| (Disposition::Accepted, *id)).collect();
    assert_eq!(outcomes(&appended), accepted);
    let due: Vec<_> = appended.iter().map(|appended| appended.due.clone()).collect();
    assert_eq!(due, [vec![endpoint], vec![other], vec![], vec![]]);
    let [(_, leased_to, lease)] = appended[2].leased[..] else { panic!("{:?}", appended[2]) };
    assert_eq!((leased_to, lease.expires_at), (endpoint, at(40)));

    let world = world.restart().await;
    assert_eq!(world.list(EventFilter::default()).await, [ids[3], ids[2], ids[1], ids[0]]);
    for (id, body) in ids.iter().zip(["1", "2", "3", "4"]) {
        assert_eq!(world.store.payload(world.project, *id).await.unwrap(), body);
    }
    assert_eq!(world.event(ids[3]).await.event.state, EventState::Unrouted);
}

pub(crate) async fn a_batch_of_none_is_no_error(world: World) {
    assert_eq!(world.store.append_all(vec![]).await.unwrap(), []);
    assert_eq!(world.list(EventFilter::default()).await, []);
}

pub(crate) async fn a_repetition_in_a_batch_is_a_duplicate(world: World) {
    world.endpoint(&["*"]).await;
    let first = append(&world, &[("a", "1"), ("b", "1"), ("a", "1"), ("a", "1")]).await.unwrap();
    let (a, b) = (first[0].event_id, first[1].event_id);
    use Disposition::{Accepted, Duplicate};
    assert_eq!(outcomes(&first), [(Accepted, a), (Accepted, b), (Duplicate, a), (Duplicate, a)]);
    assert_eq!((&first[2].due, &first[2].leased), (&vec![], &vec![]));

    // What was stored before is repeated as harmlessly, beside what is new; also by another process.
    let world = world.restart().await;
    let second = append(&world, &[("b", "1"), ("c", "1"), ("a", "1")]).await.unwrap();
    let c = second[1].event_id;
    assert_eq!(outcomes(&second), [(Duplicate, b), (Accepted, c), (Duplicate, a)]);
    assert_eq!(world.list(EventFilter::default()).await, [c, b, a]);
    assert_eq!(pending(&world).await, 3);
}

pub(crate) async fn another_event_under_a_known_id_leaves_nothing_of_its_batch(mut world: World) {
    world.endpoint(&["*"]).await;
    append(&world, &[("known", "1")]).await.unwrap();
    let before = world.list(EventFilter::default()).await;
    type Case = (&'static [(&'static str, &'static str)], usize);
    let cases: [Case; 6] = [
        (&[("known", "2")], 0),
        (&[("a", "1"), ("known", "2")], 1),
        (&[("a", "1"), ("known", "1"), ("b", "1"), ("known", "2"), ("c", "1")], 3),
        // Among themselves: whichever comes later.
        (&[("a", "1"), ("b", "1"), ("a", "2")], 2),
        (&[("a", "1"), ("a", "1"), ("a", "2"), ("a", "1")], 2),
        // Of two, the first is named.
        (&[("a", "1"), ("known", "2"), ("a", "2")], 1),
    ];
    for (events, expected) in cases {
        let refused = append(&world, events).await;
        assert_err!(refused, StoreError::WebhookIdTaken { index } if index == expected);
        assert_eq!(world.list(EventFilter::default()).await, before, "{events:?}");
        assert_eq!(pending(&world).await, 1, "{events:?}");
        world = world.restart().await;
        assert_eq!(world.list(EventFilter::default()).await, before, "{events:?}");
    }
    // Every id of a refused batch is as new as before.
    let appended = append(&world, &[("a", "2"), ("b", "2"), ("c", "2")]).await.unwrap();
    assert!(appended.iter().all(|appended| appended.disposition == Disposition::Accepted));
}

pub(crate) async fn an_id_is_one_sources_own_in_a_batch_too(world: World) {
    let source = world.source().await;
    let arrivals = vec![
        world.publication("a").body("1").arrival(),
        world.call(source, "a").body("2").arrival(),
        world.publication("A").body("3").arrival(),
    ];
    let appended = world.store.append_all(arrivals).await.unwrap();
    assert!(appended.iter().all(|appended| appended.disposition == Disposition::Accepted));
    assert_eq!(world.list(EventFilter::default()).await.len(), 3);
}

pub(crate) async fn a_refused_row_leaves_nothing_of_its_batch_and_harms_no_other(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let nowhere = world.id();
    let batches = (0..20).map(|n| {
        let mut arrivals: Vec<Arrival> =
            (0..5).map(|m| world.publication(&format!("{n}/{m}")).to(&[endpoint]).arrival()).collect();
        if n % 4 == 1 {
            arrivals[4] = world.publication(&format!("{n}/4")).to(&[endpoint, nowhere]).arrival();
        }
        let store = Arc::clone(&world.store);
        async move { store.append_all(arrivals).await }
    });
    let answers = concurrently(batches).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match n % 4 {
            1 => assert_err!(answer, StoreError::Refused(_)),
            _ => assert_eq!(answer.unwrap().len(), 5, "batch {n}"),
        }
    }
    let world = world.restart().await;
    assert_eq!(world.list(EventFilter::default()).await.len(), 75);
    assert_eq!(pending(&world).await, 75);
}

pub(crate) async fn a_thousand_in_one_batch_are_all_durable(world: World) {
    world.endpoint(&["*"]).await;
    let names: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let events: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "{}")).collect();
    let first = append(&world, &events).await.unwrap();
    assert!(
        first.iter().all(|appended| appended.disposition == Disposition::Accepted && appended.due.len() == 1)
    );

    let world = world.restart().await;
    assert_eq!(pending(&world).await, 1000);
    let again = append(&world, &events).await.unwrap();
    for (first, again) in first.iter().zip(&again) {
        assert_eq!((again.disposition, again.event_id), (Disposition::Duplicate, first.event_id));
    }
    // The last of them alone is enough to refuse them all.
    let changed = [&events[..999], &[("new", "{}"), ("999", "other")]].concat();
    assert_err!(append(&world, &changed).await, StoreError::WebhookIdTaken { index: 1000 });
    assert_eq!(pending(&world).await, 1000);
}

pub(crate) async fn of_batches_at_once_with_the_same_ids_one_is_accepted(world: World) {
    world.endpoint(&["*"]).await;
    let batches = (0..20).map(|_| {
        let (store, arrivals) =
            (Arc::clone(&world.store), batch(&world, &[("a", "1"), ("b", "1"), ("c", "1")]));
        async move { store.append_all(arrivals).await.unwrap() }
    });
    let answers = concurrently(batches).await;
    let is_accepted = |appended: &Appended| appended.disposition == Disposition::Accepted;
    let accepted: Vec<_> = answers.iter().filter(|batch| batch.iter().any(is_accepted)).collect();
    assert_eq!(accepted.len(), 1);
    assert!(accepted[0].iter().all(is_accepted));
    for batch in &answers {
        let ids = |batch: &[Appended]| batch.iter().map(|appended| appended.event_id).collect::<Vec<_>>();
        assert_eq!(ids(batch), ids(accepted[0]));
    }
    assert_eq!(pending(&world).await, 3);
}

pub(crate) async fn a_batch_is_routed_by_the_configuration_of_its_commit(world: World) {
    let goes = world.endpoint(&["*"]).await;
    let arrivals = batch(&world, &[("a", "1"), ("b", "1")]);
    assert!(
        arrivals
            .iter()
            .all(|arrival| matches!(&arrival.plan, Plan::Route { deliveries, .. } if deliveries.len() == 1))
    );
    world.store.delete_endpoint(world.project, goes, at(1)).await.unwrap();
    let comes = world.endpoint(&["*"]).await;
    for appended in world.store.append_all(arrivals).await.unwrap() {
        assert_eq!(appended.due, [comes]);
    }
}
