//! What runs, in stages: they end in order, each within its time, so that nothing is cut off by what it leans on.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One stage: tasks that end together.
pub(super) struct Stage {
    name: &'static str,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
    limit: Duration,
}

impl Stage {
    /// A stage that may take so long to end.
    pub(super) fn new(name: &'static str, limit: Duration) -> Self {
        Self {
            name,
            cancel: CancellationToken::new(),
            tasks: JoinSet::new(),
            limit,
        }
    }

    /// Cancelled when this stage is to end.
    pub(super) fn cancel(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Runs something in this stage.
    pub(super) fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Returns when something of this stage ended that was not asked to.
    pub(super) async fn broken(&mut self) {
        loop {
            match self.tasks.join_next().await {
                None => std::future::pending::<()>().await,
                Some(_) if self.cancel.is_cancelled() => {}
                Some(Ok(())) => {
                    tracing::error!(stage = self.name, "a part ended by itself");
                    return;
                }
                Some(Err(error)) => {
                    tracing::error!(stage = self.name, %error, "a part broke down");
                    return;
                }
            }
        }
    }

    /// Asks everything of this stage to end, and waits for it.
    pub(super) async fn end(mut self) {
        self.cancel.cancel();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limit, ended).await.is_err() {
            tracing::warn!(stage = self.name, "did not end in time and is cut off");
        }
        self.tasks.shutdown().await;
    }
}
