//! The configuration as every part of a node sees it: an immutable snapshot, replaced whole when something
//! changes.
//!
//! Ingest and the deliverer read it for every call and every attempt, so it is in memory; the rows are the
//! truth. A change made through this node is in the snapshot before the change is answered. Where it matters
//! that a snapshot may be a moment old (routing), the append checks the generation against the rows.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ringback_domain::{
    ApiKey, ApiKeyId, Endpoint, EndpointId, Project, ProjectId, Source, SourceId, SourceKind,
};
use ringback_webhook::{catalogue, event_type};

use crate::page::{Order, Page, PageRequest};

/// How many keys a project may have.
pub const MAX_API_KEYS: usize = 1000;

/// How many endpoints a project may have: one event may become a row for each of them in one transaction.
pub const MAX_ENDPOINTS: usize = 10_000;

/// How many sources a project may have.
pub const MAX_SOURCES: usize = 1000;

/// How many event types a project may register.
pub const MAX_EVENT_TYPES: usize = 1000;

/// How old an event may be when it is attempted whose type the catalogue marks as ageing fast (a call that
/// waits to be accepted), unless the project sets another age for it.
pub const FAST_AGEING_MAX_AGE: Duration = Duration::from_secs(60);

/// Everything that is configured, over all projects.
#[derive(Clone, Default)]
pub struct Config {
    admin_key_sha256: Option<[u8; 32]>,
    projects: BTreeMap<ProjectId, Arc<ProjectConfig>>,
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    sources_by_token: HashMap<String, Arc<Source>>,
    api_keys: HashMap<[u8; 32], Arc<ApiKey>>,
}

/// How much there is; the keys of its maps are tokens and hashes.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("projects", &self.projects.len())
            .field("endpoints", &self.endpoints.len())
            .field("api_keys", &self.api_keys.len())
            .finish_non_exhaustive()
    }
}

/// What is configured in one project.
#[derive(Debug, Clone)]
pub struct ProjectConfig {
    /// The project.
    pub project: Project,
    /// Raised by every change that can change where an event goes.
    pub generation: u64,
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    sources: BTreeMap<SourceId, Arc<Source>>,
    api_keys: BTreeMap<ApiKeyId, Arc<ApiKey>>,
    /// How old their events may be, in seconds; 0 is no limit, `None` as the catalogue has it.
    event_types: BTreeMap<String, Option<u32>>,
}

impl ProjectConfig {
    /// The endpoints that want an event of this type, oldest first.
    pub fn route<'a>(&'a self, event_type: &'a str) -> impl Iterator<Item = &'a Arc<Endpoint>> {
        self.endpoints.values().filter(move |endpoint| endpoint.wants(event_type))
    }

    /// An endpoint of this project.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// A source of this project.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Arc<Source>> {
        self.sources.get(&id)
    }

    /// The source of what is published in this project.
    #[must_use]
    pub fn publish_source(&self) -> Option<&Arc<Source>> {
        self.sources.values().find(|source| source.kind == SourceKind::Publish)
    }

    /// One of the project's keys.
    #[must_use]
    pub fn api_key(&self, id: ApiKeyId) -> Option<&Arc<ApiKey>> {
        self.api_keys.get(&id)
    }

    /// A part of the project's keys.
    #[must_use]
    pub fn list_api_keys(&self, page: PageRequest<ApiKeyId>) -> Page<Arc<ApiKey>> {
        list(&self.api_keys, page)
    }

    /// The event types that were registered, in alphabetical order.
    pub fn event_types(&self) -> impl Iterator<Item = &str> {
        self.event_types.keys().map(String::as_str)
    }

    /// Whether the event type was registered.
    #[must_use]
    pub fn has_event_type(&self, name: &str) -> bool {
        self.event_types.contains_key(name)
    }

    /// How old an event of this type may be when it is attempted: as it was set here, else
    /// [`FAST_AGEING_MAX_AGE`] for the types that the catalogue marks, else at any age.
    #[must_use]
    pub fn max_age(&self, event_type: &str) -> Option<Duration> {
        let name = event_type::canonical(event_type);
        match self.event_types.get(name).copied().flatten() {
            Some(0) => None,
            Some(secs) => Some(Duration::from_secs(secs.into())),
            None => catalogue::find(name).filter(|entry| entry.fast_ageing).map(|_| FAST_AGEING_MAX_AGE),
        }
    }

    /// How many sources the project has.
    #[must_use]
    pub fn source_count(&self) -> usize {
        self.sources.len()
    }

    /// A part of the project's endpoints.
    #[must_use]
    pub fn list_endpoints(&self, page: PageRequest<EndpointId>) -> Page<Arc<Endpoint>> {
        list(&self.endpoints, page)
    }

    /// A part of the project's sources.
    #[must_use]
    pub fn list_sources(&self, page: PageRequest<SourceId>) -> Page<Arc<Source>> {
        list(&self.sources, page)
    }
}

impl Config {
    /// The SHA-256 of the admin key.
    #[must_use]
    pub fn admin_key_sha256(&self) -> Option<&[u8; 32]> {
        self.admin_key_sha256.as_ref()
    }

    /// All projects.
    pub fn projects(&self) -> impl Iterator<Item = &Arc<ProjectConfig>> {
        self.projects.values()
    }

    /// A part of the projects.
    #[must_use]
    pub fn list_projects(
        &self,
        include_archived: bool,
        page: PageRequest<ProjectId>,
    ) -> Page<Arc<ProjectConfig>> {
        let wanted = |project: &ProjectConfig| include_archived || project.project.archived_at.is_none();
        let projects = self.projects.iter().filter(|(_, project)| wanted(project));
        list(&projects.map(|(id, project)| (*id, Arc::clone(project))).collect(), page)
    }

    /// The key with this SHA-256. What is looked up is a hash, so that the time it takes tells nothing of a
    /// key.
    #[must_use]
    pub fn api_key_by_sha256(&self, sha256: &[u8; 32]) -> Option<&Arc<ApiKey>> {
        self.api_keys.get(sha256)
    }

    /// One project.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> Option<&Arc<ProjectConfig>> {
        self.projects.get(&id)
    }

    /// An endpoint of whatever project, also one that stands for a replay's other URL.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// The source with this ingest token, active or archived; none of an archived project. Tokens carry 256
    /// random bits, so that the time a look-up takes helps nobody to find one.
    #[must_use]
    pub fn source_by_token(&self, token: &str) -> Option<&Arc<Source>> {
        let source = self.sources_by_token.get(token)?;
        let archived = self.projects.get(&source.project_id)?.project.archived_at.is_some();
        (!archived).then_some(source)
    }

    pub(crate) fn put_admin_key(&mut self, sha256: [u8; 32]) {
        self.admin_key_sha256 = Some(sha256);
    }

    /// A new project, or a changed one, which keeps what it has.
    pub(crate) fn put_project(&mut self, project: Project, generation: u64) {
        if self.projects.contains_key(&project.id) {
            self.change_project(project.id, |old| old.project = project);
        } else {
            let config = ProjectConfig {
                generation,
                endpoints: BTreeMap::new(),
                sources: BTreeMap::new(),
                api_keys: BTreeMap::new(),
                event_types: BTreeMap::new(),
                project,
            };
            self.projects.insert(config.project.id, Arc::new(config));
        }
    }

    pub(crate) fn put_api_key(&mut self, key: &Arc<ApiKey>) {
        self.api_keys.insert(key.sha256, Arc::clone(key));
        self.change_project(key.project_id, |project| {
            project.api_keys.insert(key.id, Arc::clone(key));
        });
    }

    /// As [`put_api_key`](Self::put_api_key), unless the key is gone.
    pub(crate) fn note_api_key(&mut self, key: &Arc<ApiKey>) {
        if self.api_keys.contains_key(&key.sha256) {
            self.put_api_key(key);
        }
    }

    pub(crate) fn remove_api_key(&mut self, key: &ApiKey) {
        self.api_keys.remove(&key.sha256);
        self.change_project(key.project_id, |project| {
            project.api_keys.remove(&key.id);
        });
    }

    pub(crate) fn put_event_type(&mut self, project_id: ProjectId, name: &str, max_age_secs: Option<u32>) {
        self.change_project(project_id, |project| {
            project.event_types.insert(name.to_owned(), max_age_secs);
        });
    }

    pub(crate) fn put_source(&mut self, source: &Arc<Source>) {
        if let Some(token) = &source.token {
            self.sources_by_token.insert(token.clone(), Arc::clone(source));
        }
        self.change_project(source.project_id, |project| {
            project.sources.insert(source.id, Arc::clone(source));
        });
    }

    pub(crate) fn remove_source(&mut self, source: &Source) {
        if let Some(token) = &source.token {
            self.sources_by_token.remove(token);
        }
        self.change_project(source.project_id, |project| {
            project.sources.remove(&source.id);
        });
    }

    /// As of this generation: changes that were made together may come in another sequence than they were
    /// made.
    pub(crate) fn put_endpoint(&mut self, endpoint: &Arc<Endpoint>, generation: u64) {
        self.endpoints.insert(endpoint.id, Arc::clone(endpoint));
        self.change_project(endpoint.project_id, |project| {
            // One that stands for a replay's other URL is known to the deliverer alone.
            if endpoint.replay_id.is_none() {
                project.endpoints.insert(endpoint.id, Arc::clone(endpoint));
            }
            project.generation = project.generation.max(generation);
        });
    }

    pub(crate) fn remove_endpoint(&mut self, endpoint: &Endpoint, generation: u64) {
        self.endpoints.remove(&endpoint.id);
        self.change_project(endpoint.project_id, |project| {
            project.endpoints.remove(&endpoint.id);
            project.generation = project.generation.max(generation);
        });
    }

    fn change_project(&mut self, id: ProjectId, change: impl FnOnce(&mut ProjectConfig)) {
        if let Some(project) = self.projects.get_mut(&id) {
            change(Arc::make_mut(project));
        }
    }
}

fn list<Id: Ord + Copy, T: Clone>(items: &BTreeMap<Id, T>, page: PageRequest<Id>) -> Page<T> {
    use std::ops::Bound::{Excluded, Unbounded};
    let take = page.limit + 1;
    let beyond = page.after.map_or(Unbounded, Excluded);
    let items = match page.order {
        Order::Asc => items.range((beyond, Unbounded)).take(take).map(|(_, item)| item.clone()).collect(),
        Order::Desc => {
            items.range((Unbounded, beyond)).rev().take(take).map(|(_, item)| item.clone()).collect()
        }
    };
    Page::cut(items, page.limit)
}
