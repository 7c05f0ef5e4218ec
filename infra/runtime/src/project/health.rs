//! How the views of this process stand, for health, metrics and whoever waits in the process.

use std::sync::Arc;

use kernel::Projection;
use metrics::{Counter, Gauge, Histogram, Label};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::fold::Stop;
use crate::metric_definitions::{
    VIEW_BATCH_TIME, VIEW_BEHIND, VIEW_EVENTS, VIEW_POSITION, VIEW_STOPPED,
};

/// What this process does about a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewState {
    /// Another process holds the lease, or nobody got it yet.
    Waiting,
    /// It is built from the store, up to about this position; nobody reads it yet.
    Building {
        /// The store's head when it began.
        goal: u64,
    },
    /// It follows.
    Live,
    /// It stopped at an event that it cannot read or fold; everything before that is in it.
    Stopped {
        /// The event's position.
        position: u64,
        /// Why.
        why: String,
    },
    /// Something outside the view failed; it is tried again.
    Failing {
        /// What.
        why: String,
    },
}

/// One view of one version, as this process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewHealth {
    /// Its name.
    pub view: &'static str,
    /// Its version.
    pub version: u32,
    /// What this process does about it.
    pub state: ViewState,
    /// Its checkpoint when this process last wrote or read it.
    pub position: Option<u64>,
}

/// The signs of all views.
pub(super) struct Board(Vec<Arc<Sign>>);

/// What one keeper tells of its view, and hears about it.
pub(super) struct Sign {
    health: watch::Sender<ViewHealth>,
    resume: Notify,
    position: Gauge,
    behind: Gauge,
    stopped: Gauge,
    events: Counter,
    batch_time: Histogram,
}

impl Board {
    pub(super) fn new(views: &[Arc<dyn Projection>]) -> Self {
        let sign = |view: &Arc<dyn Projection>| Sign::new(&**view);
        Self(views.iter().map(sign).map(Arc::new).collect())
    }

    pub(super) fn sign(&self, view: &str, version: u32) -> Arc<Sign> {
        let found = self.0.iter().find(|sign| {
            let health = sign.health.borrow();
            (health.view, health.version) == (view, version)
        });
        Arc::clone(found.expect("the board has a sign for each view it was made for"))
    }

    pub(super) fn watch(&self) -> Vec<watch::Receiver<ViewHealth>> {
        self.0.iter().map(|sign| sign.health.subscribe()).collect()
    }

    /// Measures how far the views that this process writes are behind.
    pub(super) fn measure(&self, newest: Option<u64>) {
        let Some(newest) = newest else { return };
        for sign in &self.0 {
            let health = sign.health.borrow();
            if let (Some(position), true) = (health.position, health.state != ViewState::Waiting) {
                sign.behind.set(newest.saturating_sub(position) as f64);
            }
        }
    }

    pub(super) fn resume(&self, view: &str) {
        for sign in &self.0 {
            if sign.health.borrow().view == view {
                sign.resume.notify_one();
            }
        }
    }
}

impl Sign {
    fn new(view: &dyn Projection) -> Self {
        let (name, version) = (view.name(), view.version());
        let labels = [
            Label::from_static_parts("view", name),
            Label::new("version", version.to_string()),
        ];
        Self {
            health: watch::Sender::new(ViewHealth {
                view: name,
                version,
                state: ViewState::Waiting,
                position: None,
            }),
            resume: Notify::new(),
            position: metrics::gauge!(VIEW_POSITION, labels.iter()),
            behind: metrics::gauge!(VIEW_BEHIND, labels.iter()),
            stopped: metrics::gauge!(VIEW_STOPPED, labels.iter()),
            events: metrics::counter!(VIEW_EVENTS, labels.iter()),
            batch_time: metrics::histogram!(VIEW_BATCH_TIME, labels.iter()),
        }
    }

    /// So many events were none that the view hears.
    pub(super) fn passed(&self, events: usize) {
        self.events.increment(events as u64);
    }

    /// So many events are in the view; the batch was begun then.
    pub(super) fn wrote(&self, events: usize, begun: Instant) {
        self.events.increment(events as u64);
        self.batch_time.record(begun.elapsed());
    }

    pub(super) fn says(&self, state: ViewState) {
        let stopped = matches!(state, ViewState::Stopped { .. });
        self.stopped.set(f64::from(u8::from(stopped)));
        self.health.send_if_modified(|health| {
            let changed = health.state != state;
            health.state = state;
            changed
        });
    }

    pub(super) fn stopped(&self, stop: &Stop) {
        self.says(ViewState::Stopped {
            position: stop.position,
            why: stop.why.clone(),
        });
    }

    /// The checkpoint moved, while the store reaches to `head` at least.
    pub(super) fn reached(&self, position: u64, head: u64) {
        self.health.send_if_modified(|health| {
            let changed = health.position != Some(position);
            health.position = Some(position);
            changed
        });
        self.position.set(position as f64);
        self.behind.set(head.saturating_sub(position) as f64);
    }

    /// Waits until somebody asks for this view to be tried again.
    pub(super) async fn resumed(&self) {
        self.resume.notified().await;
    }
}
