//! The server that the tests use: their own, or the one named by `JANGBU_TEST_POSTGRES` (to try another version).

use jangbu_local::TestBed;
use jangbu_postgres::testing::{Fresh, fresh};
use jangbu_runtime::ports::ViewDefinition;

/// The superuser's URL of the server.
pub async fn admin_url() -> String {
    match std::env::var("JANGBU_TEST_POSTGRES") {
        Ok(url) => url,
        Err(_) => TestBed::get().await.admin_url(),
    }
}

/// A fresh, migrated store.
pub async fn fresh_place(views: &[ViewDefinition]) -> Fresh {
    fresh(&admin_url().await, views).await
}
