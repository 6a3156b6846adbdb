//! Sources and their secrets, in the rows and in the snapshot alike.

use ringback_domain::source::MAX_SOURCE_SECRETS;
use ringback_domain::{SecretId, Source, SourceId, SourceKind, SourceStatus, StalePolicy, Timestamp};
use ringback_store::{EventFilter, NewSource, PageRequest, SourceChange, StoreError};

use super::{World, assert_err, at, secret};

/// What can be compared of a source: secrets by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    name: String,
    kind: SourceKind,
    status: SourceStatus,
    stale_policy: StalePolicy,
    token: Option<String>,
    secrets: Vec<SecretId>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

fn shown(source: &Source) -> Shown {
    Shown {
        name: source.name.clone(),
        kind: source.kind,
        status: source.status,
        stale_policy: source.stale_policy,
        token: source.token.clone(),
        secrets: source.secrets.iter().map(|s| s.id).collect(),
        created_at: source.created_at,
        updated_at: source.updated_at,
    }
}

/// A source as the snapshot has it.
fn present(world: &World, id: SourceId) -> Shown {
    shown(world.store.config().project(world.project).unwrap().source(id).expect("it exists"))
}

pub(crate) async fn a_new_source_is_everywhere_at_once(world: World) {
    for kind in SourceKind::ALL.iter().filter(|kind| kind.has_ingest_url()) {
        let secret_id = world.id();
        let new =
            NewSource { kind: *kind, secret: Some((secret_id, secret(1))), now: at(5), ..world.new_source() };
        let expected = Shown {
            name: new.name.clone(),
            kind: *kind,
            status: SourceStatus::Active,
            stale_policy: StalePolicy::Reject,
            token: Some(new.token.clone()),
            secrets: vec![secret_id],
            created_at: at(5),
            updated_at: at(5),
        };
        let made = world.store.create_source(new).await.unwrap();
        assert_eq!((shown(&made), made.project_id), (expected.clone(), world.project));
        assert_eq!(present(&world, made.id), expected);
        assert_eq!(world.store.config().source_by_token(made.token.as_deref().unwrap()).unwrap().id, made.id);
    }
    let bare = world.store.create_source(world.new_source()).await.unwrap();
    assert!(bare.secrets.is_empty());

    let list = |world: &World| {
        let config = world.store.config();
        let page = config.project(world.project).unwrap().list_sources(PageRequest::default());
        page.items.iter().map(|source| shown(source)).collect::<Vec<_>>()
    };
    let before = list(&world);
    assert_eq!(
        before.len(),
        4,
        "one for each kind with an ingest URL, one without a secret, and the project's own"
    );
    let world = world.restart().await;
    assert_eq!(list(&world), before);
    assert_eq!(world.store.config().source_by_token(bare.token.as_deref().unwrap()).unwrap().id, bare.id);
    assert!(world.store.config().source_by_token("token-").is_none());
}

pub(crate) async fn a_source_changes_and_a_change_that_changes_nothing_moves_nothing(world: World) {
    let id = world.source().await;
    let generation = world.generation();
    let name = |name: &str| SourceChange { name: Some(name.into()), ..Default::default() };
    let status = |status| SourceChange { status: Some(status), ..Default::default() };
    let both =
        SourceChange { name: Some("c".into()), status: Some(SourceStatus::Active), ..Default::default() };
    let cases = [
        (SourceChange::default(), "batches", SourceStatus::Active, 0),
        (name("b"), "b", SourceStatus::Active, 2),
        (name("b"), "b", SourceStatus::Active, 2),
        (status(SourceStatus::Archived), "b", SourceStatus::Archived, 4),
        (status(SourceStatus::Archived), "b", SourceStatus::Archived, 4),
        (both, "c", SourceStatus::Active, 6),
    ];
    for (now, (change, name, status, updated)) in (1..).zip(cases) {
        let changed = world.store.update_source(world.project, id, change.clone(), at(now)).await.unwrap();
        assert_eq!((changed.name.as_str(), changed.status), (name, status), "{change:?}");
        assert_eq!((changed.created_at, changed.updated_at), (at(0), at(updated)), "{change:?}");
        assert_eq!(present(&world, id), shown(&changed), "{change:?}");
    }
    let admit = SourceChange { stale_policy: Some(StalePolicy::Admit), ..Default::default() };
    for now in [at(7), at(8)] {
        let changed = world.store.update_source(world.project, id, admit.clone(), now).await.unwrap();
        assert_eq!((changed.stale_policy, changed.updated_at), (StalePolicy::Admit, at(7)));
    }
    let last = present(&world, id);
    // Where events go does not hang on sources, so no plan has become void.
    assert_eq!(world.generation(), generation);
    assert_eq!(present(&world.restart().await, id), last);
}

pub(crate) async fn an_archived_source_is_still_found_by_its_token(world: World) {
    let made = world.store.create_source(world.new_source()).await.unwrap();
    let archive = SourceChange { status: Some(SourceStatus::Archived), ..Default::default() };
    world.store.update_source(world.project, made.id, archive, at(1)).await.unwrap();
    let is_found = |world: &World| {
        let config = world.store.config();
        let found = config.source_by_token(made.token.as_deref().unwrap()).unwrap();
        assert_eq!((found.id, found.status), (made.id, SourceStatus::Archived));
    };
    is_found(&world);
    is_found(&world.restart().await);
}

pub(crate) async fn secrets_are_added_up_to_the_limit(world: World) {
    let id = world.source().await;
    let mut added = Vec::new();
    for n in 1..=MAX_SOURCE_SECRETS as u8 {
        let secret_id = world.id();
        added.push(secret_id);
        let new = (secret_id, secret(n));
        let source = world.store.add_source_secret(world.project, id, new, at(n.into())).await.unwrap();
        let ids: Vec<_> = source.secrets.iter().map(|s| s.id).collect();
        assert_eq!(ids, added, "oldest first");
        assert_eq!(*source.secrets.last().unwrap().secret.reveal(), *secret(n).reveal());
        assert_eq!(
            (source.secrets.last().unwrap().created_at, source.updated_at),
            (at(n.into()), at(n.into()))
        );
        assert_eq!(present(&world, id), shown(&source));
    }
    let before = present(&world, id);
    let surplus = (world.id(), secret(99));
    let refused = world.store.add_source_secret(world.project, id, surplus, at(50)).await;
    assert_err!(refused, StoreError::TooMany { max: MAX_SOURCE_SECRETS, .. });
    assert_eq!(present(&world, id), before);
    assert_eq!(present(&world.restart().await, id), before);
}

pub(crate) async fn a_removed_secret_is_gone(world: World) {
    let (id, other) = (world.source().await, world.source().await);
    let secrets: [SecretId; 2] = [world.id(), world.id()];
    for secret_id in secrets {
        world.store.add_source_secret(world.project, id, (secret_id, secret(1)), at(1)).await.unwrap();
    }
    let remove = |source, secret| world.store.remove_source_secret(world.project, source, secret, at(2));
    assert_err!(remove(other, secrets[0]).await, StoreError::NotFound { noun: "signing secret" });
    assert_eq!(present(&world, id).secrets, secrets);

    let left = remove(id, secrets[0]).await.unwrap();
    assert_eq!((shown(&left).secrets, left.updated_at), (secrets[1..].to_vec(), at(2)));
    assert_eq!(present(&world, id), shown(&left));
    assert_err!(remove(id, secrets[0]).await, StoreError::NotFound { noun: "signing secret" });
    // The last one may go too: the source is then unconfigured.
    remove(id, secrets[1]).await.unwrap();
    assert_eq!(present(&world.restart().await, id).secrets, []);
}

pub(crate) async fn a_deleted_source_is_gone_and_its_events_stay(world: World) {
    let made = world.store.create_source(world.new_source()).await.unwrap();
    world.store.add_source_secret(world.project, made.id, (world.id(), secret(1)), at(1)).await.unwrap();
    let event = world.call(made.id, "wh_1").append().await.event_id;
    world.store.delete_source(world.project, made.id, at(2)).await.unwrap();

    let is_gone = async |world: &World| {
        let config = world.store.config();
        assert!(config.source_by_token(made.token.as_deref().unwrap()).is_none());
        assert!(config.project(world.project).unwrap().source(made.id).is_none());
        let page = world.store.list_sources(world.project, PageRequest::default()).await.unwrap();
        assert!(page.items.iter().all(|source| source.id != made.id));
        assert_eq!(world.event(event).await.event.source_id, made.id);
        assert_eq!(world.list(EventFilter::default()).await, [event]);
    };
    is_gone(&world).await;
    assert_err!(
        world.store.delete_source(world.project, made.id, at(3)).await,
        StoreError::NotFound { noun: "webhook source" }
    );
    is_gone(&world.restart().await).await;
}

pub(crate) async fn a_token_is_given_once(world: World) {
    let first = world.store.create_source(world.new_source()).await.unwrap();
    let second = NewSource { token: first.token.clone().unwrap(), ..world.new_source() };
    assert_err!(world.store.create_source(second).await, StoreError::Refused(_));
    assert_eq!(world.store.config().source_by_token(first.token.as_deref().unwrap()).unwrap().id, first.id);
    let page = world.store.list_sources(world.project, PageRequest::default()).await.unwrap();
    assert_eq!(page.items.iter().filter(|source| source.token.is_some()).count(), 1);
}

pub(crate) async fn unknown_sources_are_not_found(world: World) {
    world.source().await;
    let (project, id) = (world.project, world.id());
    let store = &world.store;
    for (what, result) in [
        ("update", store.update_source(project, id, SourceChange::default(), at(1)).await.map(drop)),
        ("add", store.add_source_secret(project, id, (world.id(), secret(1)), at(1)).await.map(drop)),
        ("remove", store.remove_source_secret(project, id, world.id(), at(1)).await.map(drop)),
        ("delete", store.delete_source(project, id, at(1)).await),
    ] {
        assert!(matches!(result, Err(StoreError::NotFound { noun: "webhook source" })), "{what}: {result:?}");
    }
}

pub(crate) async fn the_source_of_what_is_published_stays_as_it_is(world: World) {
    let publish = || {
        let config = world.store.config();
        config.project(world.project).unwrap().publish_source().unwrap().clone()
    };
    let before = publish();
    let rename = SourceChange { name: Some("x".into()), ..SourceChange::default() };
    let renamed = world.store.update_source(world.project, before.id, rename, at(1)).await;
    assert!(matches!(renamed, Err(StoreError::NotFound { .. })), "{renamed:?}");
    let deleted = world.store.delete_source(world.project, before.id, at(1)).await;
    assert!(matches!(deleted, Err(StoreError::NotFound { .. })), "{deleted:?}");
    assert_eq!(shown(&publish()), shown(&before));
}
