//! Places for tests of endpoints: a few over all, fewer for one project, so that nobody's slow endpoints keep
//! others from testing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ringback_domain::ProjectId;

/// How many tests are made at once, over all projects.
const MAX: usize = 16;
/// How many tests are made at once for one project.
const MAX_PER_PROJECT: usize = 4;

/// The places that are taken. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct TestPlaces {
    taken: Arc<Mutex<HashMap<ProjectId, usize>>>,
}

/// The right to make one test. Given back by dropping it.
pub(crate) struct TestPlace {
    project_id: ProjectId,
    places: TestPlaces,
}

impl TestPlaces {
    /// A place, if there is one.
    pub(crate) fn take(&self, project_id: ProjectId) -> Option<TestPlace> {
        let mut taken = self.lock();
        let (all, own) = (taken.values().sum::<usize>(), taken.get(&project_id).copied().unwrap_or(0));
        if all >= MAX || own >= MAX_PER_PROJECT {
            return None;
        }
        taken.insert(project_id, own + 1);
        Some(TestPlace { project_id, places: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, usize>> {
        // Every change under the lock is whole before anything can panic.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for TestPlace {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(own) = taken.get_mut(&self.project_id) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.project_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ringback_domain::TypedId;

    use super::*;

    #[test]
    fn one_project_takes_its_share_and_all_together_no_more_than_there_are() {
        let places = TestPlaces::default();
        let take = |n: u8| places.take(ProjectId::from_bytes([n; 16]));
        let mut held: Vec<TestPlace> = (0..4).filter_map(|_| take(1)).collect();
        assert!(held.len() == MAX_PER_PROJECT && take(1).is_none());
        held.pop();
        held.extend(take(1));
        assert_eq!(held.len(), MAX_PER_PROJECT, "a place that was given back");
        for project in 2..=4 {
            held.extend((0..4).filter_map(|_| take(project)));
        }
        assert!(held.len() == MAX && take(5).is_none());
        held.clear();
        assert!(take(5).is_some() && places.lock().is_empty(), "nothing is remembered of who has none");
    }
}
