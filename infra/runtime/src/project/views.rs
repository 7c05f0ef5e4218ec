//! Reading views: which version answers, and waiting until it has what the reader wrote.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kernel::Projection;
use tokio::time::Instant;

use super::definition_of;
use crate::ports::{
    Arrivals, Documents, EventStore, Page, Query, Read, StoreError, ViewDefinition,
};

/// Which version readers see is asked again after this time: by then another may have taken over.
const VERSION_KNOWN_FOR: Duration = Duration::from_secs(1);

/// How fresh an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// It must be of this position or a later one.
    pub min_position: Option<u64>,
    /// Wait at most so long for it.
    pub wait: Duration,
}

impl Freshness {
    /// So long, if the reader does not say.
    pub const WAIT: Duration = Duration::from_secs(2);
    /// So long at most, whatever the reader says.
    pub const MOST: Duration = Duration::from_secs(30);

    /// As of a position, waiting as long as the reader says, within limits.
    #[must_use]
    pub fn new(min_position: Option<u64>, wait: Option<Duration>) -> Self {
        Self {
            min_position,
            wait: wait.unwrap_or(Self::WAIT).min(Self::MOST),
        }
    }
}

impl Default for Freshness {
    fn default() -> Self {
        Self::new(None, None)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// There is no such view.
    #[error("there is no view {0:?}")]
    Unknown(String),
    /// No version that this binary knows has taken over yet.
    #[error("view {view} is being built and stands at {position}")]
    Building {
        /// The view.
        view: &'static str,
        /// How far it is.
        position: u64,
    },
    /// The view did not come so far in time.
    #[error("view {view} stands at {reached}, not yet at {asked}")]
    Behind {
        /// The view.
        view: &'static str,
        /// What was asked for.
        asked: u64,
        /// Where it stands.
        reached: u64,
        /// It stopped there, and why.
        stopped: Option<(u64, String)>,
    },
    /// Nothing is stored there.
    #[error("the store ends at {head}, before {asked}")]
    BeyondHead {
        /// What was asked for.
        asked: u64,
        /// Where the store ends.
        head: u64,
    },
    /// The store gave no answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads views.
pub struct Views {
    /// By name, then by version.
    views: BTreeMap<&'static str, BTreeMap<u32, View>>,
    documents: Arc<dyn Documents>,
    store: Arc<dyn EventStore>,
    arrivals: Arrivals,
    /// The version that readers see, and when that was asked.
    current: Mutex<BTreeMap<&'static str, (u32, Instant)>>,
}

struct View {
    projection: Arc<dyn Projection>,
    definition: ViewDefinition,
}

impl Views {
    /// A reader of these views.
    #[must_use]
    pub fn new(
        views: &[Arc<dyn Projection>],
        documents: Arc<dyn Documents>,
        store: Arc<dyn EventStore>,
    ) -> Self {
        let mut by_name: BTreeMap<&'static str, BTreeMap<u32, View>> = BTreeMap::new();
        for projection in views {
            let view = View {
                projection: Arc::clone(projection),
                definition: definition_of(&**projection),
            };
            let versions = by_name.entry(projection.name()).or_default();
            versions.insert(projection.version(), view);
        }
        Self {
            views: by_name,
            documents,
            arrivals: store.arrivals(),
            store,
            current: Mutex::default(),
        }
    }

    /// The view that answers to a name just now: its columns are those a query may name.
    ///
    /// # Errors
    /// [`ViewError::Unknown`], [`ViewError::Building`] or [`ViewError::Store`].
    pub async fn serving(&self, view: &str) -> Result<&Arc<dyn Projection>, ViewError> {
        Ok(&self.find(view).await?.projection)
    }

    /// One document.
    ///
    /// # Errors
    /// See [`ViewError`].
    pub async fn get(
        &self,
        view: &str,
        key: &str,
        fresh: Freshness,
    ) -> Result<Read<Option<Vec<u8>>>, ViewError> {
        let wait = self.begin(view, fresh).await?;
        loop {
            let view = self.wait(view, &wait).await?;
            let read = self.documents.get(view, key).await?;
            if wait.is_met(read.position) {
                return Ok(read);
            }
        }
    }

    /// A page of documents.
    ///
    /// # Errors
    /// See [`ViewError`].
    pub async fn page(
        &self,
        view: &str,
        query: &Query,
        fresh: Freshness,
    ) -> Result<Read<Page>, ViewError> {
        let wait = self.begin(view, fresh).await?;
        loop {
            let view = self.wait(view, &wait).await?;
            let read = self.documents.page(view, query).await?;
            if wait.is_met(read.position) {
                return Ok(read);
            }
        }
    }

    /// A position that is not stored is refused at once: no waiting would bring it.
    async fn begin(&self, view: &str, fresh: Freshness) -> Result<Wait, ViewError> {
        if !self.views.contains_key(view) {
            return Err(ViewError::Unknown(view.to_owned()));
        }
        let asked = fresh.min_position.unwrap_or(0);
        if asked > *self.arrivals.borrow() {
            let head = self.store.head().await?.position;
            if asked > head {
                return Err(ViewError::BeyondHead { asked, head });
            }
        }
        Ok(Wait {
            asked,
            deadline: Instant::now() + fresh.wait,
        })
    }

    /// Waits until the view that answers is as far as asked.
    async fn wait(&self, name: &str, wait: &Wait) -> Result<&ViewDefinition, ViewError> {
        loop {
            let view = &self.find(name).await?.definition;
            if wait.asked == 0 {
                return Ok(view);
            }
            // In slices, as another version may take over meanwhile.
            let left = wait.deadline.saturating_duration_since(Instant::now());
            let slice = left.min(VERSION_KNOWN_FOR);
            let reached = self.documents.reach(view, wait.asked, slice).await?;
            if reached >= wait.asked {
                return Ok(view);
            }
            if Instant::now() >= wait.deadline {
                let status = self.documents.status(view).await?;
                return Err(ViewError::Behind {
                    view: view.name,
                    asked: wait.asked,
                    reached: status.position,
                    stopped: status.stopped,
                });
            }
        }
    }

    /// The newest version this binary knows that is, or once was, what readers see.
    async fn find(&self, name: &str) -> Result<&View, ViewError> {
        let (&name, versions) = self
            .views
            .get_key_value(name)
            .ok_or_else(|| ViewError::Unknown(name.to_owned()))?;
        let current = self.current(name).await?;
        let answering = current.and_then(|current| versions.range(..=current).next_back());
        if let Some((_, view)) = answering {
            return Ok(view);
        }
        let newest = versions.values().next_back().expect("a name has a version");
        let position = match self.documents.position(&newest.definition).await {
            Ok(position) => position,
            // Nobody has made room for it yet.
            Err(StoreError::Refused { .. }) => 0,
            Err(error) => return Err(error.into()),
        };
        Err(ViewError::Building {
            view: name,
            position,
        })
    }

    async fn current(&self, name: &'static str) -> Result<Option<u32>, StoreError> {
        let now = Instant::now();
        let known = {
            let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            current.get(name).copied()
        };
        if let Some((version, asked_at)) = known
            && now.duration_since(asked_at) < VERSION_KNOWN_FOR
        {
            return Ok(Some(version));
        }
        let current = self.documents.current(name).await?;
        if let Some(version) = current {
            let mut known = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(name, (version, now));
        }
        Ok(current)
    }
}

/// What a reader waits for.
struct Wait {
    asked: u64,
    deadline: Instant,
}

impl Wait {
    /// The answer itself says what it is of; between waiting and reading the view may have been put in another's place.
    fn is_met(&self, position: u64) -> bool {
        position >= self.asked
    }
}
