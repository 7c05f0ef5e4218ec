//! Runs seeds, and says how to repeat one that fails.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::run;

/// So many seeds in an ordinary test run.
const SEEDS: u64 = 200;
/// Of so many failing seeds all is told; more would only hide them.
const SHOWN: usize = 5;

fn asked_for(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

#[test]
fn no_seed_breaks_a_law() {
    let seeds = match asked_for("JANGBU_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..asked_for("JANGBU_SEEDS").unwrap_or(SEEDS),
    };
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if !seeds.contains(&seed) {
                        return;
                    }
                    let told = std::panic::catch_unwind(|| run(seed).broken)
                        .unwrap_or_else(|_| vec!["it panicked; see above".to_owned()]);
                    if !told.is_empty() {
                        failures.lock().unwrap().push((seed, told));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let told: Vec<_> = failures.iter().take(SHOWN).map(tell).collect();
    assert!(
        failures.is_empty(),
        "{} seeds break laws: {:?}\n{}",
        failures.len(),
        failures.iter().map(|(seed, _)| seed).collect::<Vec<_>>(),
        told.join("\n")
    );
}

fn tell((seed, broken): &(u64, Vec<String>)) -> String {
    format!(
        "seed {seed}:\n  {}\n  again: JANGBU_SEED={seed} cargo test -p jangbu-tests --test simulation no_seed",
        broken.join("\n  ")
    )
}

/// Without this a seed would prove nothing, and a failure could not be looked into.
#[test]
fn one_seed_tells_the_same_story_every_time() {
    for seed in [3, 8, 21] {
        let (first, second) = (run(seed), run(seed));
        let differs = (first.lines.iter().zip(&second.lines)).position(|(a, b)| a != b);
        if let Some(line) = differs {
            panic!(
                "seed {seed} went another way at line {line}:\n{}\n{}",
                first.lines[line], second.lines[line]
            );
        }
        assert_eq!(first, second);
        assert!(first.lines.len() > 20, "seed {seed} did next to nothing");
    }
}
