//! `ringback db` on PostgreSQL: what it says of a database, and the schema brought up to date.

use ringback_store::{Migrate, OpenError, Schema, migrate_to};
use ringback_testkit::postgres::{Database, OwnServer};
use ringback_testkit::{Gateway, until};
use serde_json::json;

use crate::BINARY;
use crate::command::{Done, ringback};

/// `ringback db …` on this database, which must not be shown with its user.
async fn db(database: &Database, args: &[&str]) -> Done {
    let done = ringback(&[&["db"], args].concat(), &[("RINGBACK_DATABASE", &database.url())]).await;
    done.hides(&database.url());
    done
}

#[tokio::test]
async fn nodes_and_schema_are_shown() {
    let database = Database::create();
    let builder = Gateway::builder(BINARY).database(&database.url());
    let (one, two) = tokio::join!(builder.clone().start(), builder.start());

    let done = db(&database, &["status", "--json"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let status = done.json();
    assert_eq!((&status["object"], &status["kind"]), (&json!("database_status"), &json!("postgres")));
    assert_eq!(status["needs"], json!([]));
    assert_eq!(status["schema"]["version"], status["schema"]["newest_known"]);
    assert!(
        status["size_bytes"].as_u64() > Some(0) && status["connections"]["used"].as_u64() > Some(2),
        "{status}"
    );
    let nodes = status["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2, "{status}");
    for gateway in [&one, &two] {
        let health = gateway.get("/healthz").await;
        let node = nodes.iter().find(|node| node["id"] == health["node"]).expect("each is listed");
        assert_eq!((&node["is_alive"], &node["version"]), (&json!(true), &health["version"]));
        assert_eq!(gateway.get("/readyz").await["store"]["kind"], "postgres");
        assert!(gateway.talk().is_empty() || !gateway.talk().contains(&database.url()));
    }
    assert!(
        status["partitions"].as_array().unwrap().iter().any(|part| part["table"] == "events"),
        "{status}"
    );

    let text = db(&database, &["status"]).await;
    assert_eq!(text.code, Some(0), "{}", text.stderr);
    for words in ["PostgreSQL 1", database.name(), "up to date", "alive", "partitions", "CLOCK"] {
        assert!(text.stdout.contains(words), "no {words} in:\n{}", text.stdout);
    }
    assert!(!text.stdout.contains('\u{1b}'), "colour is for terminals:\n{}", text.stdout);
    let seen =
        ringback(&["status", "--server", one.url()], &[("RINGBACK_API_KEY", ringback_testkit::ADMIN_KEY)])
            .await;
    assert!(seen.stdout.contains("postgres") && seen.stdout.contains("node"), "{}", seen.stdout);
    one.terminate().await;
    two.terminate().await;
}

#[tokio::test]
async fn a_node_that_died_and_one_whose_clock_is_off_need_attention() {
    let database = Database::create();
    let gateway = Gateway::builder(BINARY).database(&database.url()).start().await;
    gateway.kill().await;
    let client = database.connection().await;
    // What it had sent last may still be written.
    let is_alone = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()";
    until("the sessions of the dead to end", || async {
        client.query_one(is_alone, &[]).await.unwrap().get::<_, bool>(0).then_some(())
    })
    .await;
    client.batch_execute("UPDATE nodes SET heartbeat_at = now() - interval '2 minutes'").await.unwrap();
    let done = db(&database, &["status"]).await;
    assert_eq!(done.code, Some(7), "{}\n{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("dead"), "{}", done.stdout);
    assert!(
        done.stderr.contains("attention: node ") && done.stderr.contains("2 minutes ago"),
        "{}",
        done.stderr
    );
    client.batch_execute("UPDATE nodes SET heartbeat_at = now(), clock_ahead_ms = -4500").await.unwrap();
    let done = db(&database, &["status", "--json"]).await;
    assert_eq!(done.code, Some(7), "{}", done.stderr);
    let needs = done.json()["needs"].to_string();
    assert!(needs.contains("4.5 s behind"), "{needs}");
}

#[tokio::test]
async fn a_node_that_died_stays_in_sight_beside_one_that_lives() {
    let database = Database::create();
    let builder = Gateway::builder(BINARY).database(&database.url());
    // One after the other: one that comes last might have come in the place of the one that dies.
    let one = builder.clone().start().await;
    let two = builder.start().await;
    let dead = two.get("/healthz").await["node"].as_str().unwrap().to_owned();
    two.kill().await;
    until("the other one to be buried", || async { one.talk().contains("a node is dead").then_some(()) })
        .await;
    let done = db(&database, &["status", "--json"]).await;
    assert_eq!(done.code, Some(7), "{}", done.stderr);
    let status = done.json();
    let nodes = status["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 2, "{status}");
    let shown = nodes.iter().find(|node| node["id"] == dead.as_str()).unwrap();
    assert_eq!(shown["is_alive"], json!(false));
    assert!(status["needs"].to_string().contains(&dead), "{status}");
    // After an hour it is in sight and nobody's business.
    let client = database.connection().await;
    client.batch_execute("UPDATE dead_nodes SET heartbeat_at = now() - interval '61 minutes'").await.unwrap();
    let done = db(&database, &["status"]).await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.contains("dead") && done.stdout.contains("fsync on"), "{}", done.stdout);
    one.terminate().await;
    let done = db(&database, &["status", "--json"]).await;
    assert_eq!(done.json()["nodes"].as_array().unwrap().len(), 1, "who left is not dead: {}", done.stdout);
}

#[tokio::test]
async fn an_empty_database_gets_its_schema_without_a_node() {
    let database = Database::create();
    let behind = db(&database, &["status"]).await;
    assert_eq!(behind.code, Some(7), "{}", behind.stderr);
    assert!(
        behind.stderr.contains("V1__initial") && behind.stderr.contains("ringback db migrate"),
        "{}",
        behind.stderr
    );
    let migrated = db(&database, &["migrate", "--json"]).await;
    assert_eq!(migrated.json()["applied"], json!(["V1__initial"]));
    assert!(
        migrated.json()["database"].as_str().unwrap().starts_with(database.name()),
        "{}",
        migrated.stdout
    );
    let again = db(&database, &["migrate", "--contract"]).await;
    assert!(again.stdout.contains("up to date"), "{}{}", again.stdout, again.stderr);
    assert_eq!(db(&database, &["status"]).await.code, Some(0));
    let gateway = Gateway::builder(BINARY).database(&database.url()).start().await;
    gateway.terminate().await;
}

#[tokio::test]
async fn a_database_on_which_no_node_of_this_version_starts_needs_attention() {
    let database = Database::create();
    assert_eq!(db(&database, &["migrate"]).await.code, Some(0));
    let client = database.connection().await;
    for (change, words) in [
        ("INSERT INTO refinery_schema_history VALUES (2, 'contract_old', '', '')", "V2__contract_old"),
        (
            "DELETE FROM refinery_schema_history WHERE version = 2; UPDATE refinery_schema_history SET checksum = '1'",
            "is another one",
        ),
    ] {
        client.batch_execute(change).await.unwrap();
        let done = db(&database, &["status"]).await;
        assert_eq!(done.code, Some(7), "{}\n{}", done.stdout, done.stderr);
        assert!(done.stderr.contains("no node of this version starts on it"), "{}", done.stderr);
        assert!(done.stderr.contains(words), "{}", done.stderr);
    }
}

#[tokio::test]
async fn a_table_that_somebody_has_locked_is_said_to_be() {
    let database = Database::create();
    assert_eq!(db(&database, &["migrate"]).await.code, Some(0));
    let client = database.connection().await;
    for table in ["refinery_schema_history", "nodes"] {
        client.batch_execute(&format!("BEGIN; LOCK TABLE {table}")).await.unwrap();
        let done = db(&database, &["status"]).await;
        assert_eq!(done.code, Some(3), "{}\n{}", done.stdout, done.stderr);
        assert!(
            done.stderr.contains("has locked a table") && done.stderr.contains("pg_locks"),
            "{}",
            done.stderr
        );
        assert!(!done.stderr.contains("backup"), "{}", done.stderr);
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn tables_in_another_schema_are_not_made_again() {
    let database = Database::create();
    assert_eq!(db(&database, &["migrate"]).await.code, Some(0));
    database.connection().await.batch_execute("CREATE SCHEMA other").await.unwrap();
    let separator = if database.url().contains('?') { '&' } else { '?' };
    let elsewhere = format!("{}{separator}options=-csearch_path%3Dother", database.url());
    let done = ringback(&["db", "status"], &[("RINGBACK_DATABASE", &elsewhere)]).await;
    assert_eq!(done.code, Some(7), "{}\n{}", done.stdout, done.stderr);
    assert!(done.stderr.contains("tables are in the schema public"), "{}", done.stderr);
    assert!(
        done.stdout.contains("with tables in other") && !done.stderr.contains("db migrate"),
        "{}",
        done.stderr
    );
}

#[tokio::test]
async fn two_addresses_that_lead_to_different_databases_are_found_out() {
    let (one, other) = (Database::create(), Database::create());
    let (at_one, at_other) = (one.url(), other.url());
    let both = [("RINGBACK_DATABASE", &*at_one), ("RINGBACK_DATABASE_SESSION", &*at_other)];
    let done = ringback(&["db", "migrate"], &both).await;
    assert_ne!(done.code, Some(0), "{}", done.stdout);
    assert!(done.stderr.contains("lead to different databases"), "{}", done.stderr);
    let status = ringback(&["db", "status"], &both).await;
    assert_eq!(status.code, Some(7), "{}", status.stderr);
    assert!(status.stderr.contains("lead to different databases"), "{}", status.stderr);
    assert!(
        status.stdout.contains(other.name()) && status.stdout.contains("0 (1 migration behind)"),
        "{}",
        status.stdout
    );
    let nobody =
        [("RINGBACK_DATABASE", "postgres://a@127.0.0.1:1/a"), ("RINGBACK_DATABASE_SESSION", &at_one)];
    let status = ringback(&["db", "status"], &nobody).await;
    assert_eq!(status.code, Some(7), "{}", status.stderr);
    assert!(status.stderr.contains("cannot be reached"), "{}", status.stderr);
}

#[tokio::test]
async fn the_limit_of_connections_that_is_reached_first_is_shown_and_warned_of() {
    let server = OwnServer::start();
    server.admin("CREATE ROLE app LOGIN CONNECTION LIMIT 12; GRANT CREATE ON SCHEMA public TO app");
    let url = server.url().replace("ringback@", "app@");
    let status = async || ringback(&["db", "status", "--json"], &[("RINGBACK_DATABASE", &url)]).await;
    let migrated = ringback(&["db", "migrate"], &[("RINGBACK_DATABASE", &url)]).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
    let done = status().await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.json()["connections"], json!({ "limit_of": "role", "used": 1, "max": 12 }));
    assert_eq!(done.json()["connection_limits"][0]["limit_of"], "server");

    let person = server.connection().await;
    person.batch_execute("ALTER DATABASE postgres CONNECTION LIMIT 2").await.unwrap();
    // The server may not yet have noticed that the connection of the last look is gone.
    until("nobody else to be there", || async {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'";
        (person.query_one(others, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    let done = status().await;
    assert_eq!(done.code, Some(7), "{}", done.stdout);
    assert_eq!(done.json()["connections"]["limit_of"], "database");
    let needs = done.json()["needs"].to_string();
    assert!(needs.contains("of the database's 2 connections") && needs.contains("ALTER DATABASE"), "{needs}");
    let shown = ringback(&["db", "status"], &[("RINGBACK_DATABASE", &url)]).await;
    assert!(shown.stdout.contains("of 2 in use (the database's limit)"), "{}", shown.stdout);
}

#[tokio::test]
async fn a_contraction_by_a_later_version_is_refused_beside_this_one_and_ends_it() {
    let database = Database::create();
    let gateway = Gateway::builder(BINARY).database(&database.url()).start().await;
    let later = Schema::default().followed_by("contract_notes", "SELECT 1").unwrap();
    let address = database.url().parse().unwrap();
    let refused = migrate_to(&address, &later, Migrate::Contract).await.unwrap_err();
    let node = gateway.get("/healthz").await["node"].as_str().unwrap().to_owned();
    assert!(matches!(&refused, OpenError::OlderNodes { nodes, .. } if nodes.contains(&node)), "{refused:?}");
    gateway.terminate().await;
    migrate_to(&address, &later, Migrate::Contract).await.unwrap();
    for args in [&["migrate"] as &[&str], &["migrate", "--contract"]] {
        let done = db(&database, args).await;
        assert_eq!(done.code, Some(1), "{}", done.stdout);
        assert!(done.stderr.contains("V2__contract_notes"), "{}", done.stderr);
    }
    let status = db(&database, &["status"]).await;
    assert!(status.stdout.contains("newer than this Ringback"), "{}{}", status.stdout, status.stderr);
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_without_the_password() {
    let url = "postgres://someone:hunter2@127.0.0.1:1/nowhere";
    for args in [&["db", "status"] as &[&str], &["db", "migrate"]] {
        let done = ringback(args, &[("RINGBACK_DATABASE", url)]).await;
        assert_eq!(done.code, Some(3), "{}", done.stderr);
        assert!(
            done.stderr.contains("nowhere at 127.0.0.1:1, which the setting `database`"),
            "{}",
            done.stderr
        );
        done.hides("hunter2");
        let environment = [("RINGBACK_DATABASE", "postgres://h/d"), ("RINGBACK_DATABASE_SESSION", url)];
        let done = ringback(args, &environment).await;
        assert!(done.stderr.contains("127.0.0.1:1, which the setting `database_session`"), "{}", done.stderr);
    }
    let done = ringback(&["db", "status", "--database", "u:hunter2@h"], &[]).await;
    assert_eq!(done.code, Some(2));
    done.hides("hunter2");
}

#[tokio::test]
async fn what_a_server_refuses_is_told_apart_with_what_to_do() {
    let server = OwnServer::start();
    server.admin("CREATE ROLE app LOGIN PASSWORD 'hunter2'");
    server.admin("CREATE DATABASE closed");
    server.admin("REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
    let of_password = "host all app 127.0.0.1/32 scram-sha-256";
    server.place(
        "pg_hba.conf",
        &format!("local all all trust\n{of_password}\nhost all ringback 127.0.0.1/32 trust\n"),
    );
    server.stop("fast");
    server.start_again();
    let port = server.port();
    for (user, database, says) in [
        ("app:hunter3", "postgres", "refuses the user or the password that the address names"),
        ("app", "postgres", "refuses the user or the password that the address names"),
        ("app:hunter2", "nowhere", "createdb --owner ROLE NAME"),
        ("app:hunter2", "closed", "GRANT CONNECT ON DATABASE"),
        ("someone:hunter2", "postgres", "pg_hba.conf"),
    ] {
        let url = format!("postgres://{user}@127.0.0.1:{port}/{database}");
        for command in ["status", "migrate"] {
            let done = ringback(&["db", command], &[("RINGBACK_DATABASE", &url)]).await;
            assert_eq!(done.code, Some(4), "{user} {database}: {}", done.stderr);
            assert!(done.stderr.contains(says), "{user} {database}: {}", done.stderr);
            assert!(!done.stderr.contains("see that the server runs"), "{}", done.stderr);
            done.hides("hunter");
        }
    }
}

#[tokio::test]
async fn a_limit_of_connections_that_is_reached_needs_attention() {
    let server = OwnServer::start();
    server.admin("CREATE ROLE app LOGIN CONNECTION LIMIT 1");
    let url = server.url().replace("ringback@", "app@");
    let _held = ringback_testkit::postgres::connect(&url).await.unwrap();
    let done = ringback(&["db", "status", "--json"], &[("RINGBACK_DATABASE", &url)]).await;
    assert_eq!(done.code, Some(7), "{}", done.stderr);
    let needs = done.json()["needs"].to_string();
    assert!(needs.contains("all connections that the database server allows are taken"), "{needs}");
    assert!(needs.contains("too many connections for role") && needs.contains("CONNECTION LIMIT"), "{needs}");
    assert!(done.stderr.contains("attention: "), "{}", done.stderr);
    let done = ringback(&["db", "migrate"], &[("RINGBACK_DATABASE", &url)]).await;
    assert_eq!(done.code, Some(4), "{}", done.stderr);
}
