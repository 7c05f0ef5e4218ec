//! Asking the store or the ledger until there is an answer.

use std::time::Duration;

use super::ask::chain;
use crate::ports::StoreError;

/// Asks until there is an answer. Whoever no longer wants it drops the job.
pub(super) async fn until_told<T, F, Fut>(longest: Duration, what: &str, ask: F) -> T
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, StoreError>>,
{
    let mut wait = Duration::from_millis(50).min(longest);
    loop {
        match ask().await {
            Ok(told) => return told,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, what, "the store or the ledger gave no answer");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(longest);
            }
        }
    }
}
