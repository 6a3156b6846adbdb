//! The durable truth: one trait, [`Store`], and a backend for each database.
//!
//! The actors: *ingest* appends events together with their deliveries ([`Store::append`]); the *deliverer*
//! claims what is due under a lease and finishes it ([`Store::claim`], [`Store::finish`]); the *API* reads
//! records and changes the configuration. All of them meet only in rows: there is no second queue that could
//! disagree with them.
//!
//! Every answer `Ok` to a write is given after the transaction is durable. What is *not* guaranteed: that a
//! delivery is claimed by one deliverer only. A lease saves duplicate work, nothing more; delivery is
//! at-least-once.
//!
//! SQL is not abstracted over the databases: each backend has its own SQL and migrations. What they share is
//! this trait and the conformance suite in `tests/conformance`, which is its specification.

pub mod append;
mod condition;
pub mod config;
mod error;
pub mod idempotency;
pub mod keyring;
pub mod page;
pub mod postgres;
mod prune_walk;
pub mod query;
pub mod receipts;
pub mod replays;
mod rows;
pub mod sqlite;
mod store;
pub mod work;

pub use append::{Appended, Arrival, MAX_BATCH_DELIVERIES, NewEvent, NewReceipt, Plan, PlannedDelivery};
pub use config::{Config, ProjectConfig};
pub use error::{OpenError, ServerTrouble, StoreError};
pub use idempotency::{Beginning, Begun, IdempotencyKey, StoredAnswer};
pub use keyring::{EncryptionKey, Keyring};
pub use page::{Order, Page, PageRequest};
pub use postgres::{
    ConnectionLimit, DatabaseStatus, Limited, Migrate, Migrated, NodeStatus, PartitionStatus,
    PostgresAddress, PostgresOptions, PostgresStore, Schema, SchemaStatus, check_addresses, database_status,
    migrate_database, migrate_to,
};
pub use query::{
    Backlog, DeliveryCounts, DeliveryDetail, DeliveryFilter, DeliveryFound, DeliveryRecord, EventDetail,
    EventFilter, Redelivery,
};
pub use receipts::{ReceiptDetail, ReceiptFilter, Refusal, RefusalCount};
pub use replays::{Advanced, NewReplay, ReplayDetail, ReplayPreview, ReplayStore, ReplayTarget};
pub use sqlite::{SqliteOptions, SqliteStatus, SqliteStore, migrate_sqlite, sqlite_in_use, sqlite_status};
pub use store::{
    EndpointChange, MaxAgeChange, NewApiKey, NewEndpoint, NewProject, NewSource, ProjectChange, Retention,
    Rotation, RulesChange, SourceChange, Store,
};
pub use work::{Claimed, DueEndpoint, EndpointNote, Finish, Finished, Lease, Unattempted};
