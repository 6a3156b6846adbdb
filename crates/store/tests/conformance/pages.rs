//! Lists are cut into pages that neither skip nor repeat.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;

use ringback_domain::{ApiKey, Endpoint, EventId, Source, SourceId};
use ringback_store::{
    EventFilter, NewApiKey, Order, Page, PageRequest, ProjectChange, ProjectConfig, Retention, StoreError,
};

use super::{World, at};

/// Walks a list from end to end in pages of `limit`, as a client does.
async fn walk<Id, T, F>(
    order: Order,
    limit: usize,
    id: impl Fn(&T) -> Id,
    read: impl Fn(PageRequest<Id>) -> F,
) -> Vec<Id>
where
    Id: Copy + Debug,
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let mut walked = Vec::new();
    loop {
        let after = walked.last().copied();
        let page = read(PageRequest { after, limit, order }).await.unwrap();
        assert!(page.items.len() <= limit, "after {after:?}");
        assert!(walked.len() < 1000, "the walk goes in a circle");
        walked.extend(page.items.iter().map(&id));
        if !page.has_more {
            return walked;
        }
        assert_eq!(page.items.len(), limit, "after {after:?}: a page with more behind it is full");
    }
}

/// Holds a list of these ids, given oldest first, against walks both ways with several page sizes.
pub(super) async fn holds<Id, T, F>(
    oldest_first: &[Id],
    id: impl Fn(&T) -> Id,
    read: impl Fn(PageRequest<Id>) -> F,
) where
    Id: Copy + Debug + PartialEq,
    F: Future<Output = Result<Page<T>, StoreError>>,
{
    let newest_first: Vec<Id> = oldest_first.iter().rev().copied().collect();
    for limit in [1, 2, oldest_first.len(), 100] {
        assert_eq!(walk(Order::Asc, limit, &id, &read).await, oldest_first, "by {limit}");
        assert_eq!(walk(Order::Desc, limit, &id, &read).await, newest_first, "by {limit}");
    }
}

async fn five_events(world: &World) -> Vec<EventId> {
    let source = world.source().await;
    let mut made = Vec::new();
    for n in 0..5 {
        let call = world.call(source, &n.to_string()).at(at(n));
        let call = if n % 2 == 0 { call.event_type("batch.failed").object("batch_1") } else { call };
        made.push(call.append().await.event_id);
    }
    made
}

pub(crate) async fn events_run_both_ways(world: World) {
    let made = five_events(&world).await;
    let read = |page| world.store.list_events(world.project, EventFilter::default(), page);
    holds(&made, |event| event.id, read).await;
    let default = read(PageRequest::default()).await.unwrap();
    assert_eq!(default.items[0].id, made[4], "newest first unless asked otherwise");
}

pub(crate) async fn events_continue_after_an_id_that_is_not_there(world: World) {
    let source = world.source().await;
    let before: EventId = world.id();
    let first = world.call(source, "a").append().await.event_id;
    let never: EventId = world.id();
    let last = world.call(source, "b").append().await.event_id;
    let beyond: EventId = world.id();
    let cases: [(EventId, Order, &[EventId]); 8] = [
        (before, Order::Asc, &[first, last]),
        (never, Order::Asc, &[last]),
        (beyond, Order::Asc, &[]),
        (last, Order::Asc, &[]),
        (before, Order::Desc, &[]),
        (never, Order::Desc, &[first]),
        (beyond, Order::Desc, &[last, first]),
        (first, Order::Desc, &[]),
    ];
    for (after, order, expected) in cases {
        let page = PageRequest { after: Some(after), limit: 10, order };
        let page = world.store.list_events(world.project, EventFilter::default(), page).await.unwrap();
        let ids: Vec<_> = page.items.iter().map(|event| event.id).collect();
        assert_eq!(ids, expected, "{order:?} after {after}");
        assert!(!page.has_more);
    }

    // Nor does a page end because what it began after is gone meanwhile.
    let everything = Retention {
        events_before: at(1),
        webhook_ids_before: at(0),
        idempotency_keys_before: at(0),
        limit: 1,
    };
    assert!(world.store.prune(everything).await.unwrap() > 0);
    let page = PageRequest { after: Some(first), limit: 10, order: Order::Asc };
    let page = world.store.list_events(world.project, EventFilter::default(), page).await.unwrap();
    assert_eq!(page.items.len(), 1);
}

pub(crate) async fn filtered_events_are_paged_too(world: World) {
    let made = five_events(&world).await;
    let source = world.source().await;
    let mut evals = Vec::new();
    for (n, spelling) in ["eval.run.canceled", "eval.run.cancelled", "eval.run.canceled"].iter().enumerate() {
        let call = world.call(source, &format!("eval_{n}")).event_type(spelling);
        evals.push(call.append().await.event_id);
    }
    let given = |text: &str| Some(text.to_owned());
    let failed = [made[0], made[2], made[4]];
    let cases: [(Option<String>, Option<String>, &[EventId]); 4] = [
        (given("batch.failed"), None, &failed),
        (None, given("batch_1"), &failed),
        (given("batch.failed"), given("batch_1"), &failed),
        (given("eval.run.cancelled"), None, &evals),
    ];
    for (event_type, object_id, expected) in cases {
        let filter = EventFilter { event_type, object_id };
        let read = |page| world.store.list_events(world.project, filter.clone(), page);
        holds(expected, |event| event.id, read).await;
    }
}

pub(crate) async fn sources_and_endpoints_are_paged_alike(world: World) {
    // The first one came with the project.
    let mut sources: Vec<SourceId> = vec![world.publish_source()];
    let mut endpoints = Vec::new();
    for _ in 0..3 {
        sources.push(world.source().await);
        endpoints.push(world.endpoint(&["*"]).await);
    }
    holds(&sources, |source: &Arc<Source>| source.id, |page| world.store.list_sources(world.project, page))
        .await;
    holds(
        &endpoints,
        |endpoint: &Arc<Endpoint>| endpoint.id,
        |page| world.store.list_endpoints(world.project, page),
    )
    .await;

    // After one that has been deleted meanwhile.
    world.store.delete_source(world.project, sources[2], at(1)).await.unwrap();
    world.store.delete_endpoint(world.project, endpoints[1], at(1)).await.unwrap();
    let after = PageRequest { after: Some(sources[2]), limit: 10, order: Order::Asc };
    let page = world.store.list_sources(world.project, after).await.unwrap();
    assert_eq!(page.items.iter().map(|s| s.id).collect::<Vec<_>>(), sources[3..]);
    let after = PageRequest { after: Some(endpoints[1]), limit: 10, order: Order::Asc };
    let page = world.store.list_endpoints(world.project, after).await.unwrap();
    assert_eq!(page.items.iter().map(|e| e.id).collect::<Vec<_>>(), endpoints[2..]);
}

pub(crate) async fn projects_and_their_keys_are_paged_alike(world: World) {
    let (mut projects, mut keys) = (vec![world.project], Vec::new());
    for n in 0..4 {
        let project = world.store.create_project(world.new_project(&n.to_string())).await.unwrap();
        projects.push(project.id);
        let (id, name, hint) = (world.id(), n.to_string(), String::new());
        let key = NewApiKey { id, project_id: world.project, name, hint, sha256: [n; 32], now: at(0) };
        keys.push(world.store.create_api_key(key).await.unwrap().id);
    }
    let archive = ProjectChange { name: None, archive: true };
    world.store.update_project(projects[2], archive, at(1)).await.unwrap();
    let unarchived = [projects[0], projects[1], projects[3], projects[4]];
    let world = world.restart().await;
    let config = world.store.config();
    for (include_archived, expected) in [(true, &projects[..]), (false, &unarchived)] {
        let read = |page| std::future::ready(Ok(config.list_projects(include_archived, page)));
        holds(expected, |project: &Arc<ProjectConfig>| project.project.id, read).await;
    }
    let project = config.project(world.project).unwrap();
    holds(&keys, |key: &Arc<ApiKey>| key.id, |page| std::future::ready(Ok(project.list_api_keys(page))))
        .await;
}
