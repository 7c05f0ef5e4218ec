//! Reads views for handlers, and says in problems why one gives no answer.

use axum::http::HeaderMap;
use jangbu_runtime::ports::{Page, Query, Read, ViewDefinition};
use jangbu_runtime::project::{Freshness, ViewError};

use crate::headers::{self, MIN_POSITION};
use crate::http::Shared;
use crate::problem::*;

/// How fresh the caller wants the answer.
pub(super) fn freshness(asked: &HeaderMap) -> Result<Freshness, Problem> {
    let position = headers::number(asked, &MIN_POSITION)?;
    Ok(Freshness::new(position, headers::wait(asked)?))
}

impl Shared {
    /// The version of a view that answers just now.
    pub(super) async fn serving(&self, name: &str) -> Result<&ViewDefinition, Problem> {
        let versions = self.catalogue.view(name)?;
        let serving = self.views.serving(name).await.map_err(Problem::of_view)?;
        let serving = versions
            .iter()
            .find(|view| view.version == serving.version());
        Ok(serving.expect("the catalogue and the reader are of the same system"))
    }

    /// One document.
    pub(super) async fn document(
        &self,
        view: &str,
        key: &str,
        fresh: Freshness,
    ) -> Result<Read<Option<Vec<u8>>>, Problem> {
        self.unless_closing(self.views.get(view, key, fresh)).await
    }

    /// A page of documents.
    pub(super) async fn documents(
        &self,
        view: &str,
        query: &Query,
        fresh: Freshness,
    ) -> Result<Read<Page>, Problem> {
        self.unless_closing(self.views.page(view, query, fresh))
            .await
    }

    /// Whoever waits for a view does not hold up the end of the process.
    async fn unless_closing<T>(
        &self,
        read: impl Future<Output = Result<T, ViewError>>,
    ) -> Result<T, Problem> {
        tokio::select! {
            read = read => read.map_err(Problem::of_view),
            () = self.http.closing.cancelled() => Err(Problem::new(
                &SHUTTING_DOWN,
                "this process is shutting down: ask again after Retry-After",
            )),
        }
    }
}
