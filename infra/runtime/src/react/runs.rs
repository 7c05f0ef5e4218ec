//! Running the lanes: submit what may be submitted, take the answers, begin again where something failed.

use tokio::time::Instant;

use super::ask;
use super::item::{Fault, Item, Reaction};
use super::job::Done;
use super::lane::Phase;
use super::meter;
use super::partition;
use super::state::{Answered, Answering, State};

impl State {
    pub(super) fn make_ready(&mut self, id: u64) {
        if let Some(lane) = self.lanes.get_mut(&id)
            && !lane.is_ready
        {
            lane.is_ready = true;
            self.ready.push_back(id);
        }
    }

    /// Lets the ready lanes submit, in turn, as long as there is room.
    pub(super) fn pump(&mut self) {
        while self.stopped.is_none()
            && self.in_flight < self.context.options.in_flight
            && let Some(id) = self.ready.pop_front()
        {
            if let Some(lane) = self.lanes.get_mut(&id) {
                lane.is_ready = false;
                self.work(id);
            }
        }
    }

    /// Lets one lane do what it may do now.
    fn work(&mut self, id: u64) {
        loop {
            let Some(lane) = self.lanes.get(&id) else {
                return;
            };
            let is_ours = self
                .partitions
                .get(&lane.at)
                .is_some_and(|partition| partition.phase == partition::Phase::Reading);
            if !is_ours || self.stopped.is_some() {
                return;
            }
            if lane.is_parked && lane.phase == Phase::Open && lane.in_flight == 0 {
                self.park_behind(id);
                return;
            }
            let Some(index) = lane.next(self.context.options.window) else {
                return;
            };
            if self.in_flight >= self.context.options.in_flight {
                self.make_ready(id);
                return;
            }
            self.submit(id, index);
            self.settle(id);
        }
    }

    /// Submits what the policies ask on hearing one event.
    fn submit(&mut self, id: u64, index: usize) {
        let context = std::sync::Arc::clone(&self.context);
        let deadline = Instant::now() + context.options.deadline;
        let lane = self.lanes.get_mut(&id).expect("a lane that works is there");
        lane.submitted += 1;
        let item = &mut lane.items[index];
        if !item.is_known {
            item.note(Fault::Never {
                why: format!(
                    "{} has no event named {:?} here",
                    item.told.aggregate, item.told.name
                ),
                is_unknown: true,
            });
            return;
        }
        let metadata = item.told.read_metadata();
        let mut faults = Vec::new();
        for owed in &mut item.owed {
            if owed.state == Reaction::Served {
                continue;
            }
            let policy = &context.policies[owed.policy];
            let asked = ask::submissions(
                context.name,
                policy,
                &item.told,
                &metadata,
                &lane.token,
                deadline,
            );
            let submissions = match asked {
                Ok(submissions) => submissions,
                Err(fault) => {
                    owed.state = Reaction::Failed;
                    faults.push(fault);
                    continue;
                }
            };
            owed.waiting = u32::try_from(submissions.len()).expect("a policy asks for few things");
            owed.state = if submissions.is_empty() {
                Reaction::Served
            } else {
                Reaction::Asked
            };
            lane.in_flight += submissions.len();
            self.in_flight += submissions.len();
            for submission in submissions {
                self.answers.push(Answering {
                    lane: id,
                    number: item.number,
                    policy: owed.policy,
                    pending: self.with.execute.submit(submission),
                });
            }
        }
        for fault in faults {
            item.note(fault);
        }
    }

    /// The engine answered a submission.
    pub(super) fn answered(&mut self, answered: Answered) {
        let Answered(id, number, policy, outcome) = answered;
        self.in_flight -= 1;
        if let Some(lane) = self.lanes.get_mut(&id) {
            meter::reacted(self.context.policies[policy].name(), &outcome);
            lane.answered(number, policy, outcome);
            self.settle(id);
            self.make_ready(id);
        }
    }

    /// Takes what is finished off the front; a run that failed and is back begins anew.
    pub(super) fn settle(&mut self, id: u64) {
        let lane = self.lanes.get_mut(&id).expect("a lane that works is there");
        let at = lane.at.clone();
        let finished = lane.take_finished();
        let failed = lane.end_failed_run();
        for item in &finished {
            self.health.reacted();
            self.forget(&at, item);
        }
        match failed {
            None => self.remove_if_empty(id),
            Some(Fault::Never { why, is_unknown }) => self.park(id, why, is_unknown),
            Some(fault) => self.try_again(id, fault),
        }
    }

    /// An event left its lane; progress may move over it.
    pub(super) fn forget(&mut self, at: &crate::ports::TopicPartition, item: &Item) {
        self.queued -= 1;
        self.queued_bytes -= item.bytes();
        if let Some(partition) = self.partitions.get_mut(at) {
            self.moved += partition.track.finish(item.number);
        }
    }

    pub(super) fn remove_if_empty(&mut self, id: u64) {
        let is_empty =
            |lane: &super::lane::Lane| lane.items.is_empty() && lane.phase == Phase::Open;
        if self.lanes.get(&id).is_some_and(is_empty) {
            self.remove_lane(id);
        }
    }

    fn try_again(&mut self, id: u64, fault: Fault) {
        let lane = self.lanes.get_mut(&id).expect("a lane that works is there");
        let patience = lane.lose_patience(&fault);
        let attempts = self.context.options.attempts;
        let Fault::Again(failure) = fault else {
            return;
        };
        tracing::debug!(
            context = self.context.name, topic = %lane.at.topic, key = %lane.key,
            tries = patience.tries, %failure, "a key is tried again"
        );
        if patience.counted < attempts {
            self.wait(id);
        } else if patience.is_last {
            let why = format!("{failure}, at {} attempts", patience.counted);
            self.park(id, why, false);
        } else {
            self.ask_whether_store_answers(id);
        }
    }

    /// The lane is worked on again after a while that grows with its attempts.
    pub(super) fn wait(&mut self, id: u64) {
        let lane = self.lanes.get_mut(&id).expect("a lane that works is there");
        lane.phase = Phase::Waiting;
        let until = Instant::now() + self.context.options.wait(lane.patience.tries);
        self.alarms.insert((until, id));
    }

    /// A lane has waited long enough.
    pub(super) fn wake(&mut self, id: u64) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.phase = Phase::Open;
            self.make_ready(id);
        }
    }

    /// Before an event is given up for want of an answer, the store must be seen to answer: an outage is no event's
    /// fault, and must not park whatever happened to be under way.
    fn ask_whether_store_answers(&mut self, id: u64) {
        let lane = self.lanes.get_mut(&id).expect("a lane that works is there");
        lane.phase = Phase::Asking;
        let store = std::sync::Arc::clone(&self.with.store);
        self.jobs.push(Box::pin(async move {
            Done::Answers(id, store.head().await.is_ok())
        }));
    }

    pub(super) fn told_whether_store_answers(&mut self, id: u64, answers: bool) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.patience.is_last = answers;
            self.wait(id);
        }
    }
}
