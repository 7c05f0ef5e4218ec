//! Threads that hold a client of librdkafka: dropping one may take seconds, and nobody may wait for that for ever.

use std::time::Duration;

use tokio::sync::oneshot;

/// What ending a client may take before it is left to end by itself.
pub(crate) const END_WITHIN: Duration = Duration::from_secs(5);

/// Starts a named thread. Failing to is as bad as being out of memory.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) {
    let started = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work);
    started.expect("the system has a thread left for a Kafka client");
}

/// Drops a client on a thread of its own and waits for that, but not for long.
pub(crate) async fn end<T: Send + 'static>(role: &'static str, client: T) {
    let (done, ended) = oneshot::channel();
    start(role, move || {
        drop(client);
        // Whoever waited may have given up.
        let _ = done.send(());
    });
    if tokio::time::timeout(END_WITHIN, ended).await.is_err() {
        tracing::warn!(
            role,
            "a Kafka client has not ended within {END_WITHIN:?}; it is left behind"
        );
    }
}

/// Runs a question that blocks, on a thread that may.
pub(crate) async fn ask<T: Send + 'static>(question: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(question).await {
        Ok(answer) => answer,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}
