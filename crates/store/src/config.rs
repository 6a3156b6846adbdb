//! The configuration as every part of a node sees it: an immutable snapshot, replaced whole when something changes.
//!
//! Ingest and the deliverer read it for every call and every attempt, so it is in memory; the rows are the truth. A change
//! made through this node is in the snapshot before the change is answered. Where it matters that a snapshot may be a moment
//! old (routing), the append checks the generation against the rows.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ringback_domain::{Endpoint, EndpointId, Project, ProjectId, Source, SourceId};

use crate::page::{Order, Page, PageRequest};

/// Everything that is configured, over all projects.
#[derive(Debug, Clone, Default)]
pub struct Config {
    admin_key_sha256: Option<[u8; 32]>,
    projects: BTreeMap<ProjectId, Arc<ProjectConfig>>,
    endpoints: BTreeMap<EndpointId, Arc<Endpoint>>,
    sources_by_token: HashMap<String, Arc<Source>>,
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

    /// How many sources the project has.
    #[must_use]
    pub fn source_count(&self) -> usize {
        self.sources.len()
    }

    /// How many endpoints the project has.
    #[must_use]
    pub fn endpoint_count(&self) -> usize {
        self.endpoints.len()
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

    /// One project.
    #[must_use]
    pub fn project(&self, id: ProjectId) -> Option<&Arc<ProjectConfig>> {
        self.projects.get(&id)
    }

    /// An endpoint of whatever project.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Arc<Endpoint>> {
        self.endpoints.get(&id)
    }

    /// The source with this ingest token, active or archived. Tokens carry 256 random bits, so that the time a look-up takes
    /// helps nobody to find one.
    #[must_use]
    pub fn source_by_token(&self, token: &str) -> Option<&Arc<Source>> {
        self.sources_by_token.get(token)
    }

    pub(crate) fn put_admin_key(&mut self, sha256: [u8; 32]) {
        self.admin_key_sha256 = Some(sha256);
    }

    pub(crate) fn put_project(&mut self, project: Project, generation: u64) {
        let (endpoints, sources) = (BTreeMap::new(), BTreeMap::new());
        self.projects.insert(project.id, Arc::new(ProjectConfig { project, generation, endpoints, sources }));
    }

    pub(crate) fn put_source(&mut self, source: &Arc<Source>) {
        self.sources_by_token.insert(source.token.clone(), Arc::clone(source));
        self.change_project(source.project_id, |project| {
            project.sources.insert(source.id, Arc::clone(source));
        });
    }

    pub(crate) fn remove_source(&mut self, source: &Source) {
        self.sources_by_token.remove(&source.token);
        self.change_project(source.project_id, |project| {
            project.sources.remove(&source.id);
        });
    }

    pub(crate) fn put_endpoint(&mut self, endpoint: &Arc<Endpoint>, generation: u64) {
        self.endpoints.insert(endpoint.id, Arc::clone(endpoint));
        self.change_project(endpoint.project_id, |project| {
            project.endpoints.insert(endpoint.id, Arc::clone(endpoint));
            project.generation = generation;
        });
    }

    pub(crate) fn remove_endpoint(&mut self, endpoint: &Endpoint, generation: u64) {
        self.endpoints.remove(&endpoint.id);
        self.change_project(endpoint.project_id, |project| {
            project.endpoints.remove(&endpoint.id);
            project.generation = generation;
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
