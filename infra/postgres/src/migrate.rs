//! Making room: tables, functions and rights, as the owner, in one transaction.
//!
//! Migrations only add. Functions and grants are written anew each time, so that they are always this binary's. A
//! database that postgres-es filled is adopted on the way: [`adopt`].

mod adopt;
mod roles;
mod scripts;

use std::time::Duration;

use event_schemas::Source;
use jangbu_runtime::ports::{StoreError, ViewDefinition};
use kernel::ColumnKind;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use uuid::Uuid;

use crate::error::store_error;

use self::scripts::{FUNCTIONS, MIGRATIONS, run};

pub use roles::Login;

/// After this one, the events of an older store have their new columns but nothing in them.
const ADOPT_AFTER: i32 = 1;

/// For the database to be reached.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// The store's advisory locks: what each is for, within the class of its schema.
pub(crate) const APPEND_LOCK: i32 = 1;
pub(crate) const RELAY_LOCK: i32 = 2;
pub(crate) const MIGRATE_LOCK: i32 = 3;

/// How to make room.
#[derive(Clone, Debug)]
pub struct MigrateOptions {
    /// The schema all of it lies in.
    pub schema: String,
    /// The store's name, as `ce_source` says it.
    pub store: String,
    /// The role that may append and read, without owning anything. Made if it is missing; logins are made its members.
    pub app_role: String,
    /// A login that the application connects as: made if it is missing, and made a member of `app_role`.
    pub login: Option<Login>,
    /// The views this binary knows.
    pub views: Vec<ViewDefinition>,
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self {
            schema: "public".to_owned(),
            store: "mall".to_owned(),
            app_role: "jangbu_app".to_owned(),
            login: None,
            views: Vec::new(),
        }
    }
}

/// What a migration did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The store and its incarnation.
    pub source: Source,
    /// How many migrations were applied.
    pub applied: usize,
    /// How many events of an older store were adopted.
    pub adopted: u64,
}

/// Why room could not be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A name that does not fit into SQL as it stands.
    #[error(
        "{0:?} is no name for a schema or a role; use lower-case letters, digits and underscores"
    )]
    Name(String),
    /// The database was made by a newer binary.
    #[error("the database stands at migration {found}, this binary knows {known}")]
    Newer {
        /// What it stands at.
        found: i32,
        /// What we know.
        known: i32,
    },
    /// The store has another name.
    #[error("the store in this schema is called {found:?}, not {asked:?}")]
    OtherStore {
        /// As it is called.
        found: String,
        /// As it was asked for.
        asked: String,
    },
    /// The database does not take it.
    #[error("the database did not take the migration")]
    Store(#[from] StoreError),
}

/// Brings the database behind `owner_url` to what this binary needs. Running it again changes nothing.
///
/// # Errors
/// See [`MigrateError`]; everything is one transaction, so nothing was changed then.
pub async fn migrate(owner_url: &str, options: &MigrateOptions) -> Result<Migrated, MigrateError> {
    for name in [&options.schema, &options.app_role] {
        check_name(name)?;
    }
    let mut connection = connect(owner_url, &options.schema).await?;
    roles::make(&mut connection, &options.app_role, options.login.as_ref()).await?;

    let mut transaction = connection
        .begin()
        .await
        .map_err(|error| failed("begin", error))?;
    let migrated = in_transaction(&mut transaction, options).await?;
    transaction
        .commit()
        .await
        .map_err(|error| failed("commit", error))?;
    // The rooms are made by the function, under its own lock, as a starting process would do it.
    for view in &options.views {
        make_view(&mut connection, view).await?;
    }
    connection
        .close()
        .await
        .map_err(|error| failed("close", error))?;
    Ok(migrated)
}

async fn in_transaction(
    connection: &mut PgConnection,
    options: &MigrateOptions,
) -> Result<Migrated, MigrateError> {
    run(
        connection,
        options,
        "SELECT pg_advisory_xact_lock({lock_class}, {migrate_lock})",
    )
    .await?;
    run(connection, options, "CREATE SCHEMA IF NOT EXISTS {schema}").await?;
    run(
        connection,
        options,
        "CREATE TABLE IF NOT EXISTS {schema}.migrations (
            number integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())",
    )
    .await?;
    let found: i32 = sqlx::query_scalar("SELECT coalesce(max(number), 0) FROM migrations")
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| failed("look at the migrations", error))?;
    let known = MIGRATIONS.last().map_or(0, |(number, _)| *number);
    if found > known {
        return Err(MigrateError::Newer { found, known });
    }

    let (mut applied, mut adopted) = (0, 0);
    for (number, sql) in MIGRATIONS.iter().filter(|(number, _)| *number > found) {
        run(connection, options, sql).await?;
        sqlx::query("INSERT INTO migrations (number) VALUES ($1)")
            .bind(number)
            .execute(&mut *connection)
            .await
            .map_err(|error| failed("note a migration", error))?;
        if *number == ADOPT_AFTER {
            adopted = adopt::adopt(connection).await?;
        }
        applied += 1;
    }
    for sql in FUNCTIONS {
        run(connection, options, sql).await?;
    }
    let source = name_store(connection, options, adopted).await?;
    Ok(Migrated {
        source,
        applied,
        adopted,
    })
}

/// Gives the store its name and its first incarnation, or makes sure that it is the one that is meant.
async fn name_store(
    connection: &mut PgConnection,
    options: &MigrateOptions,
    head: u64,
) -> Result<Source, MigrateError> {
    let name: String = sqlx::query_scalar(
        "WITH made AS (INSERT INTO store (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING name)
        SELECT name FROM made UNION ALL SELECT name FROM store LIMIT 1",
    )
    .bind(&options.store)
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| failed("name the store", error))?;
    if name != options.store {
        return Err(MigrateError::OtherStore {
            found: name,
            asked: options.store.clone(),
        });
    }
    sqlx::query("INSERT INTO incarnations (number, incarnation, head) VALUES (1, $1, $2) ON CONFLICT DO NOTHING")
        .bind(Uuid::now_v7())
        .bind(head.cast_signed())
        .execute(&mut *connection)
        .await
        .map_err(|error| failed("begin an incarnation", error))?;
    let incarnation =
        sqlx::query("SELECT incarnation FROM incarnations ORDER BY number DESC LIMIT 1")
            .fetch_one(&mut *connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(|error| failed("read the incarnation", error))?;
    Ok(Source {
        store: name,
        incarnation,
    })
}

/// Makes room for a view; does nothing where there is room already.
async fn make_view(connection: &mut PgConnection, view: &ViewDefinition) -> Result<(), StoreError> {
    let (names, kinds) = view_columns(view);
    sqlx::query("SELECT make_view($1, $2, $3, $4, $5)")
        .bind(view.name)
        .bind(view.version.cast_signed())
        .bind(view.shadow)
        .bind(names)
        .bind(kinds)
        .execute(connection)
        .await
        .map_err(|error| failed("make room for a view", error))?;
    Ok(())
}

/// Names and kinds of a view's columns, as make_view() takes them.
pub(crate) fn view_columns(view: &ViewDefinition) -> (Vec<&'static str>, Vec<&'static str>) {
    let kind = |kind: &ColumnKind| match kind {
        ColumnKind::Text => "text",
        ColumnKind::Integer => "integer",
        ColumnKind::Boolean => "boolean",
        ColumnKind::Time => "time",
    };
    view.columns
        .iter()
        .map(|(name, of)| (*name, kind(of)))
        .unzip()
}

/// Opens a connection as the owner, looking at one schema.
pub(crate) async fn connect(owner_url: &str, schema: &str) -> Result<PgConnection, StoreError> {
    let options: PgConnectOptions = owner_url
        .parse()
        .map_err(|error| store_error("read the database URL", error))?;
    let options = options
        .application_name("jangbu migrate")
        .options([("search_path", format!("{schema},pg_temp"))])
        .disable_statement_logging();
    let connected =
        tokio::time::timeout(CONNECT_DEADLINE, PgConnection::connect_with(&options)).await;
    match connected {
        Ok(connected) => connected.map_err(|error| failed("connect", error)),
        Err(_) => Err(crate::error::too_late("connect as the owner")),
    }
}

/// The class of a schema's advisory locks: two stores in one database do not wait for each other.
pub(crate) fn lock_class(schema: &str) -> i32 {
    let digest = Sha256::digest(["jangbu/", schema].concat());
    i32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
}

pub(crate) fn check_name(name: &str) -> Result<(), MigrateError> {
    let fits = |(at, letter): (usize, char)| {
        letter.is_ascii_lowercase() || letter == '_' || (at > 0 && letter.is_ascii_digit())
    };
    if name.is_empty() || name.len() > 63 || !name.chars().enumerate().all(fits) {
        return Err(MigrateError::Name(name.to_owned()));
    }
    Ok(())
}

fn failed(what: &str, error: sqlx::Error) -> StoreError {
    store_error(&format!("migrate: {what}"), error)
}
