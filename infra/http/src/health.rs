//! How this process is: alive, ready, started.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jangbu_runtime::execute::EngineStatus;
use serde::Serialize;

use crate::http::Shared;
use crate::problem::{NOT_READY, Problem};

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Well.
    Up,
    /// Something is wrong with it, but the process can serve.
    Degraded,
    /// The process cannot serve because of it.
    Down,
}

/// A part of the process, and how it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its name: `store`, `relay`, `view order_status`.
    pub name: String,
    /// How it is.
    pub condition: Condition,
    /// In words; what to do about it, if anything.
    pub text: String,
}

impl Component {
    /// A component.
    pub fn new(name: impl Into<String>, condition: Condition, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            condition,
            text: text.into(),
        }
    }

    /// The engine, by what it says of itself.
    #[must_use]
    pub fn engine(status: &EngineStatus) -> Self {
        let (condition, text) = match status {
            EngineStatus::Starting => (Condition::Down, "connecting to the event store".to_owned()),
            EngineStatus::Running => (Condition::Up, "carries commands out".to_owned()),
            EngineStatus::Unreachable(why) => (
                Condition::Down,
                format!("the event store does not answer: {why}"),
            ),
            EngineStatus::Recovering => (
                Condition::Down,
                "looks up what became of an append that had no answer".to_owned(),
            ),
            EngineStatus::Forked(why) => (
                Condition::Down,
                format!("history was changed under us: {why}: see `jangbu repair fork`"),
            ),
            EngineStatus::Stopped => (Condition::Down, "was shut down".to_owned()),
        };
        Self::new("engine", condition, text)
    }
}

/// Whoever knows how the process is. Asked often: it answers from what it knows, without asking anybody.
pub trait Health: Send + Sync + 'static {
    /// Its parts.
    fn components(&self) -> Vec<Component>;

    /// Whether it has started.
    fn has_started(&self) -> bool;
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    components: Vec<Component>,
}

/// `GET /health/live`: it answers, so it lives.
pub(crate) async fn live() -> Response {
    report("live", Vec::new())
}

/// `GET /health/ready`: whether requests should be sent here.
pub(crate) async fn ready(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let components = shared.http.health.components();
    let down: Vec<_> = components
        .iter()
        .filter(|component| component.condition == Condition::Down)
        .map(|component| format!("{}: {}", component.name, component.text))
        .collect();
    if shared.http.closing.is_cancelled() {
        return Err(not_ready("this process is shutting down", components));
    }
    if !down.is_empty() {
        return Err(not_ready(&down.join("; "), components));
    }
    Ok(report("ready", components))
}

/// `GET /health/startup`: whether it has started at all.
pub(crate) async fn startup(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let components = shared.http.health.components();
    if shared.http.health.has_started() {
        return Ok(report("started", components));
    }
    Err(not_ready(
        "this process is still starting: ask again in a moment",
        components,
    ))
}

fn report(status: &'static str, components: Vec<Component>) -> Response {
    Json(Report { status, components }).into_response()
}

fn not_ready(detail: &str, components: Vec<Component>) -> Problem {
    let components = serde_json::to_value(components).expect("components are texts");
    Problem::new(&NOT_READY, detail).with("components", components)
}
