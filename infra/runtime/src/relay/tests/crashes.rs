//! Crashes at every step, by seeds: processes killed, sessions cut, publishers failing with part of their records written
//! or arriving late. Whatever happens, a reader by the rule sees every event once and in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::support::World;
use crate::memory::log::{LogFate, LogFaults, LogOperation};
use crate::memory::store::{Fate, Faults, Operation};

const SEEDS: u64 = 300;

/// Fate by a seed, until it is told to be kind.
struct Dice {
    dice: Mutex<SmallRng>,
    kind: AtomicBool,
}

impl Dice {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            dice: Mutex::new(SmallRng::seed_from_u64(seed)),
            kind: AtomicBool::new(false),
        })
    }

    fn up_to(&self, most: u64) -> u64 {
        self.dice.lock().unwrap().random_range(0..=most)
    }

    fn one_in(&self, many: u64) -> bool {
        !self.kind.load(Ordering::Relaxed) && self.up_to(many - 1) == 0
    }
}

impl Faults for Dice {
    fn fate(&self, _: Operation) -> Fate {
        Fate {
            delay: Duration::from_micros(self.up_to(3_000)),
            fails: self.one_in(60),
            ..Fate::default()
        }
    }
}

impl LogFaults for Dice {
    fn fate(&self, operation: LogOperation) -> LogFate {
        let fails = self.one_in(if operation == LogOperation::Publish {
            10
        } else {
            60
        });
        LogFate {
            delay: Duration::from_micros(self.up_to(20_000)),
            fails,
            written: self.up_to(25) as usize + usize::from(!fails),
            arrives_late: (self.up_to(1) == 0).then(|| {
                (
                    self.up_to(25) as usize,
                    Duration::from_millis(self.up_to(3_000)),
                )
            }),
        }
    }
}

async fn run(seed: u64) {
    let world = World::new();
    let dice = Dice::new(seed);
    let start = || {
        world.relay_with(
            world.options(),
            Arc::clone(&dice) as Arc<dyn Faults>,
            Arc::clone(&dice) as Arc<dyn LogFaults>,
        )
    };
    let mut processes = vec![start(), start()];
    for _ in 0..15 {
        let ids: Vec<_> = (0..dice.up_to(20))
            .map(|_| u32::try_from(dice.up_to(12)).unwrap())
            .collect();
        world
            .append(if dice.up_to(1) == 0 { "stock" } else { "order" }, ids)
            .await;
        tokio::time::sleep(Duration::from_millis(dice.up_to(400))).await;
        match dice.up_to(3) {
            0 => {
                let victim = usize::try_from(dice.up_to(1)).unwrap();
                processes.remove(victim).kill().await;
                processes.push(start());
            }
            1 => world.ledger.depose(),
            2 => world.log.break_connections(),
            _ => {}
        }
    }
    dice.kind.store(true, Ordering::Relaxed);
    world.relayed().await;
    // What a dead publisher still had on its way arrives, and changes nothing.
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.assert_complete().await;
    for process in processes {
        process.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_crash_loses_an_event_or_its_order() {
    for seed in 0..SEEDS {
        eprintln!("seed {seed}");
        run(seed).await;
    }
}

/// A leader that froze goes on publishing what it has in hand after another has begun (pitfall 12).
#[tokio::test(start_paused = true)]
async fn a_frozen_leader_does_no_harm_but_duplicates() {
    struct Frozen;
    impl LogFaults for Frozen {
        fn fate(&self, operation: LogOperation) -> LogFate {
            let slow = operation == LogOperation::Publish;
            LogFate {
                delay: if slow {
                    Duration::from_secs(8)
                } else {
                    Duration::ZERO
                },
                ..LogFate::default()
            }
        }
    }
    let world = World::new();
    let frozen = world.relay_with(
        world.options(),
        Arc::new(crate::memory::store::NoFaults),
        Arc::new(Frozen),
    );
    frozen
        .until(|status| status.phase == crate::relay::Phase::Leading)
        .await;
    world.append("stock", 0..40).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(world.count(), 0, "it froze with all of them in hand");
    world.ledger.depose();
    let fresh = world.relay();
    world.relayed().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.assert_complete().await;
    frozen.end().await;
    fresh.end().await;
}
