//! A database as the second released schema has it: all that the first one knew, and a row for everything
//! that came with it.

use ringback_domain::{DeliveryId, TypedId};
use rusqlite::{Connection, params};

use super::first_schema::{FIRST, Filled, FirstSchema};
use super::ms;
use crate::backend::DatabaseFolder;
use crate::conformance::at;

const SECOND: &str = include_str!("../../../src/sqlite/migrations/V2__projects_keys_publishing.sql");

/// The database, open.
pub(super) struct SecondSchema {
    first: FirstSchema,
}

impl SecondSchema {
    /// Makes it in a data folder that is not there yet, as a Ringback of that time did.
    pub(super) fn in_folder(folder: &DatabaseFolder) -> Self {
        Self { first: FirstSchema::in_folder(folder) }
    }

    pub(super) fn db(&self) -> &Connection {
        &self.first.db
    }

    /// Puts something into every table of the first schema, brings it up to the second, and goes on there.
    pub(super) fn fill(&self) -> Filled {
        let filled = self.first.fill();
        self.migrate();
        self.insert("UPDATE projects SET archived_at = ?1 WHERE name = 'second'", [ms(at(-9))]);
        for (n, project) in [(1_u8, "default"), (2, "second")] {
            let sql = "INSERT INTO sources SELECT ?1, id, 'publish', 'publish', 'active', 'reject', NULL, 7, 7, NULL \
                       FROM projects WHERE name = ?2";
            self.insert(sql, params![[n; 16], project]);
        }
        self.insert(
            "INSERT INTO api_keys SELECT zeroblob(16), id, 'ci', 'rk-a', zeroblob(32), 7, 8 FROM projects LIMIT 1",
            [],
        );
        self.insert(
            "UPDATE endpoints SET description = 'app', no_retry_statuses = '404 410' WHERE id = ?1",
            [filled.active.to_bytes()],
        );
        self.insert("INSERT INTO event_types VALUES (?1, 'acme.a', 7)", [filled.project.to_bytes()]);
        self.insert(
            "INSERT INTO idempotency_keys VALUES \
             (?1, 'POST /', 'k', zeroblob(32), ?2, zeroblob(16), zeroblob(16), 200, x'00ff')",
            params![filled.project.to_bytes(), ms(at(0))],
        );
        self.insert(
            "INSERT INTO deliveries VALUES \
             (144, ?1, ?2, 20, ?3, 'event', 'dead', 'no_retry_status', 1, 8, 7, NULL, 1, NULL, 9)",
            params![
                self.first.id::<DeliveryId>().to_bytes(),
                filled.project.to_bytes(),
                filled.active.to_bytes()
            ],
        );
        filled
    }

    fn migrate(&self) {
        let mut db = Connection::open(self.db().path().expect("it is a file")).unwrap();
        let migrations = [("V1__initial", FIRST), ("V2__projects_keys_publishing", SECOND)]
            .map(|(name, sql)| refinery_core::Migration::unapplied(name, sql).unwrap());
        db.pragma_update(None, "foreign_keys", false).unwrap();
        refinery_core::Runner::new(&migrations).set_grouped(true).run(&mut db).unwrap();
    }

    fn insert(&self, sql: &str, params: impl rusqlite::Params) {
        self.first.insert(sql, params);
    }
}
