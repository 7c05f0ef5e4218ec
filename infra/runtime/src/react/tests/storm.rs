//! Everything at once, by a seed: members that crash, leave and lose their session, a log that loses and repeats, a
//! ledger and an engine that fail. After each storm every event took effect once, and in its key's order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};

use super::bell::{HUSH, Muffled, Rang, SOUND, tower};
use super::bench::{Bench, CONTEXT, Member, PARTITIONS, TOPIC};
use super::hands::{Fate, say};
use crate::execute::Failure;
use crate::memory::store::{Fate as StoreFate, Faults, MemoryStore, Operation};
use crate::ports::{ContextState, Progress, TopicPartition};
use crate::react::{Dependencies, ReactOptions, Reactor, redrive};

const SEEDS: u64 = 60;
const STEPS: u64 = 120;
const BELLS: u64 = 7;

type Dice = Arc<Mutex<SmallRng>>;

fn one_in(dice: &Dice, n: u32) -> bool {
    dice.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .random_ratio(1, n)
}

fn below(dice: &Dice, n: u64) -> u64 {
    dice.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .random_range(0..n)
}

/// Store and ledger are slow, and at times away.
struct Weather(Dice);

impl Faults for Weather {
    fn fate(&self, _: Operation) -> StoreFate {
        StoreFate {
            delay: Duration::from_millis(below(&self.0, 20)),
            fails: one_in(&self.0, 12),
            ..StoreFate::default()
        }
    }
}

/// What the engine makes of a submission. A few events are refused until they have been redriven for a while.
fn temper(dice: &Dice, attempt: u32) -> Fate {
    match below(dice, 60) {
        0 => Fate::Fails(Failure::Overloaded),
        1 => Fate::Fails(Failure::Late),
        2 => Fate::Fails(Failure::Unavailable),
        3 => Fate::Fails(Failure::OutcomeUnknown),
        4 | 5 => Fate::Unheard,
        6 if attempt < 3 => Fate::Fails(Failure::Defect("a bad day".to_owned())),
        _ => Fate::Stored,
    }
}

fn join(bench: &Bench, dice: &Dice) -> Member {
    let options = ReactOptions {
        window: 4,
        in_flight: 16,
        queued_events: 32,
        save_every: Duration::from_millis(40),
        redrive_every: Duration::from_secs(1),
        ..ReactOptions::default()
    };
    let weather: Arc<dyn Faults> = Arc::new(Weather(Arc::clone(dice)));
    let with = Dependencies {
        store: MemoryStore::connect(&bench.database, Arc::clone(&weather)),
        progress: Arc::new(bench.progress.connect(weather)),
        ..bench.dependencies()
    };
    Member::of(Reactor::new(&tower(), with, options))
}

/// What happens to the members and to the log, besides bells that ring.
async fn strike(bench: &Bench, dice: &Dice, members: &mut Vec<Member>) {
    let somewhere = TopicPartition {
        topic: TOPIC.into(),
        partition: i32::try_from(below(dice, u64::from(PARTITIONS))).unwrap(),
    };
    match below(dice, 40) {
        0 if members.len() < 3 => members.push(join(bench, dice)),
        1 if !members.is_empty() => members.remove(0).crash().await,
        2 if members.len() > 1 => members.remove(0).leave().await,
        3 => bench.log.lose_sessions("jangbu.policies.tower"),
        4 => bench.log.truncate_before(&somewhere, bench.end(&somewhere)),
        5 | 6 => {
            let records = bench.log.records(&somewhere);
            for record in records.iter().rev().take(3).rev() {
                bench.log.put_again(record);
            }
        }
        7 => bench.log.put(&somewhere, Some("alien"), None, &[]),
        8 => mend(bench).await,
        _ => {}
    }
}

/// An operator looks after what is parked, and resumes what stopped.
async fn mend(bench: &Bench) {
    let with = bench.dependencies();
    let redriven = redrive(
        &tower(),
        &*with.progress,
        &*with.store,
        &*with.execute,
        None,
    )
    .await;
    redriven.unwrap();
    let running = ContextState::Running;
    bench.progress.set_state(CONTEXT, &running).await.unwrap();
}

/// What was submitted, in order, and how long all of it took.
async fn storm(seed: u64) -> (Vec<String>, Duration) {
    let began = Instant::now();
    let bench = Bench::new().await;
    let dice: Dice = Arc::new(Mutex::new(SmallRng::seed_from_u64(seed)));
    let of_hands = Arc::clone(&dice);
    bench
        .hands
        .follow(move |_, attempt| temper(&of_hands, attempt));
    let mut members = vec![join(&bench, &dice)];
    let mut expected = vec![Vec::new(); usize::try_from(BELLS).unwrap()];
    let mut last = None;
    for n in 0..STEPS {
        let bell = below(&dice, BELLS);
        let (name, heard) = (
            format!("bell-{bell}"),
            &mut expected[usize::try_from(bell).unwrap()],
        );
        let told = if one_in(&dice, 2) {
            heard.push(format!("sound {n}"));
            bench.stores(&name, Rang { n }).await
        } else {
            heard.push(format!("hush {n}"));
            bench.stores(&name, Muffled { n }).await
        };
        // Some records never reach the log: the next one of the partition tells of it, or the relay does.
        if one_in(&dice, 12) {
            bench.loses(&told);
        } else {
            bench.relays(&told);
        }
        last = Some(told);
        strike(&bench, &dice, &mut members).await;
        sleep(Duration::from_millis(below(&dice, 30))).await;
    }
    bench.hands.let_go();
    if members.is_empty() {
        members.push(join(&bench, &dice));
    }
    let last = last.expect("bells were rung");
    for _ in 0..2_000 {
        sleep(Duration::from_millis(200)).await;
        mend(&bench).await;
        if bench.hands.effects().len() as u64 >= STEPS && bench.parked().await.is_empty() {
            break;
        }
    }
    for (bell, expected) in expected.iter().enumerate() {
        let effects = bench.hands.effects_on(&format!("bell-{bell}"));
        assert_eq!(effects, *expected, "seed {seed}, bell {bell}");
    }
    bench.until_marked(SOUND, &last).await;
    bench.until_marked(HUSH, &last).await;
    for member in members {
        member.leave().await;
    }
    let submitted = bench.hands.submitted().iter().map(say).collect();
    (submitted, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_each_event_takes_effect_once_and_in_order() {
    for seed in 0..SEEDS {
        storm(seed).await;
    }
}

/// A seed reproduces a run: the simulation rests on that.
#[test]
fn the_same_seed_does_the_same() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(storm(7))
    };
    assert_eq!(run(), run());
}
