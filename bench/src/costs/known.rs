//! What is found out about a database with a history before anything is counted: whose it is, and where calls
//! are to look.

use std::sync::Arc;

use ringback_domain::{
    EndpointId, EventId, IdMaker, ProjectId, SecretId, SourceId, SourceKind, Timestamp, TypedId,
};
use ringback_store::{Config, EventFilter, Order, PageRequest, ProjectConfig, Store};

use crate::clock;
use crate::database::Database;
use crate::failure::Failure;
use crate::history;

/// Places in the history that calls look at, in turn.
pub(super) const PLACES: u32 = 300;
/// Neighbours in the list of places are so far apart in the history. A prime, which does not divide their
/// number.
const STRIDE: u32 = 127;

/// A project of the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenant {
    pub(super) project: ProjectId,
    pub(super) source: SourceId,
    pub(super) secret: SecretId,
    pub(super) endpoint: EndpointId,
    pub(super) generation: u64,
}

/// Where a call looks: a point in the midst of a project's history, and what an event there is about.
#[derive(Debug, Clone)]
pub(super) struct Place {
    tenant: usize,
    pub(super) event: EventId,
    pub(super) object: String,
}

/// All of that.
#[derive(Debug, Clone)]
pub(super) struct Known {
    tenants: Vec<Tenant>,
    places: Vec<Place>,
}

impl Known {
    /// Looks around in a database.
    pub(super) async fn of(database: &Database) -> Result<Self, Failure> {
        let store = database.open(&Arc::new(IdMaker::new(clock::unix_ms().unsigned_abs()))).await?;
        let known = Self::look(store.as_ref()).await;
        store.close().await;
        known
    }

    async fn look(store: &dyn Store) -> Result<Self, Failure> {
        let tenants = tenants(&store.config());
        let project = tenants.first().ok_or(Failure::NotSeeded)?.project;
        let (oldest, _) = first_beyond(store, project, None, Order::Asc).await?;
        let (newest, _) = first_beyond(store, project, None, Order::Desc).await?;
        let span = newest.since(oldest);
        let (mut places, mut tenant) = (Vec::new(), 0);
        for number in 0..PLACES {
            // The very first of them might have nothing before it.
            let part = number * STRIDE % PLACES + 1;
            let event = EventId::first_at(oldest.plus(span * part / PLACES));
            let (_, object) = first_beyond(store, tenants[tenant].project, Some(event), Order::Desc).await?;
            places.push(Place { tenant, event, object });
            tenant = (tenant + 1) % tenants.len();
        }
        Ok(Self { tenants, places })
    }

    /// The place of a call, and whose that is.
    pub(super) fn at(&self, number: usize) -> (&Place, Tenant) {
        let place = &self.places[number % self.places.len()];
        (place, self.tenants[place.tenant])
    }
}

/// When the first event in this order happened, and what it is about.
async fn first_beyond(
    store: &dyn Store,
    project: ProjectId,
    after: Option<EventId>,
    order: Order,
) -> Result<(Timestamp, String), Failure> {
    let page = PageRequest { after, limit: 1, order };
    let found = store.list_events(project, EventFilter::default(), page).await?;
    let event = found.items.into_iter().next().ok_or(Failure::NotSeeded)?;
    Ok((event.created_at, event.object_id.ok_or(Failure::NotSeeded)?))
}

fn tenants(config: &Config) -> Vec<Tenant> {
    let seeded = config.projects().filter(|project| project.project.name.starts_with(history::PROJECT_NAME));
    let tenant = |project: &Arc<ProjectConfig>| {
        let mut sources = project.list_sources(PageRequest::default()).items.into_iter();
        let source = sources.find(|source| source.kind == SourceKind::OpenAi)?;
        Some(Tenant {
            project: project.project.id,
            source: source.id,
            secret: source.secrets.first()?.id,
            endpoint: project.list_endpoints(PageRequest::default()).items.first()?.id,
            generation: project.generation,
        })
    };
    seeded.filter_map(tenant).collect()
}
