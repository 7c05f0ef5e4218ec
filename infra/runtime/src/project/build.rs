//! Building a view from the store, while nobody reads it: large batches, several pens, reading ahead of writing.

use std::sync::Arc;
use std::time::Duration;

use event_schemas::Envelope;
use kernel::Projection;
use tokio::time::Instant;

use super::ProjectOptions;
use super::fold::Stop;
use super::write::Writer;
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
    Store(#[from] StoreError),
}

/// Folds all that the store holds into a view. At the end one session has the view to itself again.
pub(super) async fn build(
    view: &dyn Projection,
    writer: &mut Writer,
    store: &dyn EventStore,
    options: &ProjectOptions,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(), BuildFailure> {
    let goal = store.head().await?.position;
    if options.build_pens > 1 && goal > writer.position() {
        writer.take_pens(options.build_pens).await?;
    }
    let mut pace = Pace::new(options.build_events_per_second);
    let limit = options.build_batch_events.max(1);
    let mut events = read(store, writer.position(), limit).await?;
    while let Some(last) = events.last().map(|event| event.position) {
        let ahead = async {
            match events.len() < limit {
                true => Ok(Vec::new()),
                false => read(store, last, limit).await,
            }
        };
        let (ahead, written) = tokio::join!(ahead, writer.apply(view, &events));
        if let Some(stop) = written? {
            return Err(BuildFailure::Stopped(stop));
        }
        let position = writer.position();
        let goal = goal.max(position);
        progress(Progress { position, goal });
        pace.keep(events.len()).await;
        events = ahead?;
    }
    writer.drop_pens();
    Ok(())
}

/// The next events of the store, for a fold.
pub(super) async fn read(
    store: &dyn EventStore,
    after: u64,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, StoreError> {
    let events = store.read(after, limit).await?;
    crate::follow::dense(after, &events)?;
    Ok(events.into_iter().map(Arc::new).collect())
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
