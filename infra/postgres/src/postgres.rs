//! The handle on the database: opened once per process, cheap to clone, closed at the end.

use std::sync::Arc;

use event_schemas::Source;
use jangbu_runtime::ports::StoreError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::arrivals;
use crate::documents::Marks;
use crate::envelope::Names;
use crate::error::refused;
use crate::known::Known;
use crate::migrate::{check_name, lock_class};
use crate::recent::Recent;
use crate::session::{Door, options};
use crate::sessions::Sessions;

/// Sessions for loads, reads and documents. Loads come many in one, so few are needed.
const READ_SESSIONS: usize = 8;
/// Sessions for searches and pages.
const SEARCH_SESSIONS: usize = 4;
/// Sessions that hold turns at contended aggregates, one each.
const TURN_SESSIONS: usize = 8;

/// How to open the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// The schema everything lies in.
    pub schema: String,
    /// The store's name; none: whatever it is called.
    pub store: Option<String>,
    /// Sessions for loads, reads and documents.
    pub read_sessions: usize,
    /// Sessions that hold turns at contended aggregates.
    pub turn_sessions: usize,
    /// Look every version up in the store, also those the caller holds the store's word for. Tests do.
    pub check_everything: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schema: "public".to_owned(),
            store: None,
            read_sessions: READ_SESSIONS,
            turn_sessions: TURN_SESSIONS,
            check_everything: false,
        }
    }
}

/// The database of one process. Clones are the same one.
#[derive(Clone)]
pub struct Postgres {
    pub(crate) shared: Arc<Shared>,
    // Dropped with the last handle; the tasks hold only `shared`.
    guard: Arc<CloseGuard>,
}

/// What all handles and tasks share.
pub(crate) struct Shared {
    pub(crate) schema: String,
    pub(crate) door: Door,
    pub(crate) reads: Sessions,
    pub(crate) searches: Sessions,
    pub(crate) turns: Sessions,
    pub(crate) names: Names,
    pub(crate) check_everything: bool,
    pub(crate) announced: tokio::sync::watch::Sender<u64>,
    pub(crate) read_size: crate::store::ReadSize,
    /// How far the views are that this process keeps.
    pub(crate) marks: Marks,
    pub(crate) recent: Recent,
}

struct CloseGuard {
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Drop for CloseGuard {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

impl Postgres {
    /// Connects, makes sure of the store, and begins to listen for what other processes append.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] if the database cannot be reached; [`StoreError::Refused`] if it is not migrated, or
    /// holds another store than the one asked for.
    pub async fn connect(url: &str, asked: Options) -> Result<Self, StoreError> {
        check_name(&asked.schema).map_err(|error| refused(error.to_string()))?;
        let door = Door {
            options: options(url, &asked.schema)?,
            known: Arc::new(Known::new()),
        };
        let reads = Sessions::new(door.clone(), asked.read_sessions.max(1));
        let shared = Arc::new(Shared {
            turns: Sessions::new(door.clone(), asked.turn_sessions.max(1)),
            searches: Sessions::new(door.planning_anew(), SEARCH_SESSIONS),
            door,
            reads,
            names: Names::default(),
            check_everything: asked.check_everything,
            announced: tokio::sync::watch::Sender::new(0),
            read_size: crate::store::ReadSize::default(),
            marks: Marks::default(),
            recent: Recent::default(),
            schema: asked.schema,
        });
        let head = shared.head().await?;
        shared.door.known.arrived(head.position);
        let source = shared.source();
        if let Some(store) = asked.store
            && store != source.store
        {
            return Err(refused(format!(
                "the store here is called {:?}, not {store:?}",
                source.store
            )));
        }

        let (closing, tasks) = (CancellationToken::new(), TaskTracker::new());
        arrivals::start(&shared, &closing, &tasks);
        Ok(Self {
            shared,
            guard: Arc::new(CloseGuard { closing, tasks }),
        })
    }

    /// Runs a task that ends with this handle.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let closing = self.guard.closing.clone();
        self.guard.tasks.spawn(async move {
            let _ = closing.run_until_cancelled(task).await;
        });
    }

    /// Ends the tasks behind this handle and says goodbye to the server. Appenders, leases and leaderships that are
    /// still held keep their own sessions.
    pub async fn close(&self) {
        self.guard.closing.cancel();
        self.guard.tasks.close();
        self.guard.tasks.wait().await;
        self.shared.reads.close().await;
        self.shared.turns.close().await;
        self.shared.searches.close().await;
    }
}

impl Shared {
    pub(crate) fn known(&self) -> &Known {
        &self.door.known
    }

    /// Store and incarnation, as of the last connection.
    pub(crate) fn source(&self) -> Source {
        self.known()
            .source()
            .expect("a handle exists only after a first connection")
    }

    /// The class of this store's advisory locks.
    pub(crate) fn lock_class(&self) -> i32 {
        lock_class(&self.schema)
    }
}
