//! Projects: made, renamed, archived; and none sees another.

use ringback_domain::{Project, ProjectId, SourceId, SourceKind, SourceStatus};
use ringback_store::{
    Backlog, EndpointChange, EventFilter, MaxAgeChange, NewSource, PageRequest, ProjectChange, ReceiptFilter,
    Rotation, SourceChange, StoreError,
};

use super::{World, assert_err, at, secret};

/// A project as the snapshot has it, with the source that comes with it.
fn present(world: &World, id: ProjectId) -> (Project, SourceId) {
    let config = world.store.config();
    let found = config.project(id).expect("it exists");
    let publish = found.publish_source().expect("it comes with the project");
    assert_eq!((publish.project_id, publish.kind), (id, SourceKind::Publish));
    assert_eq!((publish.status, &publish.token), (SourceStatus::Active, &None));
    assert!(publish.secrets.is_empty());
    (found.project.clone(), publish.id)
}

fn rename(name: &str) -> ProjectChange {
    ProjectChange { name: Some(name.to_owned()), archive: false }
}

const ARCHIVE: ProjectChange = ProjectChange { name: None, archive: true };

/// The names that a list shows, oldest first.
fn listed(world: &World, include_archived: bool) -> Vec<String> {
    let page = PageRequest { order: ringback_store::Order::Asc, ..PageRequest::default() };
    let page = world.store.config().list_projects(include_archived, page);
    page.items.iter().map(|project| project.project.name.clone()).collect()
}

pub(crate) async fn a_new_project_is_everywhere_at_once(mut world: World) {
    let mut new = world.new_project("caf\u{e9} \u{1f4de}");
    new.now = at(5);
    let (id, publish, name) = (new.id, new.publish_source_id, new.name.clone());
    let made = world.store.create_project(new).await.unwrap();
    assert_eq!(made, Project { id, name, created_at: at(5), archived_at: None });
    assert_eq!(present(&world, id), (made.clone(), publish));
    assert_eq!(listed(&world, false), ["default", &made.name]);

    // Its generation in the snapshot is that of the rows: what is planned with it is not planned anew.
    let default = std::mem::replace(&mut world.project, id);
    world.endpoint(&["*"]).await;
    let appended = world.publication("wh_1").leased_until(at(40)).append().await;
    assert_eq!(appended.leased.len(), 1);
    world.project = default;

    let world = world.restart().await;
    assert_eq!(present(&world, id), (made, publish));
    assert_eq!(world.store.config().projects().count(), 2);
}

pub(crate) async fn the_default_project_has_its_publish_source_from_the_start(world: World) {
    let (project, publish) = present(&world, world.project);
    assert_eq!((project.name.as_str(), project.archived_at), ("default", None));
    let world = world.restart().await;
    assert_eq!(present(&world, world.project), (project, publish));
}

pub(crate) async fn a_name_is_one_projects_own(world: World) {
    let first = world.second_project().await;
    let taken = world.new_project("second");
    let refused_id = taken.id;
    assert_err!(world.store.create_project(taken).await, StoreError::NameTaken { noun: "project" });
    let third = world.store.create_project(world.new_project("third")).await.unwrap().id;
    let to_taken = world.store.update_project(third, rename("second"), at(1)).await;
    assert_err!(to_taken, StoreError::NameTaken { noun: "project" });
    // Nor does an archived one give its name away.
    world.store.update_project(first, ARCHIVE, at(1)).await.unwrap();
    let archived = world.store.create_project(world.new_project("second")).await;
    assert_err!(archived, StoreError::NameTaken { noun: "project" });
    // Its own name is no other's, and one that was given up is free.
    world.store.update_project(third, rename("third"), at(2)).await.unwrap();
    world.store.update_project(third, rename("fourth"), at(2)).await.unwrap();
    let anew = world.store.create_project(world.new_project("third")).await.unwrap().id;

    let world = world.restart().await;
    assert_eq!(listed(&world, true), ["default", "second", "fourth", "third"]);
    assert_eq!(
        (present(&world, third).0.name, present(&world, anew).0.name),
        ("fourth".into(), "third".into())
    );
    assert!(world.store.config().project(refused_id).is_none());
}

pub(crate) async fn a_renamed_project_keeps_what_it_has(mut world: World) {
    let id = world.second_project().await;
    let default = std::mem::replace(&mut world.project, id);
    let (source, endpoint) = (world.source().await, world.endpoint(&["*"]).await);
    world.store.register_event_type(id, "acme.a".into(), MaxAgeChange::Keep, at(1)).await.unwrap();
    let planned = world.call(source, "wh_1").leased_until(at(40)).arrival();
    let generation = world.generation();

    let renamed = world.store.update_project(id, rename("new"), at(2)).await.unwrap();
    assert_eq!((renamed.id, renamed.name.as_str(), renamed.created_at), (id, "new", at(0)));
    let keeps = |world: &World| {
        let config = world.store.config();
        let project = config.project(id).unwrap();
        assert_eq!((&project.project, project.generation), (&renamed, generation));
        assert!(project.source(source).is_some() && project.endpoint(endpoint).is_some());
        assert!(project.publish_source().is_some() && project.has_event_type("acme.a"));
    };
    keeps(&world);
    // Where events go does not hang on names, so no plan has become void.
    assert_eq!(world.store.append(planned).await.unwrap().leased.len(), 1);
    world.project = default;
    keeps(&world.restart().await);
}

pub(crate) async fn an_archived_project_takes_nothing_in_and_delivers_what_it_has(mut world: World) {
    let id = world.second_project().await;
    let default_source = world.store.create_source(world.new_source()).await.unwrap();
    let default = std::mem::replace(&mut world.project, id);
    let source = world.store.create_source(world.new_source()).await.unwrap();
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.call(source.id, "wh_1").append().await.event_id;
    let archived = world.store.update_project(id, ARCHIVE, at(2)).await.unwrap();
    assert_eq!(archived.archived_at, Some(at(2)));
    // It is for good: neither a repetition nor a new name moves it.
    let again = ProjectChange { name: Some("new".into()), archive: true };
    let again = world.store.update_project(id, again, at(3)).await.unwrap();
    assert_eq!(again, Project { name: "new".into(), ..archived });

    let is_archived = |world: &World| {
        let config = world.store.config();
        assert_eq!(present(world, id).0, again);
        assert!(config.source_by_token(source.token.as_deref().unwrap()).is_none());
        assert!(config.source_by_token(default_source.token.as_deref().unwrap()).is_some());
        assert_eq!((listed(world, false), listed(world, true).len()), (vec!["default".into()], 2));
    };
    is_archived(&world);
    world.project = default;
    let mut world = world.restart().await;
    is_archived(&world);
    world.project = id;
    assert_eq!(world.claim_one(endpoint, at(5)).await.event_id, event);
}

pub(crate) async fn a_project_has_one_publish_source(world: World) {
    // One with an ingest URL would be no such source, and there is no way to ask for one without.
    let second = NewSource { kind: SourceKind::Publish, ..world.new_source() };
    let (token, id) = (second.token.clone(), second.id);
    assert_err!(world.store.create_source(second).await, StoreError::Refused(_));
    let config = world.store.config();
    assert!(config.source_by_token(&token).is_none());
    assert!(config.project(world.project).unwrap().source(id).is_none());
}

pub(crate) async fn unknown_projects_are_not_found(world: World) {
    let nowhere = world.id();
    for change in [ProjectChange::default(), rename("new"), ARCHIVE] {
        let result = world.store.update_project(nowhere, change, at(1)).await;
        assert_err!(result, StoreError::NotFound { noun: "project" });
    }
    // Nothing can be made in it either.
    let source = NewSource { project_id: nowhere, ..world.new_source() };
    assert_err!(world.store.create_source(source).await, StoreError::Refused(_));
    let name = "acme.a".to_owned();
    assert_err!(
        world.store.register_event_type(nowhere, name, MaxAgeChange::Keep, at(1)).await,
        StoreError::Refused(_)
    );
    assert!(world.store.config().project(nowhere).is_none());
}

pub(crate) async fn nothing_of_one_project_is_found_in_another(world: World) {
    let other = world.second_project().await;
    let new = world.new_source();
    let (first_secret, source) = (world.id(), new.id);
    world.store.create_source(NewSource { secret: Some((first_secret, secret(1))), ..new }).await.unwrap();
    let endpoint = world.endpoint(&["*"]).await;
    let rotation = |world: &World| Rotation {
        secret: (world.id(), secret(8).into()),
        older_until: Some(at(99)),
        now: at(1),
    };
    let rotated =
        world.store.rotate_endpoint_secret(world.project, endpoint, rotation(&world)).await.unwrap();
    let older = rotated.secrets[0].id;
    let arrival = world.call(source, "wh_1").object("batch_1").arrival();
    let (event, receipt) = (arrival.event.id, arrival.receipt.expect("a call has one").id);
    world.store.append(arrival).await.unwrap();
    world.call(source, "wh_2").append().await;
    world.store.register_event_type(world.project, "acme.a".into(), MaxAgeChange::Keep, at(1)).await.unwrap();
    // One waits and one is under way.
    assert_eq!(world.store.claim(endpoint, at(0), at(60), 1).await.unwrap().len(), 1);
    assert_eq!(
        world.store.backlog(world.project).await.unwrap(),
        Backlog { pending: 1, in_flight: 1, dead: 0 }
    );
    let store = &world.store;

    let archive = SourceChange { status: Some(SourceStatus::Archived), ..Default::default() };
    let rename = EndpointChange { name: Some("theirs".into()), ..Default::default() };
    for (what, result) in [
        ("event", store.event(other, event).await.map(drop)),
        ("payload", store.payload(other, event).await.map(drop)),
        ("receipt", store.receipt(other, receipt).await.map(drop)),
        ("update source", store.update_source(other, source, archive, at(1)).await.map(drop)),
        (
            "add secret",
            store.add_source_secret(other, source, (world.id(), secret(2)), at(1)).await.map(drop),
        ),
        ("remove secret", store.remove_source_secret(other, source, first_secret, at(1)).await.map(drop)),
        ("delete source", store.delete_source(other, source, at(1)).await),
        ("update endpoint", store.update_endpoint(other, endpoint, rename, at(1)).await.map(drop)),
        ("rotate", store.rotate_endpoint_secret(other, endpoint, rotation(&world)).await.map(drop)),
        ("revoke", store.revoke_endpoint_secret(other, endpoint, older, at(1)).await.map(drop)),
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
    assert!(store.seen_types(other, 10).await.unwrap().is_empty());
    let receipts =
        store.list_receipts(other, ReceiptFilter::default(), PageRequest::default()).await.unwrap();
    assert_eq!(receipts.items, []);
    assert!(store.config().project(other).unwrap().event_types().next().is_none());
    let sources = store.list_sources(other, PageRequest::default()).await.unwrap().items;
    assert!(sources.iter().all(|source| source.kind == SourceKind::Publish && source.project_id == other));
    assert!(store.list_endpoints(other, PageRequest::default()).await.unwrap().items.is_empty());
    assert_eq!(store.backlog(other).await.unwrap(), Backlog::default());

    // And what was tried has changed nothing.
    let config = store.config();
    let own = config.project(world.project).unwrap();
    assert_eq!(own.source(source).unwrap().secrets.len(), 1);
    assert_eq!(own.source(source).unwrap().status, SourceStatus::Active);
    assert_eq!(own.endpoint(endpoint).unwrap().name, "app");
    assert_eq!(own.endpoint(endpoint).unwrap().secrets.len(), 2);
    assert_err!(store.list_sources(world.id(), PageRequest::default()).await, StoreError::NotFound { .. });
    assert_err!(store.list_endpoints(world.id(), PageRequest::default()).await, StoreError::NotFound { .. });
}

pub(crate) async fn due_endpoints_are_those_of_every_project(mut world: World) {
    let other = world.second_project().await;
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
