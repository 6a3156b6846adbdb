//! A database as the first released schema has it, with a row for everything that it knows.

use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::{DeliveryId, EndpointId, EventId, IdMaker, ProjectId, SecretId, SourceId, TypedId};
use rusqlite::{Connection, Params, params};

use super::ms;
use crate::backend::DatabaseFolder;
use crate::conformance::{at, keyring, secret};

pub(super) const FIRST: &str = include_str!("../../../src/sqlite/migrations/V1__initial.sql");

/// The position of an event that is gone: higher than all that are there.
pub(super) const LAST_PRUNED_POSITION: i64 = 70;

/// The database, open.
pub(super) struct FirstSchema {
    pub(super) db: Connection,
    ids: IdMaker,
}

/// What was put into it, by name.
pub(super) struct Filled {
    pub(super) project: ProjectId,
    /// With a secret, number 3.
    pub(super) source: SourceId,
    /// With a secret, number 7.
    pub(super) active: EndpointId,
    pub(super) deleted: EndpointId,
    pub(super) events: Vec<EventId>,
    /// The pending deliveries of the active endpoint in the order of their being due.
    pub(super) pending: Vec<DeliveryId>,
}

impl FirstSchema {
    /// Makes it in a data folder that is not there yet, as a Ringback of that time did.
    pub(super) fn in_folder(folder: &DatabaseFolder) -> Self {
        std::fs::create_dir(folder.path()).unwrap();
        let mut db = folder.connection();
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        let first = refinery_core::Migration::unapplied("V1__initial", FIRST).unwrap();
        refinery_core::Runner::new(&[first]).run(&mut db).unwrap();
        Self { db, ids: IdMaker::new(1) }
    }

    /// Puts something into every table: each kind of source, endpoint and receipt, each end of a delivery,
    /// each outcome of an attempt.
    pub(super) fn fill(&self) -> Filled {
        self.insert("INSERT INTO admin_keys VALUES (1, ?1)", [[5_u8; 32]]);
        let project: ProjectId = self.id();
        for (id, name) in [(project, DEFAULT_PROJECT_NAME), (self.id(), "second")] {
            let sql = "INSERT INTO projects (id, name, config_generation, created_at) VALUES (?1, ?2, 9, ?3)";
            self.insert(sql, params![id.to_bytes(), name, ms(at(-50))]);
        }
        let source = self.sources(project);
        let [active, paused, disabled, deleted] = self.endpoints(project);
        let events = self.events(project, source);
        let pending = self.deliveries(project, [active, paused, disabled, deleted]);
        self.attempts();
        self.receipts(project, source, &events);
        Filled { project, source, active, deleted, events, pending }
    }

    pub(super) fn id<I: TypedId>(&self) -> I {
        self.ids.next(at(-50))
    }

    pub(super) fn insert(&self, sql: &str, params: impl Params) {
        assert_eq!(self.db.execute(sql, params), Ok(1), "{sql}");
    }

    /// The first of them has a secret and a count of refused calls.
    fn sources(&self, project: ProjectId) -> SourceId {
        let mut made: Vec<SourceId> = Vec::new();
        for (kind, status, stale_policy, token, deleted_at) in [
            ("openai", "active", "admit", "token-active", None),
            ("standard_webhooks", "archived", "reject", "token-archived", None),
            ("openai", "active", "reject", "token-deleted", Some(ms(at(-1)))),
        ] {
            let id: SourceId = self.id();
            self.insert(
                "INSERT INTO sources VALUES (?1, ?2, 'caf\u{e9}', ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    id.to_bytes(),
                    project.to_bytes(),
                    kind,
                    status,
                    stale_policy,
                    token,
                    ms(at(-40)),
                    ms(at(-30)),
                    deleted_at
                ],
            );
            made.push(id);
        }
        let id: SecretId = self.id();
        let sealed = keyring(&[1]).encrypt(&format!("source_secrets/{id}"), secret(3).reveal().as_bytes());
        let sql = "INSERT INTO source_secrets VALUES (?1, ?2, ?3, ?4)";
        self.insert(sql, params![id.to_bytes(), made[0].to_bytes(), sealed, ms(at(-40))]);
        for (source, reason) in [(made[0], "bad_signature"), (made[2], "timestamp_too_old")] {
            self.insert("INSERT INTO refusal_counts VALUES (?1, ?2, 7)", params![source.to_bytes(), reason]);
        }
        made[0]
    }

    /// One that is active, with a secret; one paused, one disabled, one deleted.
    fn endpoints(&self, project: ProjectId) -> [EndpointId; 4] {
        let since = Some(ms(at(-1)));
        let flags = [
            (None, None, None, None),
            (since, None, None, None),
            (None, since, Some("gone"), None),
            (None, None, None, since),
        ];
        let made = flags.map(|(paused_at, disabled_at, disabled_reason, deleted_at)| {
            let id: EndpointId = self.id();
            self.insert(
                "INSERT INTO endpoints VALUES (?1, ?2, 'app', 'https://a.example/', '* batch.*', 60, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    id.to_bytes(),
                    project.to_bytes(),
                    ms(at(-40)),
                    ms(at(-30)),
                    paused_at,
                    disabled_at,
                    disabled_reason,
                    deleted_at
                ],
            );
            id
        });
        let id: SecretId = self.id();
        let sealed = keyring(&[1]).encrypt(&format!("endpoint_secrets/{id}"), secret(7).reveal().as_bytes());
        let sql = "INSERT INTO endpoint_secrets VALUES (?1, ?2, ?3, ?4, NULL)";
        self.insert(sql, params![id.to_bytes(), made[0].to_bytes(), sealed, ms(at(-40))]);
        made
    }

    /// At the positions 10, 20, 30; a later one is gone. Each has its entry in the dedupe table.
    fn events(&self, project: ProjectId, source: SourceId) -> Vec<EventId> {
        let mut made = Vec::new();
        for (n, position) in [10, 20, 30, LAST_PRUNED_POSITION].into_iter().enumerate() {
            let id: EventId = self.id();
            let (project, source, webhook_id) = (project.to_bytes(), source.to_bytes(), format!("wh_{n}"));
            self.insert(
                "INSERT INTO events VALUES (?1, ?2, ?3, ?4, 'batch.completed', ?5, 'evt_1', 'batch_1', ?6, x'00ff')",
                params![position, id.to_bytes(), project, source, webhook_id, ms(at(-20))],
            );
            self.insert(
                "INSERT INTO webhook_ids VALUES (?1, ?2, ?3, ?4, zeroblob(32), ?5)",
                params![source, webhook_id, project, id.to_bytes(), ms(at(-20))],
            );
            made.push(id);
        }
        self.insert("DELETE FROM events WHERE position = ?1", [LAST_PRUNED_POSITION]);
        made.truncate(3);
        made
    }

    /// Every state with every reason, at positions with gaps; the two pending ones of the first endpoint come
    /// back.
    fn deliveries(
        &self,
        project: ProjectId,
        [active, paused, disabled, deleted]: [EndpointId; 4],
    ) -> Vec<DeliveryId> {
        const ENDED: (Option<i64>, Option<i64>) = (None, Some(9));
        let (due, later) = ((Some(ms(at(50))), None), (Some(ms(at(40))), None));
        let mut pending = Vec::new();
        for (position, event, endpoint, trigger, state, reason, tried, (due_at, finished_at), lease) in [
            // Under way, and due after the next one.
            (3, 10, active, "event", "pending", None, 1, due, (3, Some(ms(at(99))))),
            (5, 20, active, "redelivery", "pending", None, 0, later, (0, None)),
            (8, 10, paused, "event", "pending", None, 2, due, (2, None)),
            (13, 20, active, "replay", "delivered", None, 1, ENDED, (1, None)),
            (21, 20, disabled, "event", "dead", Some("schedule_exhausted"), 12, ENDED, (12, None)),
            (34, 30, disabled, "event", "dead", Some("retention"), 0, ENDED, (0, None)),
            (55, 30, deleted, "event", "cancelled", Some("endpoint_deleted"), 0, ENDED, (0, None)),
            (89, 30, active, "test", "cancelled", Some("requested"), 1, ENDED, (1, None)),
        ] {
            let id: DeliveryId = self.id();
            let first_attempt_at = (tried > 0).then_some(8);
            self.insert(
                "INSERT INTO deliveries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 7, ?11, ?12, ?13, ?14)",
                params![
                    position,
                    id.to_bytes(),
                    project.to_bytes(),
                    event,
                    endpoint.to_bytes(),
                    trigger,
                    state,
                    reason,
                    tried,
                    first_attempt_at,
                    due_at,
                    lease.0,
                    lease.1,
                    finished_at
                ],
            );
            if state == "pending" && endpoint == active {
                pending.insert(0, id);
            }
        }
        pending
    }

    /// One of each outcome, spread over deliveries.
    fn attempts(&self) {
        for (delivery, number, outcome, status, error) in [
            (3, 1, "http_error", Some(500), None),
            (8, 1, "timeout", None, Some("no answer")),
            (8, 2, "unreachable", None, Some("refused")),
            (13, 1, "succeeded", Some(204), None),
            (21, 12, "blocked", None, Some("private")),
        ] {
            let id: ringback_domain::AttemptId = self.id();
            self.insert(
                "INSERT INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6, 8, 12, x'00ff')",
                params![delivery, id.to_bytes(), number, outcome, status, error],
            );
        }
    }

    /// One of each disposition: three that were taken in (one of them admitted by hand), two refused.
    fn receipts(&self, project: ProjectId, source: SourceId, events: &[EventId]) {
        let taken = |event: EventId| (Some(event.to_bytes()), Some([1_u8; 16]), None::<i64>, None::<&[u8]>);
        let refused = (None, None, Some(7), Some(&b"\0\xff"[..]));
        for (disposition, reason, (event_id, secret_id, body_bytes, kept), admitted_at) in [
            ("accepted", None, taken(events[0]), None),
            ("duplicate", None, taken(events[0]), None),
            ("payload_differs", Some("source_unconfigured"), taken(events[1]), Some(5)),
            ("rejected", Some("bad_signature"), refused, None),
            ("held", Some("source_unconfigured"), refused, None),
        ] {
            let id: ringback_domain::ReceiptId = self.id();
            self.insert(
                "INSERT INTO receipts VALUES (?1, ?2, ?3, 4, ?4, ?5, 'wh_0', ?6, ?7, ?8, ?9, ?10, ?10)",
                params![
                    id.to_bytes(),
                    project.to_bytes(),
                    source.to_bytes(),
                    disposition,
                    reason,
                    event_id,
                    secret_id,
                    admitted_at,
                    body_bytes,
                    kept
                ],
            );
        }
    }
}
