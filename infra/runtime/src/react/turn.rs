//! Going on: one thing after the other comes back or rings, and the lanes move.

use futures::StreamExt;
use tokio::time::{Instant, sleep_until};

use super::partition::Phase;
use super::state::State;
use crate::ports::TopicPartition;

impl State {
    /// Takes the next thing that came back or rang. May be dropped while it waits: nothing is lost.
    pub(super) async fn turn(&mut self) {
        let alarm = self.next_alarm();
        tokio::select! {
            biased;
            Some(answered) = self.answers.next() => self.answered(answered),
            Some(done) = self.jobs.next() => self.done(done),
            () = sleep_until(alarm) => self.ring(),
        }
        self.keep_saving();
    }

    pub(super) async fn work_until(&mut self, until: Instant) {
        loop {
            self.pump();
            tokio::select! {
                biased;
                () = sleep_until(until) => return,
                () = self.turn() => {}
            }
        }
    }

    /// Goes on until nothing of these partitions is under way, or time is up.
    pub(super) async fn drain(&mut self, partitions: &[TopicPartition], until: Instant) {
        loop {
            self.pump();
            if !self.is_busy(partitions) {
                return;
            }
            tokio::select! {
                biased;
                () = sleep_until(until) => return,
                () = self.turn() => {}
            }
        }
    }

    /// Nothing new begins in these partitions.
    pub(super) fn prepare_to_leave(&mut self, partitions: &[TopicPartition]) {
        for at in partitions {
            if let Some(partition) = self.partitions.get_mut(at)
                && partition.phase == Phase::Reading
            {
                partition.phase = Phase::Leaving;
            }
        }
    }

    /// Whether the subscriber is about to be told something.
    pub(super) fn expects_orders(&self) -> bool {
        !self.orders.is_empty()
            || self
                .partitions
                .values()
                .any(|partition| match partition.phase {
                    Phase::Preparing => true,
                    Phase::Reading => partition.is_paused && self.stopped.is_none(),
                    Phase::Leaving => false,
                })
    }
}
