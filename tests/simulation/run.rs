//! One run: people shop, things go wrong, then all is mended and awaited until it is quiet, and the laws are checked.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::chaos::chaos;
use super::customer::customer;
use super::laws::{self, Evidence};
use super::world::World;

/// A run takes no longer than this by its own clock; what is not done by then never will be.
const PATIENCE: Duration = Duration::from_secs(1_500);

/// What is left of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// Everything that happened, a line each; the same seed writes the same lines.
    pub(super) lines: Vec<String>,
    /// The laws that were broken.
    pub(super) broken: Vec<String>,
}

/// Runs one seed to its end.
pub(super) fn run(seed: u64) -> Report {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O starts")
        .block_on(async {
            let world = World::new(seed);
            match tokio::time::timeout(PATIENCE, live(&world)).await {
                Ok(report) => report,
                Err(_) => Report {
                    lines: Vec::new(),
                    broken: vec![format!("the run was not over after {PATIENCE:?}")],
                },
            }
        })
}

async fn live(world: &Arc<World>) -> Report {
    world.open().await;
    let mut people = JoinSet::new();
    for name in 0..world.dice.index(5) + 2 {
        let errands = world.dice.between(5, 25);
        people.spawn(customer(Arc::clone(world), name, errands));
    }
    chaos(world).await;
    while let Some(ended) = people.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    world.mend().await;
    let evidence = Evidence::gather(world).await;
    Report {
        lines: transcript(&evidence),
        broken: laws::broken(&evidence).await,
    }
}

fn transcript(evidence: &Evidence<'_>) -> Vec<String> {
    let stored = evidence.events.iter().map(|event| format!("{event:?}"));
    let attempts = evidence.attempts.values().flatten();
    let answered = attempts.map(|attempt| {
        format!(
            "{} {}: {:?}",
            attempt.command_id, attempt.submission.stream, attempt.outcome
        )
    });
    stored.chain(answered).collect()
}
