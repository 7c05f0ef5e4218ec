//! How a session is opened, and made sure of: it must be our store, and what we were told must stand there.

use std::sync::Arc;

use event_schemas::Source;
use jangbu_runtime::ports::StoreError;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use uuid::Uuid;

use super::{Backend, CONNECT_DEADLINE, Session, within};
use crate::error::{refused, said, store_error};
use crate::known::{Asked, Found, Known, Standing, Witness};

/// How to open a session, and what it must find.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) options: PgConnectOptions,
    pub(crate) known: Arc<Known>,
}

/// The options of every session: whose tables, and when to give up a client that froze.
pub(crate) fn options(url: &str, schema: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions = url
        .parse()
        .map_err(|error| store_error("read the database URL", error))?;
    let named = options.get_application_name().is_some();
    let options = if named {
        options
    } else {
        options.application_name("jangbu")
    };
    Ok(options
        // Temporary tables come last, so that none can stand in front of ours.
        .options([("search_path", format!("{schema},pg_temp"))])
        // A frozen leader or a cut cable must let its locks go within seconds, not hours.
        .options([
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "5"),
            ("tcp_user_timeout", "15000"),
        ])
        // Every statement of the hot path looks into an index, once for each element of its arrays, and is the same
        // whatever they hold: it is planned once for each session. Left to itself the server plans anew whenever the
        // arrays are shorter than it had guessed, which for one command takes longer than carrying it out.
        .options([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("jit", "off"),
        ])
        .statement_cache_capacity(256)
        .disable_statement_logging())
}

impl Door {
    /// For statements whose best plan depends on what is asked for, searches and pages: planned each time.
    pub(crate) fn planning_anew(&self) -> Self {
        let options = self.options.clone().options([
            ("plan_cache_mode", "force_custom_plan"),
            ("enable_seqscan", "on"),
            ("enable_bitmapscan", "on"),
        ]);
        Self {
            options,
            known: Arc::clone(&self.known),
        }
    }

    /// Opens a session whose answers may be used: the newest event we were told of stands in the store.
    pub(crate) async fn open(&self) -> Result<Session, StoreError> {
        let (connection, backend) = within(CONNECT_DEADLINE, "connect", self.connect()).await??;
        Ok(Session::new(connection, Arc::clone(&self.known), backend))
    }

    async fn connect(&self) -> Result<(PgConnection, Backend), StoreError> {
        let connected = PgConnection::connect_with(&self.options).await;
        let mut connection = connected.map_err(|error| store_error("connect", error))?;
        let backend = self.make_sure(&mut connection).await?;
        Ok((connection, backend))
    }

    /// Finds out whose connection this is, and whether the newest event we were told of stands there.
    pub(crate) async fn make_sure(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Backend, StoreError> {
        loop {
            // Few rounds: each means that another connection found a new incarnation meanwhile.
            let asked = self.known.ask();
            let (found, backend) = look(connection, asked).await?;
            if self.known.found(asked, found)? == Standing::Stands {
                return Ok(backend);
            }
        }
    }
}

async fn look(connection: &mut PgConnection, asked: Asked) -> Result<(Found, Backend), StoreError> {
    let row = sqlx::query(
        "SELECT s.name, i.incarnation, i.number, a.pid, a.backend_start,
            (SELECT e.event_id FROM events e WHERE e.position = $1) AS event_id,
            n.position AS newest, n.event_id AS newest_id
        FROM store s CROSS JOIN (SELECT incarnation, number FROM incarnations ORDER BY number DESC LIMIT 1) i
            CROSS JOIN pg_stat_activity a
            LEFT JOIN (SELECT position, event_id FROM events ORDER BY position DESC LIMIT 1) n ON true
        WHERE a.pid = pg_backend_pid()",
    )
    .bind(asked.witness.map(|witness| witness.position.cast_signed()))
    .fetch_optional(connection)
    .await
    .map_err(|error| {
        if is_not_migrated(&error) {
            no_store()
        } else {
            unsure(error)
        }
    })?
    .ok_or_else(no_store)?;
    let found = Found {
        source: Source {
            store: row.try_get("name").map_err(unsure)?,
            incarnation: row.try_get("incarnation").map_err(unsure)?,
        },
        incarnation: row.try_get("number").map_err(unsure)?,
        event_id: row.try_get("event_id").map_err(unsure)?,
        newest: newest(&row).map_err(unsure)?,
    };
    let backend = Backend {
        pid: row.try_get("pid").map_err(unsure)?,
        started: row.try_get("backend_start").map_err(unsure)?,
    };
    Ok((found, backend))
}

fn newest(row: &PgRow) -> Result<Option<Witness>, sqlx::Error> {
    let position: Option<i64> = row.try_get("newest")?;
    let event_id: Option<Uuid> = row.try_get("newest_id")?;
    Ok(position.zip(event_id).map(|(position, event_id)| Witness {
        position: position.cast_unsigned(),
        event_id,
    }))
}

fn unsure(error: sqlx::Error) -> StoreError {
    store_error("make sure of the store", error)
}

/// True if there is no such table, or no right to look at it.
fn is_not_migrated(error: &sqlx::Error) -> bool {
    said(error).is_some_and(|said| ["42P01", "3F000"].contains(&said.code()))
}

fn no_store() -> StoreError {
    refused("there is no store here yet; run `jangbu migrate`")
}
