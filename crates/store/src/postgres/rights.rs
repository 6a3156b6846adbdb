//! What the nodes' role must be allowed: to make tables in a schema, and to add partitions to those that are
//! there.

use tokio_postgres::{Client, Error};

use super::Refused;
use super::address::PostgresAddress;
use crate::error::OpenError;

const SCHEMA: &str = "\
    SELECT quote_ident(current_user), current_setting('search_path'), quote_ident(current_schema()), \
           coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)";

/// Where the role looks for tables, if only it might.
const CLOSED: &str = "\
    SELECT quote_ident(n.nspname) FROM unnest(string_to_array(current_setting('search_path'), ',')) WITH ORDINALITY AS s (name, place) \
    JOIN pg_namespace AS n ON n.nspname = replace(btrim(s.name, ' \"'), '$user', current_user) ORDER BY s.place LIMIT 1";

/// A table that is not the role's, nor that of one whose member it is.
const OTHERS: &str = "\
    SELECT t.name, quote_ident(pg_get_userbyid(c.relowner)) \
    FROM unnest(ARRAY['events', 'attempts', 'refinery_schema_history']) AS t (name) \
    JOIN pg_class AS c ON c.oid = to_regclass(t.name) WHERE NOT pg_has_role(c.relowner, 'USAGE') LIMIT 1";

/// Refuses a role that could not bring the schema up to date, or that would fail when a partition is due.
pub(super) async fn check(client: &Client, address: &PostgresAddress) -> Result<(), OpenError> {
    let failed = |error: Error| Refused::of(address).by(error);
    let database = address.to_string();
    let row = client.query_one(SCHEMA, &[]).await.map_err(failed)?;
    let role: String = row.get(0);
    let Some(schema) = row.get(2) else {
        let closed = client.query_opt(CLOSED, &[]).await.map_err(failed)?;
        return Err(match closed {
            Some(closed) => OpenError::NoRights { database, role, schema: closed.get(0) },
            None => OpenError::NoSchema { database, role, search_path: row.get(1) },
        });
    };
    if !row.get::<_, bool>(3) {
        return Err(OpenError::NoRights { database, role, schema });
    }
    match client.query_opt(OTHERS, &[]).await.map_err(failed)? {
        Some(row) => Err(OpenError::NotOwner { database, role, table: row.get(0), owner: row.get(1) }),
        None => Ok(()),
    }
}
