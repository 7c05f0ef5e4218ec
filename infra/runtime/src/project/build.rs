//! Building a view from the store, while nobody reads it: large batches, several pens, reading ahead of writing.

use std::sync::Arc;
use std::time::Duration;

use event_schemas::Envelope;
use kernel::Projection;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::ProjectOptions;
use super::desk::{Desk, Taken};
use super::fold::Stop;
use super::write::Writer;
use crate::follow::{FollowError, StoreReader};
use crate::ports::{EventStore, LeaseError, StoreError};

/// How far a build came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Every event up to here is in.
    pub position: u64,
    /// The store's head when the build began, or the position where that is beyond it by now.
    pub goal: u64,
}

/// Why a build did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildFailure {
    #[error("event at position {} cannot be folded: {}", .0.position, .0.why)]
    Stopped(Stop),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Follow(#[from] FollowError),
}

impl From<StoreError> for BuildFailure {
    fn from(error: StoreError) -> Self {
        Self::Follow(error.into())
    }
}

/// Folds all that the store holds into a view. At the end the writer has the view to itself again.
pub(super) async fn build(
    view: &dyn Projection,
    writer: &mut Writer,
    store: &Arc<dyn EventStore>,
    options: &ProjectOptions,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), BuildFailure> {
    let goal = store.head().await?.position;
    let mut desk = None;
    if options.build_pens > 1 && goal > writer.position() {
        let pens = writer.pens(options.build_pens).await?;
        if !pens.is_empty() {
            let most = options.build_in_hand;
            desk = Some(Desk::new(view, pens, writer.position(), most));
        }
    }
    let mut pace = Pace::new(options.build_events_per_second);
    let mut reader = Ahead::new(store, writer.position(), options.build_batch_events);
    loop {
        let events = reader.next().await?;
        let taken = match &mut desk {
            Some(desk) if events.is_empty() => desk.clear_away(writer).await?,
            Some(desk) => desk.take(&events, writer).await?,
            None => match writer.apply(view, &events).await? {
                Some(stop) => return Err(BuildFailure::Stopped(stop)),
                None => Taken::All,
            },
        };
        if let Taken::NotAll = taken {
            // Which event it is, and what comes before it, is found without a desk: from where it was last cleared.
            desk = None;
            reader = Ahead::new(store, writer.position(), options.build_batch_events);
            continue;
        }
        if events.is_empty() {
            return Ok(());
        }
        let position = desk.as_ref().map_or(writer.position(), Desk::position);
        let goal = goal.max(position);
        progress(Progress { position, goal });
        pace.keep(events.len()).await;
    }
}

type Read = (StoreReader, Result<Vec<Arc<Envelope>>, FollowError>);

/// Reads one batch ahead, in a task of its own: decoding rows and folding events take a core each.
struct Ahead {
    reading: JoinSet<Read>,
    most: usize,
}

impl Ahead {
    fn new(store: &Arc<dyn EventStore>, after: u64, most: usize) -> Self {
        let mut ahead = Self {
            reading: JoinSet::new(),
            most,
        };
        ahead.read(StoreReader::new(Arc::clone(store)), after);
        ahead
    }

    fn read(&mut self, mut reader: StoreReader, after: u64) {
        let most = self.most;
        self.reading.spawn(async move {
            let events = reader.read(after, most).await;
            (reader, events)
        });
    }

    async fn next(&mut self) -> Result<Vec<Arc<Envelope>>, FollowError> {
        let read = self.reading.join_next().await;
        let (reader, events) = match read.expect("a batch is being read, until the last") {
            Ok(read) => read,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let events = events?;
        if let Some(last) = events.last() {
            self.read(reader, last.position);
        }
        Ok(events)
    }
}

/// Holds a build to a number of events per second, so that those who serve have the store too.
struct Pace {
    begun: Instant,
    done: u64,
    per_second: Option<u32>,
}

impl Pace {
    fn new(per_second: Option<u32>) -> Self {
        Self {
            begun: Instant::now(),
            done: 0,
            per_second,
        }
    }

    async fn keep(&mut self, events: usize) {
        let Some(per_second) = self.per_second else {
            return;
        };
        self.done += events as u64;
        let due = Duration::from_millis(self.done * 1_000 / u64::from(per_second.max(1)));
        tokio::time::sleep_until(self.begun + due).await;
    }
}
