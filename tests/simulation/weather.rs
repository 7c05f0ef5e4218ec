//! What goes wrong between processes, the store and the log: how often, the seed says; when it is over, all is calm.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jangbu_runtime::memory::log::{LogFate, LogFaults, LogOperation};
use jangbu_runtime::memory::store::{Fate, Faults, Operation};
use tokio::time::Instant;

use super::dice::Dice;

/// How bad it gets in one run; drawn once, so that runs differ: some are all calm, some are all storm.
#[derive(Debug)]
pub(super) struct Climate {
    /// Times in a thousand that an operation fails.
    failing: u64,
    /// Times in a thousand that an append's answer is lost.
    answers_lost: u64,
    /// Times in a thousand that a publisher fails.
    publishing: u64,
    /// The longest way to the store and back, in milliseconds.
    slowest: u64,
}

impl Climate {
    pub(super) fn draw(dice: &Dice) -> Self {
        let often = |most| {
            if dice.per_mille(500) {
                dice.between(1, most)
            } else {
                0
            }
        };
        Self {
            failing: often(80),
            answers_lost: often(60),
            publishing: often(200),
            slowest: dice.between(1, 40),
        }
    }
}

/// The weather between one process, or all of them, and the store.
pub(super) struct Weather {
    dice: Dice,
    climate: Climate,
    is_over: AtomicBool,
    /// Until then nothing reaches the store.
    outage: Mutex<Option<Instant>>,
}

impl Weather {
    pub(super) fn new(dice: Dice, climate: Climate) -> Arc<Self> {
        Arc::new(Self {
            dice,
            climate,
            is_over: AtomicBool::new(false),
            outage: Mutex::new(None),
        })
    }

    /// From now on everything works.
    pub(super) fn calm_down(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Nothing reaches the store for so long.
    pub(super) fn cut_off(&self, length: Duration) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + length);
    }

    fn is_cut_off(&self) -> bool {
        let outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.is_some_and(|until| Instant::now() < until)
    }
}

impl Faults for Weather {
    fn fate(&self, operation: Operation) -> Fate {
        let (dice, climate) = (&self.dice, &self.climate);
        let delay = dice.pause(0, climate.slowest);
        let answer_delay = dice.pause(0, climate.slowest);
        let unlucky = |times| dice.per_mille(times);
        let (fails, lost) = (unlucky(climate.failing), unlucky(climate.answers_lost));
        if self.is_over.load(Ordering::SeqCst) {
            return Fate {
                delay: Duration::from_millis(1),
                ..Fate::default()
            };
        }
        let loses = matches!(operation, Operation::Append | Operation::Documents);
        Fate {
            delay,
            answer_delay,
            fails: fails || self.is_cut_off(),
            answer_lost: (lost && loses).then(|| dice.pause(0, 4_000)),
        }
    }
}

impl LogFaults for Weather {
    fn fate(&self, operation: LogOperation) -> LogFate {
        let (dice, climate) = (&self.dice, &self.climate);
        let delay = dice.pause(0, climate.slowest);
        let often = match operation {
            LogOperation::Publish => climate.publishing,
            LogOperation::Ask | LogOperation::Read => climate.failing,
        };
        let fails = dice.per_mille(often);
        let (written, late) = (dice.index(6), dice.index(6));
        let later = dice.pause(0, 4_000);
        if self.is_over.load(Ordering::SeqCst) {
            let delay = Duration::from_millis(1);
            return LogFate {
                delay,
                ..LogFate::default()
            };
        }
        LogFate {
            delay,
            fails,
            written: written + usize::from(!fails),
            arrives_late: dice.per_mille(500).then_some((late, later)),
        }
    }
}
