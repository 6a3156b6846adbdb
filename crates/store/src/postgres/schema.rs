//! The schema's migrations, in one numbered sequence, each of one kind.
//!
//! An *expansion* adds something: a node that does not know it works beside it as before. A *contraction*
//! removes what only nodes use that do not know it, or forbids what only they write. The kind is in the name,
//! so that a database says even of a migration that is newer than the program whether the program may work
//! with it.

use refinery_core::Migration;

use crate::error::OpenError;

const EXPANSION: &str = "expand_";
const CONTRACTION: &str = "contract_";
/// The first one makes everything: nobody was there before it.
const FIRST: &str = "initial";

const FIRST_SQL: &str = include_str!("migrations/V1__initial.sql");

/// What a migration means for nodes that do not know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Expansion,
    Contraction,
}

impl Kind {
    /// By the name of the migration. What has none of the two names is nothing to work beside.
    pub(super) fn of(name: &str) -> Self {
        if name == FIRST || name.starts_with(EXPANSION) { Self::Expansion } else { Self::Contraction }
    }
}

/// The migrations that a program knows, in order.
///
/// A release knows those of [`Schema::default`]. A longer list is what a later release knows: by it a rolling
/// upgrade can be tried before there is one.
#[derive(Debug, Clone)]
pub struct Schema {
    migrations: Vec<Migration>,
}

impl Default for Schema {
    /// The migrations of this release.
    fn default() -> Self {
        let first = Migration::unapplied(&format!("V1__{FIRST}"), FIRST_SQL);
        Self { migrations: vec![first.expect("its name has the form that refinery wants")] }
    }
}

impl Schema {
    /// The same with one more migration: `name` begins with `expand_` or `contract_` and consists of letters,
    /// digits and `_`.
    ///
    /// # Errors
    /// [`OpenError::Migration`] if the name is another one.
    pub fn followed_by(mut self, name: &str, sql: &str) -> Result<Self, OpenError> {
        if !name.starts_with(EXPANSION) && !name.starts_with(CONTRACTION) {
            return Err(OpenError::Migration(Box::new(BadName { name: name.to_owned() })));
        }
        let numbered = format!("V{}__{name}", self.version() + 1);
        let migration =
            Migration::unapplied(&numbered, sql).map_err(|error| OpenError::Migration(Box::new(error)))?;
        self.migrations.push(migration);
        Ok(self)
    }

    /// The number of the newest migration.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.migrations.last().map_or(0, number)
    }

    pub(super) fn migrations(&self) -> &[Migration] {
        &self.migrations
    }
}

/// A migration's number; refinery's version numbers are signed.
pub(super) fn number(migration: &Migration) -> u32 {
    u32::try_from(migration.version()).unwrap_or(0)
}

#[derive(Debug, thiserror::Error)]
#[error("the migration {name} says neither `{EXPANSION}` nor `{CONTRACTION}`")]
struct BadName {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_says_what_kind_it_is_and_none_is_left_out() {
        for (n, migration) in (1..).zip(Schema::default().migrations()) {
            assert_eq!(migration.version(), n, "{migration}");
            let name = migration.name();
            let says = name.starts_with(EXPANSION) || name.starts_with(CONTRACTION);
            assert!(says != (n == 1 && name == FIRST), "{migration}");
        }
    }

    #[test]
    fn what_does_not_say_its_kind_is_refused_and_is_nothing_to_work_beside() {
        assert!(matches!(Schema::default().followed_by("later", ""), Err(OpenError::Migration(_))));
        assert!(matches!(Schema::default().followed_by("", ""), Err(OpenError::Migration(_))));
        assert_eq!(Kind::of("later"), Kind::Contraction);
        assert_eq!(Kind::of("expand_later"), Kind::Expansion);
        let longer = Schema::default().followed_by("expand_a", "").unwrap();
        assert_eq!(longer.version(), Schema::default().version() + 1);
    }
}
