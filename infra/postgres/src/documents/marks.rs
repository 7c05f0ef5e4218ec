//! How far the views are that this process keeps: whoever waits for one of them need not ask the server.

use std::collections::HashMap;

use jangbu_runtime::ports::ViewDefinition;
use tokio::sync::watch;

/// Name, version, shadow.
type Key = (&'static str, u32, bool);

fn key(view: &ViewDefinition) -> Key {
    (view.name, view.version, view.shadow)
}

/// The checkpoints of the leases of this process.
#[derive(Default)]
pub(crate) struct Marks(watch::Sender<HashMap<Key, u64>>);

impl Marks {
    /// A view's checkpoint is there now, committed by this process, which holds the lease.
    pub(super) fn reached(&self, view: &ViewDefinition, position: u64) {
        self.0.send_modify(|marks| {
            marks.insert(key(view), position);
        });
    }

    /// This process holds the lease no longer: others may move the view.
    pub(super) fn let_go(&self, view: &ViewDefinition) {
        self.0.send_modify(|marks| {
            marks.remove(&key(view));
        });
    }

    /// Something else about views changed.
    pub(super) fn tell(&self) {
        self.0.send_modify(|_| {});
    }

    pub(super) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// Hears of every change.
pub(super) struct Listener(watch::Receiver<HashMap<Key, u64>>);

impl Listener {
    /// How far a view is that this process keeps; later changes are news.
    pub(super) fn now(&mut self, view: &ViewDefinition) -> Option<u64> {
        self.0.borrow_and_update().get(&key(view)).copied()
    }

    pub(super) async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            // The store itself is gone; whoever waits has a deadline.
            std::future::pending::<()>().await;
        }
    }
}
