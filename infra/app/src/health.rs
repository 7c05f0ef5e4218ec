//! How this process is, from what its parts say of themselves.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jangbu_http::{Component, Condition, Health};
use jangbu_runtime::execute::EngineStatus;
use jangbu_runtime::follow::Following;
use jangbu_runtime::project::{Projector, ViewHealth, ViewState};
use jangbu_runtime::relay::{Phase, RelayStatus};
use tokio::sync::watch;

/// Asks a part how it is.
type Ask = Box<dyn Fn() -> Component + Send + Sync>;

/// The health of one process.
#[derive(Clone, Default)]
pub struct MallHealth(Arc<Parts>);

#[derive(Default)]
struct Parts {
    started: AtomicBool,
    asks: Mutex<Vec<Ask>>,
}

impl MallHealth {
    /// Everything that was to start has started.
    pub fn started(&self) {
        self.0.started.store(true, Ordering::Release);
    }

    /// The engine is part of it.
    pub fn engine(&self, status: watch::Receiver<EngineStatus>) {
        self.add(move || Component::engine(&status.borrow()));
    }

    /// The relay is part of it.
    pub fn relay(&self, status: watch::Receiver<RelayStatus>) {
        self.add(move || relay(&status.borrow()));
    }

    /// The views that this process keeps are part of it.
    pub fn views(&self, projector: &Projector, following: watch::Receiver<Following>) {
        for health in projector.health() {
            self.add(move || view(&health.borrow()));
        }
        self.add(move || follower(&following.borrow()));
    }

    fn add(&self, ask: impl Fn() -> Component + Send + Sync + 'static) {
        self.0
            .asks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::new(ask));
    }
}

impl Health for MallHealth {
    fn components(&self) -> Vec<Component> {
        let asks = self.0.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.iter().map(|ask| ask()).collect()
    }

    fn has_started(&self) -> bool {
        self.0.started.load(Ordering::Acquire)
    }
}

/// Commands and queries go on without the relay, so nothing about it takes the process down.
fn relay(status: &RelayStatus) -> Component {
    let (condition, text) = match (status.phase, &status.problem) {
        (Phase::Stopped, problem) => (
            Condition::Degraded,
            format!("stopped: {}", problem.as_deref().unwrap_or("see the log")),
        ),
        (Phase::Candidate, None) => (
            Condition::Up,
            "stands by; another process relays".to_owned(),
        ),
        (Phase::Candidate, Some(problem)) => {
            (Condition::Degraded, format!("does not relay: {problem}"))
        }
        (Phase::Starting, _) => (Condition::Up, "looks what stands in the log".to_owned()),
        (Phase::Leading, _) => (
            Condition::Up,
            format!(
                "leads at position {}, {} events behind",
                status.position, status.lag_events
            ),
        ),
    };
    Component::new("relay", condition, text)
}

/// A view that stopped shows what it has; the others go on.
fn view(health: &ViewHealth) -> Component {
    let name = format!("view {} v{}", health.view, health.version);
    let at = health
        .position
        .map_or_else(String::new, |position| format!(" at position {position}"));
    match &health.state {
        ViewState::Waiting => Component::new(name, Condition::Up, "another process keeps it"),
        ViewState::Building { goal } => {
            Component::new(name, Condition::Up, format!("is built up to {goal}{at}"))
        }
        ViewState::Live => Component::new(name, Condition::Up, format!("follows{at}")),
        ViewState::Stopped { position, why } => Component::new(
            name,
            Condition::Degraded,
            format!("stopped before position {position}: {why}"),
        ),
        ViewState::Failing { why } => {
            Component::new(name, Condition::Degraded, format!("tries again{at}: {why}"))
        }
    }
}

fn follower(following: &Following) -> Component {
    let (condition, text) = match following {
        Following::Starting => (Condition::Up, "has read nothing yet".to_owned()),
        Following::Store => (Condition::Up, "follows the store".to_owned()),
        Following::Nothing { why } => (Condition::Degraded, format!("follows nothing: {why}")),
    };
    Component::new("follower", condition, text)
}
