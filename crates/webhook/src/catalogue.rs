//! OpenAI's event types: one table, and a sample of each.
//!
//! The table is a help, not a border: senders add types, and an unknown one that is well-formed must pass
//! everywhere ([`crate::event_type::is_well_formed`]).

mod category;
mod listing;
mod sample;
mod table;

use http::Method;

pub use self::{category::Category, sample::sample};
use crate::{
    data::DataShape,
    event_type,
    subject::{ObjectKind, Route},
};

/// One event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CatalogueEntry {
    /// The type in OpenAI's own spelling, such as `batch.completed`.
    pub name: &'static str,
    /// The family it belongs to.
    pub category: Category,
    /// When it is sent, as one sentence for a reader.
    pub description: &'static str,
    /// Whether OpenAI's webhook-endpoint API takes it in `event_types` (27 do). The others reach an endpoint
    /// by other ways or not at all; Ringback lets an endpoint name them all.
    pub subscribable: bool,
    /// Whether OpenAI discourages new uses.
    pub deprecated: bool,
    /// Whether the event loses its worth within seconds or minutes: somebody waits for an answer on the line
    /// (`….incoming`), or a conversation is going on (`live.transport.connected`). A delivery that was
    /// retried for hours is then of no use to anybody, and a receiver should look at `created_at` before it
    /// acts.
    pub fast_ageing: bool,
    /// The shape of its `data`.
    pub shape: DataShape,
    /// What the event is about, in a sample.
    sample_object_id: &'static str,
}

impl CatalogueEntry {
    /// What kind of object the event is about.
    #[must_use]
    pub fn object_kind(&self) -> ObjectKind {
        self.route().kind()
    }

    /// The method and path by which one gets hold of that object, with `{id}` where its id goes; `None` where
    /// the API has no such object. For the path of one event see [`crate::subject`].
    #[must_use]
    pub fn api_call(&self) -> Option<(Method, &'static str)> {
        self.route().call()
    }

    fn route(&self) -> &'static Route {
        Route::of(self.name).expect("every family of the catalogue has a route")
    }
}

/// All 34 types, family by family.
#[must_use]
pub fn entries() -> &'static [CatalogueEntry] {
    &table::ENTRIES
}

/// The entry of a type. Both `eval.run.canceled` and `eval.run.cancelled` find the one eval entry.
#[must_use]
pub fn find(name: &str) -> Option<&'static CatalogueEntry> {
    let name = event_type::canonical(name);
    table::ENTRIES.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{entries, find};
    use crate::event_type;

    #[test]
    fn there_are_34_types_of_which_27_can_be_subscribed() {
        assert_eq!(entries().len(), 34);
        assert_eq!(entries().iter().filter(|entry| entry.subscribable).count(), 27);
        let names: HashSet<_> = entries().iter().map(|entry| entry.name).collect();
        assert_eq!(names.len(), 34);
    }

    #[test]
    fn every_name_is_well_formed_canonical_and_found() {
        for entry in entries() {
            assert!(event_type::is_well_formed(entry.name), "{}", entry.name);
            assert_eq!(event_type::canonical(entry.name), entry.name);
            assert_eq!(find(entry.name), Some(entry));
            assert!(entry.description.ends_with('.'), "{}", entry.name);
        }
    }

    #[test]
    fn what_cannot_be_subscribed_is_exactly_this() {
        let rest: Vec<_> =
            entries().iter().filter(|entry| !entry.subscribable).map(|entry| entry.name).collect();
        let expected = [
            "safety.org_alert.created",
            "safety.warning_issued",
            "safety.deactivation_issued",
            "live.transport.incoming",
            "live.transport.connected",
            "live.call.incoming",
            "safety_identifier.blocked",
        ];
        assert_eq!(rest, expected);
    }

    #[test]
    fn what_ages_fast_is_exactly_this() {
        let fast: Vec<_> =
            entries().iter().filter(|entry| entry.fast_ageing).map(|entry| entry.name).collect();
        let expected = [
            "realtime.call.incoming",
            "live.transport.incoming",
            "live.transport.connected",
            "live.call.incoming",
        ];
        assert_eq!(fast, expected);
    }

    #[test]
    fn the_two_l_spelling_belongs_to_the_eval_type_only() {
        assert_eq!(find("eval.run.cancelled").unwrap().name, "eval.run.canceled");
        assert!(find("batch.canceled").is_none());
        assert!(find("galaxy.exploded").is_none());
    }
}
