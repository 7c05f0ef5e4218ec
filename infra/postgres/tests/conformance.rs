//! The suites that every adapter runs, on a real PostgreSQL.

mod support;

use std::sync::Arc;

use jangbu_runtime::conformance;
use jangbu_runtime::conformance::store::Opened;
use jangbu_runtime::ports::{Documents, Progress};

use support::fresh_place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_rules_of_every_event_store() {
    conformance::store::event_store(async || {
        let place = fresh_place(&[]).await;
        Opened {
            one: Arc::new(place.open().await),
            other: Arc::new(place.open().await),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_rules_of_every_store_of_documents() {
    conformance::documents::all(|| async {
        let store: Arc<dyn Documents> = Arc::new(fresh_place(&[]).await.open().await);
        store
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_rules_of_every_ledger_of_policies() {
    conformance::progress::all(|| async {
        let store: Arc<dyn Progress> = Arc::new(fresh_place(&[]).await.open().await);
        store
    })
    .await;
}
