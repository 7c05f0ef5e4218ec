//! Our store as cqrs-es sees one, so that `CqrsFramework` runs on it.
//!
//! One aggregate's events and its snapshot are read by postgres-es itself, from the same tables. Writing goes through
//! our append, and replays are ours: theirs end silently when the database fails, and they order by sequence alone.

mod persist;
mod shape;

use std::time::Duration;

use cqrs_es::Aggregate;
use cqrs_es::persist::{
    PersistedEventRepository, PersistenceError, ReplayFeed, ReplayStream, SerializedEvent,
    SerializedSnapshot,
};
use event_schemas::Envelope;
use jangbu_runtime::ports::{EventFilter, StoreError};
use postgres_es::PostgresEventRepository;
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::Mutex;

use crate::append::PostgresAppender;
use crate::postgres::Postgres;

use shape::Shape;

/// Connections that postgres-es reads on.
const READ_CONNECTIONS: u32 = 4;
/// For one of them to come free.
const ACQUIRE_DEADLINE: Duration = Duration::from_secs(5);
/// Events of a replay that wait for their reader.
const REPLAY_QUEUE: usize = 200;
/// Events that a replay reads at once.
const REPLAY_PAGE: usize = 500;

/// The events of one aggregate type, to be given to a `cqrs_es::persist::PersistedEventStore`.
pub struct Repository {
    store: Postgres,
    reads: PostgresEventRepository,
    // One append at a time: under the store's lock there could be no more.
    appender: Mutex<PostgresAppender>,
    shape: Shape,
}

impl Repository {
    /// For one of our aggregates (`Root<A>`): its events lie plain in the store, and are wrapped for cqrs-es in an object
    /// with their name.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn ours<A: kernel::Aggregate>(store: &Postgres) -> Result<Self, StoreError> {
        Self::shaped(store, Shape::ours::<A>()).await
    }

    /// For an aggregate written for cqrs-es: its events keep their own JSON.
    ///
    /// # Errors
    /// If the database cannot be reached.
    pub async fn plain(store: &Postgres) -> Result<Self, StoreError> {
        Self::shaped(store, Shape::Plain).await
    }

    async fn shaped(store: &Postgres, shape: Shape) -> Result<Self, StoreError> {
        let door = store.shared.door.clone();
        let options = door.options.clone();
        let pool = PgPoolOptions::new()
            .max_connections(READ_CONNECTIONS)
            .acquire_timeout(ACQUIRE_DEADLINE)
            .after_connect(move |connection, _| {
                let door = door.clone();
                Box::pin(async move {
                    // Whether history forked is kept by `Known`, where every answer is held against it.
                    door.make_sure(connection)
                        .await
                        .map(|_| ())
                        .or_else(|error| match error {
                            StoreError::Forked { .. } => Ok(()),
                            other => Err(sqlx::Error::Configuration(Box::new(other))),
                        })
                })
            })
            .connect_lazy_with(options);
        Ok(Self {
            store: store.clone(),
            reads: PostgresEventRepository::new(pool),
            appender: Mutex::new(PostgresAppender::open(store.clone()).await?),
            shape,
        })
    }

    fn stands(&self) -> Result<(), PersistenceError> {
        self.store
            .shared
            .known()
            .stands()
            .map_err(persistence_error)
    }

    fn read(&self, events: Vec<SerializedEvent>) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.stands()?;
        events
            .into_iter()
            .map(|event| self.shape.read(event))
            .collect()
    }

    /// Feeds what a filter lets through, in the order of the ledger; an error is the last thing the reader hears.
    fn replay(&self, filter: EventFilter) -> ReplayStream {
        let (mut feed, stream) = ReplayStream::new(REPLAY_QUEUE);
        let (store, shape) = (self.store.clone(), self.shape);
        self.store.spawn(async move {
            if let Err(error) = feed_all(&store, shape, &filter, &mut feed).await {
                // Nobody listens any more, or this is the last they hear.
                let _ = feed.push(Err(error)).await;
            }
        });
        stream
    }
}

async fn feed_all(
    store: &Postgres,
    shape: Shape,
    filter: &EventFilter,
    feed: &mut ReplayFeed,
) -> Result<(), PersistenceError> {
    let mut after = 0;
    loop {
        let (events, looked) = store
            .shared
            .search(filter, after, REPLAY_PAGE)
            .await
            .map_err(persistence_error)?;
        for event in events {
            let event = shape.read(serialized(event)?)?;
            if feed.push(Ok(event)).await.is_err() {
                return Ok(());
            }
        }
        if looked == after {
            return Ok(());
        }
        after = looked;
    }
}

fn serialized(event: Envelope) -> Result<SerializedEvent, PersistenceError> {
    Ok(SerializedEvent::new(
        event.id,
        usize::try_from(event.sequence).unwrap_or(usize::MAX),
        event.aggregate.to_string(),
        event.name.to_string(),
        event.version.to_string(),
        serde_json::from_slice(&event.payload)?,
        serde_json::from_slice(&event.metadata)?,
    ))
}

/// What cqrs-es knows of our errors.
fn persistence_error(error: StoreError) -> PersistenceError {
    if error.is_transient() {
        PersistenceError::ConnectionError(Box::new(error))
    } else {
        PersistenceError::UnknownError(Box::new(error))
    }
}

impl PersistedEventRepository for Repository {
    async fn get_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.read(self.reads.get_events::<A>(aggregate_id).await?)
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.read(
            self.reads
                .get_last_events::<A>(aggregate_id, last_sequence)
                .await?,
        )
    }

    async fn get_snapshot<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        let snapshot = self.reads.get_snapshot::<A>(aggregate_id).await?;
        self.stands()?;
        Ok(snapshot)
    }

    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        self.persist_as(A::TYPE, events, snapshot_update).await
    }

    async fn stream_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
    ) -> Result<ReplayStream, PersistenceError> {
        Ok(self.replay(EventFilter {
            aggregate: Some(A::TYPE.to_owned()),
            aggregate_id: Some(aggregate_id.to_owned()),
            ..EventFilter::default()
        }))
    }

    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        Ok(self.replay(EventFilter {
            aggregate: Some(A::TYPE.to_owned()),
            ..EventFilter::default()
        }))
    }
}
