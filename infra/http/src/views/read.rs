//! Reads views for handlers: which version, how far, and what to say where it is not far enough.
//!
//! The one place that knows how views are kept.

use std::time::Duration;

use jangbu_runtime::ports::{Page, Query, Read, ViewDefinition};

use crate::http::Shared;
use crate::problem::*;

/// How far a view must have come before it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct AtLeast {
    pub(super) position: Option<u64>,
    pub(super) wait: Duration,
}

impl Shared {
    /// The version of a view that readers see.
    pub(super) async fn readable(&self, name: &str) -> Result<&ViewDefinition, Problem> {
        let versions = self.catalogue.view(name)?;
        let newest = versions.last().expect("a view has a version");
        if versions.len() == 1 {
            return Ok(newest);
        }
        let current = self.http.documents.current(newest.name).await;
        let current = current.map_err(|error| Problem::of_store(&error))?;
        let seen = versions.iter().find(|view| Some(view.version) == current);
        Ok(seen.unwrap_or(newest))
    }

    /// One document.
    pub(super) async fn document(
        &self,
        view: &ViewDefinition,
        key: &str,
        at_least: AtLeast,
    ) -> Result<Read<Option<Vec<u8>>>, Problem> {
        self.reach(view, at_least).await?;
        let read = self.http.documents.get(view, key).await;
        far_enough(view, at_least, read.map_err(|error| Problem::of_store(&error))?)
    }

    /// A page of documents.
    pub(super) async fn documents(
        &self,
        view: &ViewDefinition,
        query: &Query,
        at_least: AtLeast,
    ) -> Result<Read<Page>, Problem> {
        self.reach(view, at_least).await?;
        let read = self.http.documents.page(view, query).await;
        far_enough(view, at_least, read.map_err(|error| Problem::of_store(&error))?)
    }

    /// Waits until the view has come as far as the caller wants.
    async fn reach(&self, view: &ViewDefinition, at_least: AtLeast) -> Result<(), Problem> {
        let Some(wanted) = at_least.position else {
            return Ok(());
        };
        self.within_store(wanted).await?;
        let documents = &self.http.documents;
        let wait = documents.reach(view, wanted, at_least.wait);
        let reached = tokio::select! {
            reached = wait => reached.map_err(|error| Problem::of_store(&error))?,
            () = self.http.closing.cancelled() => {
                return Err(Problem::new(
                    &SHUTTING_DOWN,
                    "this process is shutting down: ask again after Retry-After",
                ));
            }
        };
        if reached >= wanted {
            return Ok(());
        }
        let status = documents.status(view).await;
        let stopped = status.map_err(|error| Problem::of_store(&error))?.stopped;
        Err(behind(view, wanted, reached, stopped.map(|(position, _)| position)))
    }

    /// Refuses a position that the store does not reach.
    pub(crate) async fn within_store(&self, position: u64) -> Result<(), Problem> {
        let known = *self.http.store.arrivals().borrow();
        if position <= known {
            return Ok(());
        }
        let head = self.http.store.head().await;
        let head = head.map_err(|error| Problem::of_store(&error))?.position;
        if position <= head {
            return Ok(());
        }
        Err(Problem::new(
            &POSITION_BEYOND_HEAD,
            format!(
                "position {position} does not exist, the store reaches to {head}: give a position that an answer told \
                 you"
            ),
        )
        .with("head", head))
    }
}

/// Between the wait and the read another version may have been put in the view's place.
fn far_enough<T>(view: &ViewDefinition, at_least: AtLeast, read: Read<T>) -> Result<Read<T>, Problem> {
    match at_least.position {
        Some(wanted) if read.position < wanted => {
            let stopped = read.stopped.map(|(position, _)| position);
            Err(behind(view, wanted, read.position, stopped))
        }
        _ => Ok(read),
    }
}

fn behind(view: &ViewDefinition, wanted: u64, reached: u64, stopped: Option<u64>) -> Problem {
    let todo = match stopped {
        Some(at) => format!("it stopped at {at} and goes on once an operator has looked; ask without Min-Position for its last state"),
        None => "ask again, or wait longer with Prefer: wait=10 (at most 30)".to_owned(),
    };
    let problem = Problem::new(
        &VIEW_BEHIND,
        format!("{} stands at {reached}, {} behind {wanted}: {todo}", view.name, wanted - reached),
    )
    .with("position", reached)
    .with("behind", wanted - reached);
    match stopped {
        Some(at) => problem.with("stopped", at),
        None => problem,
    }
}
