//! Where the events of a batch go: by their callers' plans, if the configuration is still the one those were
//! made with, else anew.
//!
//! The routes of every project of the batch are shared until the commit (see `locks`), so what is found here
//! stays true until then.

use std::collections::{HashMap, HashSet};

use ringback_domain::{DeliveryRules, EndpointId, EventPattern, IdMaker, ProjectId};

use super::columns::{self, Key, get, key};
use super::connections::{Connection, Param};
use super::failure::Failure;
use super::{locks, rules};
use crate::append::{Arrival, Plan, PlannedDelivery};
use crate::rows::endpoint::split_patterns;

/// The generations of projects.
pub(super) const GENERATIONS: &str = "SELECT id, config_generation FROM projects WHERE id = ANY ($1)";

/// Which of the endpoints there are, or have been.
pub(super) const ENDPOINTS: &str = "SELECT id FROM endpoints WHERE id = ANY ($1)";

/// An endpoint that an event may go to.
struct Candidate {
    id: EndpointId,
    patterns: Vec<EventPattern>,
    rules: DeliveryRules,
}

/// What the routes are read by, in the sequence in which it is sent.
pub(super) const STATEMENTS: [&str; 3] = [locks::SHARE, GENERATIONS, ENDPOINTS];

/// What routing needs to know of the rows.
pub(super) struct Routes {
    generations: HashMap<ProjectId, u64>,
    endpoints: HashSet<Key>,
    candidates: HashMap<ProjectId, Vec<Candidate>>,
}

impl Routes {
    /// Reads them for a batch, and shares them. The caller has prepared [`STATEMENTS`].
    pub(super) async fn read(tx: &Connection, arrivals: &[&Arrival]) -> Result<Self, Failure> {
        let routed: Vec<&Arrival> = arrivals.iter().copied().filter(|arrival| is_routed(arrival)).collect();
        let projects: HashSet<ProjectId> = routed.iter().map(|arrival| arrival.project_id).collect();
        let projects: Vec<ProjectId> = projects.into_iter().collect();
        let keys: Vec<Key> = projects.iter().copied().map(key).collect();
        let endpoints: HashSet<Key> =
            arrivals.iter().flat_map(|arrival| arrival.planned()).map(|d| key(d.endpoint_id)).collect();
        let endpoints: Vec<Key> = endpoints.into_iter().collect();
        // Sent in this sequence, since all are prepared; the answers come together.
        let (keys, endpoints): ([Param<'_>; 1], [Param<'_>; 1]) = ([&keys], [&endpoints]);
        let ((), generations, endpoints) = tokio::try_join!(
            biased;
            locks::share_routes(tx, &projects),
            tx.query(GENERATIONS, &keys),
            tx.query(ENDPOINTS, &endpoints),
        )?;
        let mut routes = Self {
            generations: generations
                .iter()
                .map(|row| Ok((columns::id(row, 0)?, columns::number::<i64, u64>(row, 1)?)))
                .collect::<Result<_, Failure>>()?,
            endpoints: endpoints.iter().map(|row| get(row, 0)).collect::<Result<_, _>>()?,
            candidates: HashMap::new(),
        };
        for arrival in routed {
            if !routes.is_current(arrival) && !routes.candidates.contains_key(&arrival.project_id) {
                let candidates = candidates(tx, arrival.project_id).await?;
                routes.candidates.insert(arrival.project_id, candidates);
            }
        }
        Ok(routes)
    }

    /// Whether an arrival's plan is right still.
    fn is_current(&self, arrival: &Arrival) -> bool {
        match &arrival.plan {
            // That the endpoint is gone is for the deliverer to find, as with any other delivery.
            Plan::Test(_) => true,
            Plan::Route { generation, .. } => self.generations.get(&arrival.project_id) == Some(generation),
        }
    }

    /// The deliveries of a new event: those of the plan, or, if it is not right any more, others that are all
    /// born due. Refused if the project or an endpoint of the plan has never been.
    pub(super) fn deliveries(
        &self,
        ids: &IdMaker,
        arrival: &Arrival,
    ) -> Result<Vec<PlannedDelivery>, Failure> {
        if is_routed(arrival) && !self.generations.contains_key(&arrival.project_id) {
            return Err(Failure::refers_to_nothing("project"));
        }
        if self.is_current(arrival) {
            let planned = arrival.planned();
            return match planned.iter().all(|delivery| self.endpoints.contains(&key(delivery.endpoint_id))) {
                true => Ok(planned.to_vec()),
                false => Err(Failure::refers_to_nothing("webhook endpoint")),
            };
        }
        let candidates = self.candidates.get(&arrival.project_id).map(Vec::as_slice).unwrap_or_default();
        let wants =
            |candidate: &&Candidate| candidate.patterns.iter().any(|p| p.matches(&arrival.event.event_type));
        let born_due = |candidate: &Candidate| {
            let (now, max_age) = (arrival.received_at, arrival.event.max_age);
            PlannedDelivery::new(ids.next(now), candidate.id, &candidate.rules, now, max_age)
        };
        Ok(candidates.iter().filter(wants).map(born_due).collect())
    }
}

/// Whether it goes where the configuration says.
fn is_routed(arrival: &Arrival) -> bool {
    matches!(arrival.plan, Plan::Route { .. })
}

/// The endpoints that events of a project may go to now, by the rows themselves, oldest first.
async fn candidates(tx: &Connection, project_id: ProjectId) -> Result<Vec<Candidate>, Failure> {
    let sql = format!(
        "SELECT id, event_types, {} FROM endpoints \
         WHERE project_id = $1 AND deleted_at IS NULL AND disabled_at IS NULL AND replay_id IS NULL ORDER BY id",
        rules::COLUMNS
    );
    let rows = tx.query(&sql, &[&key(project_id)]).await?;
    rows.iter()
        .map(|row| {
            let patterns = split_patterns(get(row, 1)?).map_err(Failure::unreadable)?;
            Ok(Candidate { id: columns::id(row, 0)?, patterns, rules: rules::read(row, 2)? })
        })
        .collect()
}
