//! Waiting for a condition, never for a time.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is what is waited for; an error says what is still missing.
///
/// # Panics
/// If it does not come in time.
pub async fn eventually<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    within: Duration,
    look: impl Fn() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(missing) if begun.elapsed() > within => {
                panic!("{what}: not within {within:?}: {missing}")
            }
            // A look that takes long is not repeated more often than it takes.
            Err(_) => tokio::time::sleep(PAUSE.max(begun.elapsed() / 20)).await,
        }
    }
}
