//! A number that changes, and listeners who wake when it does, always in the order they came.
//!
//! A `watch` channel wakes its listeners in random order, and a seed must reproduce a simulated run. So each listener
//! gets a channel of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub(crate) struct Bell(Mutex<Tower>);

struct Tower {
    number: u64,
    listeners: Vec<watch::Sender<u64>>,
}

impl Bell {
    pub(crate) fn new(number: u64) -> Self {
        Self(Mutex::new(Tower {
            number,
            listeners: Vec::new(),
        }))
    }

    /// Hears every change from now on; the number as it stands counts as heard.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        let mut tower = self.tower();
        tower.listeners.retain(|listener| !listener.is_closed());
        let (listener, ear) = watch::channel(tower.number);
        tower.listeners.push(listener);
        ear
    }

    /// Changes the number; whoever listens is told if it is another one.
    pub(crate) fn ring(&self, change: impl FnOnce(u64) -> u64) {
        let mut tower = self.tower();
        let number = change(tower.number);
        if number == tower.number {
            return;
        }
        tower.number = number;
        for listener in &tower.listeners {
            listener.send_replace(number);
        }
    }

    fn tower(&self) -> MutexGuard<'_, Tower> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Bell;

    #[test]
    fn a_listener_hears_what_comes_after_it_and_only_changes() {
        let bell = Bell::new(3);
        let mut early = bell.listen();
        bell.ring(|number| number.max(5));
        let late = bell.listen();
        bell.ring(|number| number.max(4));
        assert!(early.has_changed().unwrap());
        assert_eq!(*early.borrow_and_update(), 5);
        assert!(!late.has_changed().unwrap());
        assert_eq!(*late.borrow(), 5);
    }
}
