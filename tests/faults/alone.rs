//! One fault at a time.

use tokio::sync::{Mutex, MutexGuard};

static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Waits for the tests before it; hold what it returns until the end.
pub(super) async fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().await
}
