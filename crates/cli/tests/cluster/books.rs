//! What the database says: read beside the nodes, by a connection of the test's own.

use std::collections::{BTreeMap, BTreeSet};

use ringback_domain::Timestamp;
use ringback_testkit::postgres::connect;
use tokio_postgres::Client;

/// An event at an endpoint: the endpoint's name, and the event's `webhook-id`.
pub(crate) type Key = (String, String);

/// A delivery as it stands, by [`Key`].
pub(crate) struct Row {
    pub(crate) state: String,
    /// Attempts on record that did not succeed.
    pub(crate) failures: usize,
}

/// A reader of one database.
pub(crate) struct Books {
    client: Client,
    /// Of every node that was ever seen.
    known: BTreeSet<String>,
}

impl Books {
    pub(crate) async fn open(url: &str) -> Self {
        let client = connect(url).await.expect("the database of a test can be reached");
        Self { client, known: BTreeSet::new() }
    }

    /// The id of the one node that has come since this was asked last.
    pub(crate) async fn newcomer(&mut self) -> String {
        let rows = self.client.query("SELECT id::text FROM nodes", &[]).await.unwrap();
        let mut new: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        new.retain(|id| !self.known.contains(id));
        let [id] = new.as_slice() else { panic!("not one new node, but {new:?}") };
        self.known.insert(id.clone());
        id.clone()
    }

    /// What this node holds under lease.
    pub(crate) async fn held_by(&self, node: &str) -> Vec<Key> {
        let sql = "SELECT p.name, e.webhook_id FROM deliveries d \
                   JOIN endpoints p ON p.id = d.endpoint_id JOIN events e ON e.id = d.event_id \
                   WHERE d.lease_expires_at IS NOT NULL AND d.lease_node = $1::text::uuid";
        let rows = self.client.query(sql, &[&node]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// The `webhook-id` of every event, one for each row.
    pub(crate) async fn events(&self) -> Vec<String> {
        let rows = self.client.query("SELECT webhook_id FROM events", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Every delivery.
    ///
    /// # Panics
    /// When an event has two for one endpoint.
    pub(crate) async fn deliveries(&self) -> BTreeMap<Key, Row> {
        let sql = "SELECT p.name, e.webhook_id, d.state, \
                   (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id AND a.outcome <> 'succeeded') \
                   FROM deliveries d JOIN endpoints p ON p.id = d.endpoint_id JOIN events e ON e.id = d.event_id";
        let mut deliveries = BTreeMap::new();
        for row in self.client.query(sql, &[]).await.unwrap() {
            let key: Key = (row.get(0), row.get(1));
            let failures = usize::try_from(row.get::<_, i64>(3)).expect("a count is not negative");
            let twice = deliveries.insert(key.clone(), Row { state: row.get(2), failures });
            assert!(twice.is_none(), "two deliveries of {key:?}");
        }
        deliveries
    }

    /// When the last delivery to each endpoint came to its end.
    pub(crate) async fn last_ends(&self) -> BTreeMap<String, Timestamp> {
        let sql = "SELECT p.name, max(d.finished_at) FROM deliveries d JOIN endpoints p ON p.id = d.endpoint_id \
                   WHERE d.finished_at IS NOT NULL GROUP BY p.name";
        let rows = self.client.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), Timestamp::from_unix_ms(row.get(1)))).collect()
    }
}
