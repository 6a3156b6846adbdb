//! The set-up of the handbook, done as it stands there: what the nodes' role may do is enough, and not more
//! than that.

use std::sync::Arc;

use ringback_domain::IdMaker;
use ringback_store::{
    EventFilter, Migrate, OpenError, PostgresAddress, PostgresOptions, PostgresStore, Store, database_status,
    migrate_database,
};

use crate::conformance::{Backend, Opening, World, at, keyring};
use crate::own_server::OwnServer;
use crate::server::connect;

const HANDBOOK: &str = include_str!("../../../../docs/SCALING.md");

/// The SQL of the section, block by block.
fn documented() -> Vec<Vec<String>> {
    let section = HANDBOOK.split("\n## ").find(|section| section.starts_with("Setting it up")).unwrap();
    let blocks = section.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let statements = |block: &str| block.lines().map(str::to_owned).collect();
    blocks.map(statements).collect()
}

struct SetUp(String);

#[async_trait::async_trait]
impl Backend for SetUp {
    async fn open(
        &self,
        opening: Opening,
    ) -> Result<std::sync::Arc<dyn ringback_store::Store>, ringback_store::OpenError> {
        let Opening { keyring, ids, now } = opening;
        let options = PostgresOptions::new(self.0.parse().unwrap(), keyring, ids, now);
        Ok(std::sync::Arc::new(PostgresStore::open(options).await?))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documented_role_is_enough_and_may_do_nothing_else() {
    let server = OwnServer::start();
    let at = |role: &str, database: &str| format!("postgres://{role}@127.0.0.1:{}/{database}", server.port());
    // The server's owner is another than the handbook's role of the same name.
    server.admin("CREATE ROLE root SUPERUSER LOGIN");
    let administrator = connect(&at("root", "postgres")).await.unwrap();
    administrator.batch_execute("ALTER ROLE ringback RENAME TO owner").await.unwrap();
    let [anywhere, there] = documented().try_into().unwrap();
    for statement in anywhere {
        administrator.batch_execute(&statement).await.unwrap();
    }
    let administrator = connect(&at("root", "ringback")).await.unwrap();
    for statement in there {
        administrator.batch_execute(&statement).await.unwrap();
    }

    let world = World::new(SetUp(at("ringback", "ringback"))).await;
    let source = world.source().await;
    world.call(source, "a").append().await;
    let world = world.restart().await;
    world.store.check().await.unwrap();
    assert_eq!(world.list(EventFilter::default()).await.len(), 1);

    let role = connect(&at("ringback", "ringback")).await.unwrap();
    for forbidden in [
        "CREATE DATABASE other",
        "CREATE ROLE other",
        "CREATE SCHEMA other",
        "CREATE TABLE public.other (id int)",
        "DROP DATABASE ringback",
        "COPY (SELECT 1) TO '/tmp/ringback-other'",
    ] {
        assert!(role.batch_execute(forbidden).await.is_err(), "{forbidden}");
    }
    administrator.batch_execute("CREATE ROLE somebody LOGIN").await.unwrap();
    let refused = connect(&at("somebody", "ringback")).await.map(drop).unwrap_err();
    assert_eq!(refused.code(), Some(&tokio_postgres::error::SqlState::INSUFFICIENT_PRIVILEGE));
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'ringback' AND tableowner <> 'ringback'";
    assert_eq!(administrator.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_role_that_could_not_keep_the_tables_is_refused_with_what_to_do() {
    let server = OwnServer::start();
    server.admin(
        "CREATE ROLE app LOGIN; CREATE ROLE deploy LOGIN; CREATE ROLE lost LOGIN; ALTER ROLE lost SET search_path = nowhere; CREATE SCHEMA ringback AUTHORIZATION deploy; \
         ALTER ROLE deploy SET search_path = ringback; ALTER ROLE app SET search_path = ringback",
    );
    let address = |role: &str| -> PostgresAddress {
        server.url().replace("ringback@", &format!("{role}@")).parse().unwrap()
    };
    let opened = async |role| {
        let options = PostgresOptions::new(address(role), keyring(&[1]), Arc::new(IdMaker::new(1)), at(0));
        PostgresStore::open(options).await
    };
    let refused = async |role| opened(role).await.map(drop).unwrap_err();

    let error = refused("lost").await;
    assert!(matches!(&error, OpenError::NoSchema { role, .. } if role == "lost"), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("postgres at ") && text.contains("CREATE SCHEMA ringback AUTHORIZATION lost"),
        "{text}"
    );
    // It is there, and closed to the role.
    let text = refused("app").await.to_string();
    assert!(text.contains("GRANT USAGE, CREATE ON SCHEMA ringback TO app"), "{text}");
    server.admin("GRANT USAGE ON SCHEMA ringback TO app");
    let error = refused("app").await;
    assert!(matches!(&error, OpenError::NoRights { schema, .. } if schema == "ringback"), "{error:?}");
    let error = migrate_database(&address("app"), Migrate::Expand).await.unwrap_err();
    assert!(matches!(error, OpenError::NoRights { .. }), "{error:?}");

    opened("deploy").await.unwrap().close().await;
    // It may read, write and make tables, and not add partitions to those of another one.
    server.admin(
        "GRANT CREATE ON SCHEMA ringback TO app; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ringback TO app",
    );
    let error = refused("app").await;
    assert!(matches!(&error, OpenError::NotOwner { owner, .. } if owner == "deploy"), "{error:?}");
    database_status(&address("app")).await.unwrap();
    server.admin("GRANT deploy TO app");
    opened("app").await.unwrap().close().await;
}
