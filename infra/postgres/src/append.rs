//! The connection that appends: one batch at a time, one statement, one round trip.

mod batch;
mod checked;
mod recover;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use event_schemas::Envelope;
use jangbu_runtime::ports::{
    AppendError, Appended, Appender, Entry, FastOutcome, Judged, StoreError, Stream,
};
use sqlx::postgres::PgRow;
use sqlx::query;
use uuid::Uuid;

use crate::array::{Array, Json, RawJson};
use crate::envelope::{get, number};
use crate::error::{CHECK_FAILED, is_rolled_back, refused, said, store_error};
use crate::postgres::Postgres;
use crate::session::{Backend, Failure, Session, Statement};

pub(crate) use batch::Batch;

const APPEND: &str = "SELECT first_position, written_at, contended_types, contended_ids
    FROM append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";

const APPEND_WITH_SNAPSHOT: &str = "SELECT first_position, written_at, NULL::text[], NULL::text[]
    FROM append_with_snapshot($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)";

/// A position stands twice, or a block: nothing mends that.
const POSITION_KEYS: [&str; 2] = ["events_position_key", "blocks_pkey"];

/// See [`Appender`].
pub(crate) struct PostgresAppender {
    // The handle, not just what it shares: the tasks that announce live as long as somebody appends.
    store: Postgres,
    session: Option<Session>,
    /// A backend that may still be at work on an append whose answer we did not get.
    lost: Option<Backend>,
}

impl PostgresAppender {
    pub(crate) async fn open(store: Postgres) -> Result<Self, StoreError> {
        let session = store.shared.door.open().await?;
        Ok(Self {
            store,
            session: Some(session),
            lost: None,
        })
    }

    /// Sends an append; tells apart what certainly failed from what nobody knows.
    async fn send(&mut self, statement: Statement<'_>) -> Result<Sent, AppendError> {
        if self.lost.is_some() {
            let what = "append: an earlier one is still to be recovered".to_owned();
            return Err(AppendError::Unknown(StoreError::Unreachable {
                what,
                source: None,
            }));
        }
        let mut session = match self.session.take() {
            Some(session) if !session.is_broken() => session,
            _ => self.store.shared.door.open().await.map_err(not_done)?,
        };
        let outcome = session.try_rows(statement).await;
        let backend = session.backend;
        if !session.is_broken() {
            self.session = Some(session);
        }
        match outcome {
            Ok(rows) => rows
                .into_iter()
                .next()
                .map(Sent::Answer)
                .ok_or_else(|| unknown_row(self, backend)),
            Err(Failure::Driver(error)) if is_rolled_back(&error) => judge(error),
            Err(Failure::Forked(forked)) => Err(AppendError::Fatal(forked)),
            // It never reached the server.
            Err(failure @ (Failure::Gone | Failure::Driver(sqlx::Error::Encode(_)))) => {
                Err(AppendError::NotDone(failure.into_store_error("append")))
            }
            Err(failure) => {
                self.lost = Some(backend);
                Err(AppendError::Unknown(failure.into_store_error("append")))
            }
        }
    }

    fn told(&self, batch: &[Entry], first: u64) {
        let amount: usize = batch.iter().map(|entry| entry.events.len()).sum();
        let last = batch.iter().rev().find_map(|entry| entry.events.last());
        if let Some(last) = last {
            self.store
                .shared
                .known()
                .told(first + amount as u64 - 1, last.event_id);
        }
    }
}

/// What the server made of an append.
enum Sent {
    Answer(PgRow),
    /// A check did not hold, or the data were refused; nothing was stored.
    Failed,
}

fn unknown_row(appender: &mut PostgresAppender, backend: Backend) -> AppendError {
    appender.lost = Some(backend);
    AppendError::Unknown(refused("append: an answer without a row"))
}

fn not_done(error: StoreError) -> AppendError {
    match error {
        forked @ StoreError::Forked { .. } => AppendError::Fatal(forked),
        other => AppendError::NotDone(other),
    }
}

/// The server rolled an append back, and says why.
fn judge(error: sqlx::Error) -> Result<Sent, AppendError> {
    let Some(said) = said(&error) else {
        return Err(AppendError::NotDone(store_error("append", error)));
    };
    let constraint = said.constraint().unwrap_or_default();
    let is_data = ["22", "23", "54"]
        .iter()
        .any(|class| said.code().starts_with(class));
    if POSITION_KEYS.contains(&constraint) {
        Err(AppendError::Fatal(store_error("append", error)))
    } else if said.code() == CHECK_FAILED || is_data {
        Ok(Sent::Failed)
    } else {
        Err(AppendError::NotDone(store_error("append", error)))
    }
}

/// Reads the columns `written_at`, `contended_types` and `contended_ids`, which stand one after the other.
fn time_and_contended(row: &PgRow, at: usize) -> Result<(DateTime<Utc>, Vec<Stream>), StoreError> {
    let types: Option<Vec<String>> = get(row, at + 1)?;
    let ids: Option<Vec<String>> = get(row, at + 2)?;
    let streams = types.into_iter().flatten().zip(ids.into_iter().flatten());
    Ok((
        get(row, at)?,
        streams
            .map(|(aggregate, id)| Stream::new(aggregate, id))
            .collect(),
    ))
}

fn appended(row: &PgRow) -> Result<Appended, StoreError> {
    let (recorded_at, contended) = time_and_contended(row, 1)?;
    Ok(Appended {
        first: number(row, 0)?,
        recorded_at,
        contended,
    })
}

/// The parameters that both statements share.
fn bind<'q>(statement: Statement<'q>, batch: &'q Batch<'_>, root: &'q [u8; 32]) -> Statement<'q> {
    let Batch { events, checks, .. } = batch;
    statement
        .bind(Utc::now())
        .bind(&root[..])
        .bind(Array(
            events.iter().map(|(_, event)| &*event.stream.aggregate),
        ))
        .bind(Array(events.iter().map(|(_, event)| &*event.stream.id)))
        .bind(Array(
            events.iter().map(|(_, event)| event.sequence.cast_signed()),
        ))
        .bind(Array(events.iter().map(|(_, event)| &*event.name)))
        .bind(Array(events.iter().map(|(_, event)| &*event.version)))
        .bind(Array(events.iter().map(|(_, event)| Json(&event.payload))))
        .bind(Array(events.iter().map(|(_, event)| Json(&event.metadata))))
        .bind(Array(events.iter().map(|(_, event)| event.event_id)))
        .bind(Array(events.iter().map(|(entry, _)| entry.command_id)))
        .bind(Array(
            events.iter().map(|(_, event)| event.ordinal.cast_signed()),
        ))
        .bind(Array(events.iter().map(|(_, event)| &event.leaf)))
        .bind(Array(checks.iter().map(|check| &*check.stream.aggregate)))
        .bind(Array(checks.iter().map(|check| &*check.stream.id)))
        .bind(Array(
            checks.iter().map(|check| check.present.cast_signed()),
        ))
        .bind(Array(checks.iter().map(|check| check.absent.cast_signed())))
}

/// A snapshot of an aggregate written for cqrs-es.
pub(crate) struct KeptSnapshot {
    pub(crate) version: u64,
    /// How many there were, with this one.
    pub(crate) number: u64,
    pub(crate) state: Vec<u8>,
}

impl PostgresAppender {
    /// Stores one entry and, in the same transaction, the snapshot of its aggregate.
    pub(crate) async fn append_one(
        &mut self,
        entry: &Entry,
        snapshot: Option<&KeptSnapshot>,
    ) -> Result<FastOutcome, AppendError> {
        let entries = std::slice::from_ref(entry);
        let Some(snapshot) = snapshot else {
            return self.append(entries).await;
        };
        let Some(batch) = Batch::of(entries, true) else {
            return Ok(FastOutcome::Failed);
        };
        let root = batch.root();
        let statement = query(APPEND_WITH_SNAPSHOT)
            .bind(&*entry.stream.aggregate)
            .bind(&*entry.stream.id)
            .bind(snapshot.version.cast_signed())
            .bind(snapshot.number.cast_signed())
            .bind(RawJson(&snapshot.state));
        let statement = bind(statement, &batch, &root);
        let history = self.store.shared.known().incarnation();
        let sent = self.send(statement).await?;
        self.outcome(entries, sent, history)
    }

    /// `sent_to` is the history that was known when the batch went out: its events are of that one.
    fn outcome(
        &self,
        entries: &[Entry],
        sent: Sent,
        sent_to: Option<Uuid>,
    ) -> Result<FastOutcome, AppendError> {
        let Sent::Answer(row) = sent else {
            return Ok(FastOutcome::Failed);
        };
        // It is stored; an answer that cannot be read must not pass for one that says no.
        let appended = appended(&row).map_err(AppendError::Fatal)?;
        self.told(entries, appended.first);
        if let Some(history) = sent_to {
            let shared = &self.store.shared;
            shared
                .recent
                .appended(history, &shared.names, entries, &appended);
        }
        Ok(FastOutcome::Appended(appended))
    }
}

#[async_trait]
impl Appender for PostgresAppender {
    async fn append(&mut self, entries: &[Entry]) -> Result<FastOutcome, AppendError> {
        let Some(batch) = Batch::of(entries, self.store.shared.check_everything) else {
            return Ok(FastOutcome::Failed);
        };
        let root = batch.root();
        let statement =
            bind(query(APPEND), &batch, &root).bind(Array(batch.unknown.iter().copied()));
        let history = self.store.shared.known().incarnation();
        let sent = self.send(statement).await?;
        self.outcome(entries, sent, history)
    }

    async fn append_checked(&mut self, entries: &[Entry]) -> Result<Judged, AppendError> {
        self.judge_each(entries).await
    }

    async fn recover(&mut self) -> Result<(), StoreError> {
        self.recover_session().await
    }

    async fn look_up(&mut self, command_ids: &[Uuid]) -> Result<Vec<Envelope>, StoreError> {
        let shared = std::sync::Arc::clone(&self.store.shared);
        let session = match &mut self.session {
            Some(session) if !session.is_broken() => session,
            none => none.insert(shared.door.open().await?),
        };
        shared.facts_on(session, command_ids).await
    }
}
