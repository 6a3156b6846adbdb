//! What can go wrong with the store, by what the caller can do about it.

use std::sync::Arc;

/// A read or write that did not happen, as far as the variant says.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No such thing in this project. Final.
    #[error("no such {noun}")]
    NotFound {
        /// What was looked for, e.g. `webhook endpoint`.
        noun: &'static str,
    },
    /// A limit on how many of something there may be. Final until one is removed.
    #[error("at most {max} {noun} are allowed")]
    TooMany {
        /// What there would be too many of.
        noun: &'static str,
        /// The limit.
        max: usize,
    },
    /// A name that must be unique is taken. Final.
    #[error("there is another {noun} of this name")]
    NameTaken {
        /// What has the name, e.g. `project`.
        noun: &'static str,
    },
    /// A `webhook_id` stands for another event already. Nothing of the request was written. Final.
    #[error("the webhook id of event {index} stands for another event")]
    WebhookIdTaken {
        /// Which of the events that were to be published, counted from 0.
        index: usize,
    },
    /// It has ended already, and stays as it is. Final.
    #[error("the {noun} has ended already")]
    Ended {
        /// What has ended, e.g. `webhook delivery`.
        noun: &'static str,
    },
    /// More is waiting to be written than the queue holds, or than could be begun in the time that a call
    /// has. Nothing was written; worth trying again shortly. The store itself tells the log of it, once and
    /// not for each caller.
    #[error("too much is waiting to be written")]
    Overloaded,
    /// The database did not take it (disk full, read-only, locked, damaged, gone). Nothing was written; worth
    /// trying again. The store itself tells the log of it, once and not for each caller.
    #[error("the database is unavailable")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The database broke off with the answer to a commit: whether it was written nobody knows. Trying again
    /// is right for what is known by an id of its own, such as an event or an attempt, and else does it
    /// twice. The store itself tells the log of it.
    #[error("the database was lost with the answer to a commit")]
    InDoubt(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The database refuses this very row. Trying again is of no use.
    #[error("the database refused the row")]
    Refused(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// A stored row cannot be read back as what it should be: the database was changed by other means, or is
    /// damaged.
    #[error("a stored {noun} is not readable")]
    Corrupt {
        /// What the row should have been.
        noun: &'static str,
        /// Why it is not.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The store is being closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// A row that cannot be read back.
    pub(crate) fn corrupt(
        noun: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Corrupt { noun, source: Arc::new(source) }
    }
}

/// What keeps from using a database server, by what a caller makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerTrouble {
    /// There is nobody to talk to: it cannot be reached, says nothing, or starts just now.
    Absent,
    /// As many are connected as it allows.
    NoConnectionLeft,
    /// It lets nobody in by this address, or is not fit.
    Refusal,
}

/// A store that could not be opened: a message for the person who started it, with what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be made, read or written.
    #[error(
        "cannot use {path}: make sure that the data folder is a folder, and that this user may read and write it and what is \
         in it; or choose another with --data-dir"
    )]
    Folder {
        /// The folder or the file in it.
        path: std::path::PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another process has the data folder.
    #[error(
        "the data folder {path} is in use by another Ringback; stop that one, or choose another with --data-dir"
    )]
    Locked {
        /// The folder.
        path: std::path::PathBuf,
    },
    /// The database file is not usable.
    #[error(
        "cannot open the database {path}: if it is damaged or something else, put a backup in its place, or move it away to \
         begin with an empty one"
    )]
    Database {
        /// The file.
        path: std::path::PathBuf,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another program keeps the database from being written to.
    #[error(
        "another program has locked the database {path}: wait for it or end it (a backup, a shell on the file), and start again"
    )]
    Busy {
        /// The file.
        path: std::path::PathBuf,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database file is one, and damaged.
    #[error(
        "the database {path} is damaged: put a backup in its place, or move it away to begin with an empty one"
    )]
    Damaged {
        /// The file.
        path: std::path::PathBuf,
        /// What was found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database's log lacks pages that were committed.
    #[error(
        "the database's log {path} is damaged: of {committed} pages that were committed only {found} can be read, and \
         acknowledged events would be lost with the others; put a backup of the data folder in its place, or remove {index} \
         to begin with what is left"
    )]
    LogDamaged {
        /// The log.
        path: std::path::PathBuf,
        /// Its index, which knows what was committed.
        index: std::path::PathBuf,
        /// Pages that can be read.
        found: u32,
        /// Pages that were committed.
        committed: u32,
    },
    /// The database server cannot be used.
    #[error("cannot use the PostgreSQL database {database}, which the setting `{setting}` names")]
    Server {
        /// `database` or `database_session`.
        setting: &'static str,
        /// The database and the server, without a password.
        database: String,
        /// What the server said, or what keeps from reaching it, and what to do about that.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A pooler is there where a session of one's own is needed.
    #[error(
        "the setting `{setting}` names a pooler that gives each transaction another session of the server ({database}): \
         name the server itself as `database_session` (--database-session, RINGBACK_DATABASE_SESSION), beside the pooler as `database`"
    )]
    Pooler {
        /// `database` or `database_session`.
        setting: &'static str,
        /// The database and the pooler, without a password.
        database: String,
    },
    /// The two settings do not name the same rows.
    #[error(
        "the settings `database` ({database}) and `database_session` ({session}) lead to different databases, or to different schemas \
         of one: both must name the same, the one through a pooler and the other past it"
    )]
    OtherDatabase {
        /// The database and the server or pooler of the one, without a password.
        database: String,
        /// Those of the other.
        session: String,
    },
    /// There is no schema to make tables in.
    #[error(
        "the role {role} has no schema to make tables in, in the database {database} (its search_path is {search_path}): as an \
         administrator say there `CREATE SCHEMA ringback AUTHORIZATION {role}` and `ALTER ROLE {role} SET search_path = ringback`"
    )]
    NoSchema {
        /// The database and the server.
        database: String,
        /// Who connects.
        role: String,
        /// Where the server looks for tables.
        search_path: String,
    },
    /// There is a schema, and no tables may be made in it.
    #[error(
        "the role {role} may not make tables in the schema {schema} of the database {database}, as each node does: as an administrator \
         say there `GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}`, or give it a schema of its own (`CREATE SCHEMA ringback \
         AUTHORIZATION {role}` and `ALTER ROLE {role} SET search_path = ringback`)"
    )]
    NoRights {
        /// The database and the server.
        database: String,
        /// Who connects.
        role: String,
        /// Where tables would be made.
        schema: String,
    },
    /// The tables are another role's.
    #[error(
        "the table {table} of the database {database} is owned by {owner}, and the role {role} could not add partitions to it: name \
         {owner} in the address, or make {role} a member of it (`GRANT {owner} TO {role}`)"
    )]
    NotOwner {
        /// The database and the server.
        database: String,
        /// Who connects.
        role: String,
        /// One of the tables.
        table: String,
        /// Whose it is.
        owner: String,
    },
    /// The schema is newer than this binary, or a migration failed.
    #[error(
        "cannot bring the database's schema up to date: if a newer Ringback has used it, start that version or a later one; if it is damaged, put a \
         backup in its place"
    )]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A newer Ringback has removed from the schema what this one needs.
    #[error(
        "a newer Ringback has removed from the database what this version needs ({migration}): start that version or a later one"
    )]
    NewerSchema {
        /// The migration that did it.
        migration: String,
    },
    /// Nodes are running that a migration would take away from what they need.
    #[error(
        "cannot apply {migration} while nodes of an older version run: {nodes}; stop them or bring them to this version, then try \
         again"
    )]
    OlderNodes {
        /// The first migration that they stand in the way of.
        migration: String,
        /// Each node with its version.
        nodes: String,
    },
    /// Secrets in the database are encrypted under a key that was not given.
    #[error(
        "the database holds secrets encrypted under key {key_id}, which was not given: set RINGBACK_ENCRYPTION_KEY to the key \
         (or the list of keys) this database was used with{elsewhere}"
    )]
    MissingKey {
        /// Names the missing key without showing it.
        key_id: String,
        /// Where else the key may be, as the end of the sentence.
        elsewhere: &'static str,
    },
    /// The rows cannot be read.
    #[error("cannot read the configuration from the database: it is damaged, put a backup in its place")]
    Config(#[source] StoreError),
}

impl OpenError {
    /// A key is missing that the data folder may have held.
    pub(crate) fn missing_key_of_folder(key_id: String) -> Self {
        let elsewhere = "; or put the file encryption-key back into the data folder if it was that one";
        Self::MissingKey { key_id, elsewhere }
    }

    /// What it comes to, if it is the database server that keeps the store from being opened.
    #[must_use]
    pub fn server_trouble(&self) -> Option<ServerTrouble> {
        match self {
            Self::Server { source, .. } => crate::postgres::trouble(&**source),
            _ => None,
        }
    }
}
