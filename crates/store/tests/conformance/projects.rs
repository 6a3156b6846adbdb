//! Tenants do not see each other.

use ringback_domain::SourceStatus;
use ringback_store::{Backlog, EndpointChange, EventFilter, PageRequest, SourceChange, StoreError};

use super::{World, assert_err, at, secret};

pub(crate) async fn nothing_of_one_project_is_found_in_another(world: World) {
    let (world, other) = world.with_second_project().await;
    let new = world.new_source();
    let (first_secret, source) = (world.id(), new.id);
    world
        .store
        .create_source(ringback_store::NewSource { secret: Some((first_secret, secret(1))), ..new })
        .await
        .unwrap();
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.call(source, "wh_1").object("batch_1").append().await.event_id;
    world.call(source, "wh_2").append().await;
    // One waits and one is under way.
    assert_eq!(world.store.claim(endpoint, at(0), at(60), 1).await.unwrap().len(), 1);
    assert_eq!(world.store.backlog(world.project).await.unwrap(), Backlog { pending: 1, in_flight: 1 });
    let store = &world.store;

    let archive = SourceChange { status: Some(SourceStatus::Archived), ..Default::default() };
    let rename = EndpointChange { name: Some("theirs".into()), ..Default::default() };
    for (what, result) in [
        ("event", store.event(other, event).await.map(drop)),
        ("payload", store.payload(other, event).await.map(drop)),
        ("update source", store.update_source(other, source, archive, at(1)).await.map(drop)),
        (
            "add secret",
            store.add_source_secret(other, source, (world.id(), secret(2)), at(1)).await.map(drop),
        ),
        ("remove secret", store.remove_source_secret(other, source, first_secret, at(1)).await.map(drop)),
        ("delete source", store.delete_source(other, source, at(1)).await),
        ("update endpoint", store.update_endpoint(other, endpoint, rename, at(1)).await.map(drop)),
        ("delete endpoint", store.delete_endpoint(other, endpoint, at(1)).await),
    ] {
        assert!(matches!(result, Err(StoreError::NotFound { .. })), "{what}: {result:?}");
    }

    for filter in [
        EventFilter::default(),
        EventFilter { event_type: Some("batch.completed".into()), object_id: None },
        EventFilter { event_type: None, object_id: Some("batch_1".into()) },
    ] {
        let page = store.list_events(other, filter.clone(), PageRequest::default()).await.unwrap();
        assert_eq!(page.items, [], "{filter:?}");
    }
    assert!(!store.has_seen_type(other, "batch.completed").await.unwrap());
    assert!(store.list_sources(other, PageRequest::default()).await.unwrap().items.is_empty());
    assert!(store.list_endpoints(other, PageRequest::default()).await.unwrap().items.is_empty());
    assert_eq!(store.backlog(other).await.unwrap(), Backlog::default());

    // And what was tried has changed nothing.
    let config = store.config();
    let own = config.project(world.project).unwrap();
    assert_eq!(own.source(source).unwrap().secrets.len(), 1);
    assert_eq!(own.source(source).unwrap().status, SourceStatus::Active);
    assert_eq!(own.endpoint(endpoint).unwrap().name, "app");
    assert_err!(store.list_sources(world.id(), PageRequest::default()).await, StoreError::NotFound { .. });
    assert_err!(store.list_endpoints(world.id(), PageRequest::default()).await, StoreError::NotFound { .. });
}

pub(crate) async fn due_endpoints_are_those_of_every_project(world: World) {
    let (mut world, other) = world.with_second_project().await;
    let mut endpoints = Vec::new();
    for project in [world.project, other] {
        // Everything below is of this project.
        world.project = project;
        let source = world.source().await;
        endpoints.push(world.endpoint(&["*"]).await);
        // Each project routes by its own endpoints and generation only.
        let appended = world.call(source, "wh_1").append().await;
        assert_eq!(appended.due, endpoints[endpoints.len() - 1..]);
        assert_eq!(world.store.backlog(project).await.unwrap().pending, 1);
    }
    let mut due: Vec<_> = world.store.due_endpoints().await.unwrap().iter().map(|d| d.endpoint_id).collect();
    due.sort();
    assert_eq!(due, endpoints);
}
