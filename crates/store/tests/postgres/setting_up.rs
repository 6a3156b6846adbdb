//! The set-up of the handbook, done as it stands there: what the nodes' role may do is enough, and not more than that.

use ringback_store::{EventFilter, PostgresOptions, PostgresStore};

use crate::conformance::{Backend, Opening, World};
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
