//! Whose events they are: three projects, each with a source and an endpoint that wants everything.

use ringback_domain::{
    DeliveryRules, EndpointId, EndpointKey, EventPattern, IdMaker, ProjectId, SecretId, SourceId, SourceKind,
    Timestamp, TypedId,
};
use ringback_store::{NewEndpoint, NewProject, NewSource, Store, StoreError};

use crate::clock;
use crate::failure::Failure;
use crate::key;

/// How many projects share the events.
pub(super) const PROJECTS: usize = 3;
/// What the names of the projects begin with.
pub(crate) const NAME: &str = "seeded-";

/// One project with what it has, as the 16 bytes of each id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) project: [u8; 16],
    pub(crate) source: [u8; 16],
    pub(crate) secret: [u8; 16],
    pub(crate) endpoint: [u8; 16],
}

/// Makes them, through the store.
pub(super) async fn make(store: &dyn Store, ids: &IdMaker) -> Result<Vec<Owner>, Failure> {
    let mut owners = Vec::new();
    for number in 1..=PROJECTS {
        owners.push(make_one(store, ids, number).await.map_err(|error| match error {
            StoreError::NameTaken { .. } => Failure::AlreadySeeded,
            other => other.into(),
        })?);
    }
    Ok(owners)
}

async fn make_one(store: &dyn Store, ids: &IdMaker, number: usize) -> Result<Owner, StoreError> {
    let now = Timestamp::from_unix_ms(clock::unix_ms());
    let (project_id, source_id): (ProjectId, SourceId) = (ids.next(now), ids.next(now));
    let (endpoint_id, secret_id): (EndpointId, SecretId) = (ids.next(now), ids.next(now));
    let (name, publish_source_id) = (format!("{NAME}{number}"), ids.next(now));
    store.create_project(NewProject { id: project_id, name: name.clone(), publish_source_id, now }).await?;
    let source = NewSource {
        id: source_id,
        project_id,
        name: name.clone(),
        kind: SourceKind::OpenAi,
        token: format!("token-of-{name}"),
        secret: Some((secret_id, key::source())),
        now,
    };
    store.create_source(source).await?;
    store.create_endpoint(endpoint(ids, endpoint_id, project_id, name, now)).await?;
    Ok(Owner {
        project: project_id.to_bytes(),
        source: source_id.to_bytes(),
        secret: secret_id.to_bytes(),
        endpoint: endpoint_id.to_bytes(),
    })
}

fn endpoint(
    ids: &IdMaker,
    id: EndpointId,
    project_id: ProjectId,
    name: String,
    now: Timestamp,
) -> NewEndpoint {
    NewEndpoint {
        id,
        project_id,
        name,
        url: "http://127.0.0.1:9/hooks".to_owned(),
        event_types: vec![EventPattern::parse("*").expect("the pattern for everything is one")],
        description: None,
        timeout_secs: 10,
        headers: Vec::new(),
        authentication: None,
        no_retry_statuses: Vec::new(),
        rules: DeliveryRules::default(),
        paused: false,
        secret: (ids.next(now), EndpointKey::Secret(key::source())),
        now,
    }
}
