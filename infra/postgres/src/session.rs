//! One session with the server: opened, made sure of, and asked with a deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use event_schemas::Source;
use jangbu_runtime::ports::StoreError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use uuid::Uuid;

use crate::error::{is_rolled_back, refused, said, store_error, too_late};
use crate::known::{Asked, Found, Known, Standing, Witness};

/// To connect and to make sure of the store.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// For one statement. The server may still be at work on it afterwards.
pub(crate) const STATEMENT_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

/// How to open a session, and what it must find.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) options: PgConnectOptions,
    pub(crate) known: Arc<Known>,
}

/// The server's process behind a session, told apart from a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    pub(crate) started: DateTime<Utc>,
}

/// A session. After an error that leaves its state in doubt, or a call that was dropped half-way, it is broken.
pub(crate) struct Session {
    connection: PgConnection,
    known: Arc<Known>,
    pub(crate) backend: Backend,
    broken: bool,
    in_transaction: bool,
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
        .statement_cache_capacity(256)
        .disable_statement_logging())
}

impl Door {
    /// Opens a session whose answers may be used: the newest event we were told of stands in the store.
    pub(crate) async fn open(&self) -> Result<Session, StoreError> {
        let (connection, backend) = within(CONNECT_DEADLINE, "connect", self.connect()).await??;
        Ok(Session {
            connection,
            known: Arc::clone(&self.known),
            backend,
            broken: false,
            in_transaction: false,
        })
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

impl Session {
    /// True if nobody else may use it.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken || self.in_transaction
    }

    /// Begins a transaction. A session that is dropped in one is not used again.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        self.command("BEGIN").await?;
        self.in_transaction = true;
        Ok(())
    }

    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.command("COMMIT").await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Every row of one statement; the statement is over and committed when they are here.
    pub(crate) async fn rows(
        &mut self,
        what: &str,
        query: Statement<'_>,
    ) -> Result<Vec<PgRow>, StoreError> {
        self.try_rows(query)
            .await
            .map_err(|failure| failure.into_store_error(what))
    }

    /// The first row of one statement.
    pub(crate) async fn row(
        &mut self,
        what: &str,
        query: Statement<'_>,
    ) -> Result<Option<PgRow>, StoreError> {
        Ok(self.rows(what, query).await?.into_iter().next())
    }

    /// How many rows a statement touched.
    pub(crate) async fn execute(
        &mut self,
        what: &str,
        query: Statement<'_>,
    ) -> Result<u64, StoreError> {
        let asked = self.enter();
        asked.map_err(|failure| failure.into_store_error(what))?;
        let answer =
            tokio::time::timeout(STATEMENT_DEADLINE, query.execute(&mut self.connection)).await;
        let done = self
            .leave(answer)
            .map_err(|failure| failure.into_store_error(what))?;
        Ok(done.rows_affected())
    }

    /// A statement without parameters, as text: BEGIN, COMMIT, ROLLBACK.
    pub(crate) async fn command(&mut self, sql: &'static str) -> Result<(), StoreError> {
        self.enter()
            .map_err(|failure| failure.into_store_error(sql))?;
        let answer = tokio::time::timeout(STATEMENT_DEADLINE, self.connection.execute(sql)).await;
        self.leave(answer)
            .map_err(|failure| failure.into_store_error(sql))
            .map(|_| ())
    }

    /// Like [`Self::rows`], for whoever must know what the failure means.
    pub(crate) async fn try_rows(&mut self, query: Statement<'_>) -> Result<Vec<PgRow>, Failure> {
        self.enter()?;
        let answer =
            tokio::time::timeout(STATEMENT_DEADLINE, query.fetch_all(&mut self.connection)).await;
        self.leave(answer)
    }

    /// Marks the session broken until [`Self::leave`]: a call that is dropped half-way leaves it so.
    fn enter(&mut self) -> Result<(), Failure> {
        if self.broken {
            return Err(Failure::Gone);
        }
        // Broken also where history forked: whoever asks next gets a new session, which sees whether that is mended.
        self.broken = true;
        self.known.stands().map_err(Failure::Forked)
    }

    fn leave<T>(
        &mut self,
        answer: Result<Result<T, sqlx::Error>, tokio::time::error::Elapsed>,
    ) -> Result<T, Failure> {
        match answer {
            Ok(Ok(value)) => {
                self.broken = false;
                self.known.stands().map_err(Failure::Forked)?;
                Ok(value)
            }
            Ok(Err(error)) => {
                self.broken = !is_rolled_back(&error);
                Err(Failure::Driver(error))
            }
            Err(_) => Err(Failure::TooLate),
        }
    }

    /// Says goodbye to the server; dropping would leave it to notice by itself.
    pub(crate) async fn close(self) {
        if !self.is_broken() {
            let _ = tokio::time::timeout(CONNECT_DEADLINE, self.connection.close()).await;
        }
    }
}

/// Why a statement has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The session broke earlier; nothing was sent.
    Gone,
    /// History was restored under us.
    Forked(StoreError),
    /// The driver or the server says so.
    Driver(sqlx::Error),
    /// The deadline passed.
    TooLate,
}

impl Failure {
    pub(crate) fn into_store_error(self, what: &str) -> StoreError {
        match self {
            Self::Gone => StoreError::Unreachable {
                what: format!("{what}: the session broke"),
                source: None,
            },
            Self::Forked(forked) => forked,
            Self::Driver(error) => store_error(what, error),
            Self::TooLate => too_late(what),
        }
    }
}

/// Waits for something, but not for ever.
pub(crate) async fn within<T>(
    deadline: Duration,
    what: &str,
    work: impl Future<Output = T>,
) -> Result<T, StoreError> {
    tokio::time::timeout(deadline, work)
        .await
        .map_err(|_| too_late(what))
}
