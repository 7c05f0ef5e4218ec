//! One session with the server: opened, made sure of, and asked with a deadline.

mod door;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jangbu_runtime::ports::StoreError;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Connection, Executor, PgConnection};

use crate::error::{is_rolled_back, store_error, too_late};
use crate::known::Known;
pub(crate) use door::{Door, options};

/// To connect and to make sure of the store.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// For one statement. The server may still be at work on it afterwards.
pub(crate) const STATEMENT_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) type Statement<'q> = Query<'q, sqlx::Postgres, PgArguments>;

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

impl Session {
    fn new(connection: PgConnection, known: Arc<Known>, backend: Backend) -> Self {
        Self {
            connection,
            known,
            backend,
            broken: false,
            in_transaction: false,
        }
    }

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
