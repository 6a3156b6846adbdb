//! Many writes at once: none lost, none doubled, none harmed by another.

use std::collections::HashSet;
use std::sync::Arc;

use ringback_domain::{DeliveryState, Disposition, EndpointId};
use ringback_store::{Appended, Arrival, EventFilter, Order, PageRequest, SourceChange, StoreError};

use super::{World, assert_err, at, concurrently};

/// Appends all of them at once.
async fn append_all(world: &World, arrivals: Vec<Arrival>) -> Vec<Result<Appended, StoreError>> {
    concurrently(arrivals.into_iter().map(|arrival| {
        let store = Arc::clone(&world.store);
        async move { store.append(arrival).await }
    }))
    .await
}

pub(crate) async fn a_hundred_calls_with_one_webhook_id_make_one_event(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let calls = (0..100).map(|_| {
        let (store, project) = (Arc::clone(&world.store), world.project);
        let arrival = world.call(source, "wh_1").arrival();
        async move {
            let appended = store.append(arrival).await.unwrap();
            // Whichever answer it is, the event is there when it is given.
            store.event(project, appended.event_id).await.unwrap();
            appended
        }
    });
    let answers = concurrently(calls).await;

    let accepted: Vec<_> = answers.iter().filter(|a| a.disposition == Disposition::Accepted).collect();
    assert_eq!(accepted.len(), 1);
    for other in answers.iter().filter(|a| a.disposition != Disposition::Accepted) {
        assert_eq!(other.disposition, Disposition::Duplicate);
        assert_eq!(other.event_id, accepted[0].event_id);
    }
    assert_eq!(world.list(EventFilter::default()).await, [accepted[0].event_id]);
    assert_eq!(world.claim(endpoint, at(0)).await.len(), 1);
}

pub(crate) async fn a_thousand_simultaneous_appends_are_all_durable(world: World) {
    let source = world.source().await;
    world.endpoint(&["*"]).await;
    let arrivals = (0..1000).map(|n| world.call(source, &n.to_string()).arrival()).collect();
    let answers = append_all(&world, arrivals).await;
    let answered: HashSet<_> = answers.into_iter().map(|answer| answer.unwrap().event_id).collect();
    assert_eq!(answered.len(), 1000);

    let world = world.restart().await;

    let mut found = HashSet::new();
    let mut after = None;
    loop {
        let page = PageRequest { after, limit: 100, order: Order::Asc };
        let page = world.store.list_events(world.project, EventFilter::default(), page).await.unwrap();
        after = page.items.last().map(|event| event.id);
        let known = found.len();
        found.extend(page.items.iter().map(|event| event.id));
        assert_eq!(found.len(), known + page.items.len(), "a page repeats another");
        if !page.has_more {
            break;
        }
    }
    assert_eq!(found, answered);
    assert_eq!(world.store.backlog(world.project).await.unwrap().pending, 1000);
}

pub(crate) async fn a_refused_row_harms_nobody(world: World) {
    let source = world.source().await;
    let nowhere: EndpointId = world.id();
    let arrivals: Vec<Arrival> = (0..200)
        .map(|n| world.call(source, &n.to_string()))
        .enumerate()
        .map(|(n, call)| if n % 10 == 3 { call.to(&[nowhere]).arrival() } else { call.arrival() })
        .collect();
    let ids: Vec<_> = arrivals.iter().map(|arrival| arrival.event.id).collect();
    // Answers that are no failures come in between.
    let unknown = (0..20).map(|_| {
        let (store, project, id) = (Arc::clone(&world.store), world.project, world.id());
        async move { store.update_source(project, id, SourceChange::default(), at(1)).await }
    });
    let (answers, not_found) = tokio::join!(append_all(&world, arrivals), concurrently(unknown));

    for (n, (answer, id)) in answers.into_iter().zip(ids).enumerate() {
        if n % 10 == 3 {
            assert_err!(answer, StoreError::Refused(_));
            assert_err!(world.store.event(world.project, id).await, StoreError::NotFound { .. });
        } else {
            assert_eq!(answer.unwrap().event_id, id, "append {n}");
            world.event(id).await;
        }
    }
    for answer in not_found {
        assert_err!(answer, StoreError::NotFound { .. });
    }
}

pub(crate) async fn an_endpoint_deleted_amid_appends_is_left_with_nothing_pending(world: World) {
    let source = world.source().await;
    let [stays, goes] = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let arrivals: Vec<Arrival> = (0..200).map(|n| world.call(source, &n.to_string()).arrival()).collect();
    let (store, project) = (Arc::clone(&world.store), world.project);
    let delete = concurrently([async move { store.delete_endpoint(project, goes, at(1)).await }]);
    let (answers, deleted) = tokio::join!(append_all(&world, arrivals), delete);
    deleted.into_iter().for_each(|deleted| deleted.unwrap());

    let mut to_both = 0;
    for answer in answers {
        for made in world.event(answer.unwrap().event_id).await.deliveries {
            let to_it = made.delivery.endpoint_id == goes;
            to_both += usize::from(to_it);
            let expected = if to_it { DeliveryState::Cancelled } else { DeliveryState::Pending };
            assert_eq!(made.delivery.state, expected);
        }
    }
    assert!(to_both <= 200);
    assert!(world.claim(goes, at(0)).await.is_empty());
    assert_eq!(world.claim(stays, at(0)).await.len(), 200);
}

pub(crate) async fn an_endpoint_made_amid_appends_misses_nothing_after_its_answer(world: World) {
    let source = world.source().await;
    // Planned before the endpoint exists, appended while it is being made.
    let early: Vec<Arrival> = (0..100).map(|n| world.call(source, &format!("early{n}")).arrival()).collect();
    let late: Vec<Arrival> = (0..100).map(|n| world.call(source, &format!("late{n}")).arrival()).collect();
    let (store, new) = (Arc::clone(&world.store), world.new_endpoint(&["*"]));
    let endpoint = new.id;
    let make = concurrently([async move { store.create_endpoint(new).await }]);
    let (early, made) = tokio::join!(append_all(&world, early), make);
    made.into_iter().for_each(|made| drop(made.unwrap()));
    for answer in append_all(&world, late).await {
        assert_eq!(answer.unwrap().due, [endpoint]);
    }
    let early = early.into_iter().filter(|answer| answer.as_ref().unwrap().due == [endpoint]).count();
    assert_eq!(world.claim(endpoint, at(0)).await.len(), 100 + early);
}
