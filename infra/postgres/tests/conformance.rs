//! The suites that every adapter runs, on a real PostgreSQL.

mod support;

use std::sync::Arc;

use jangbu_runtime::conformance;
use jangbu_runtime::conformance::store::Opened;

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
