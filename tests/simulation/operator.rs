//! The operator: looks what stands still and does what the message says, until all is quiet.

use std::time::Duration;

use jangbu_runtime::ports::{ContextState, Documents, Progress};
use jangbu_runtime::project::definition_of;
use jangbu_runtime::react::redrive;
use jangbu_runtime::relay::repair::{RepairError, Repaired, refill, step_over};
use tokio::time::{Instant, sleep};

use super::customer::insist;
use super::world::World;

/// Longer than every wait, backoff and patience in the chassis, the relay's look after its topics (30 s) included: what
/// has not moved for so long will not move.
const QUIET: Duration = Duration::from_secs(70);

impl World {
    /// Everything works again and everybody is up; whoever never heard an answer asks until there is one; and what
    /// stopped is repaired as it asks to be, until nothing moves any more.
    pub(super) async fn mend(&self) {
        self.weather.calm_down();
        for process in &self.processes {
            process.start(self);
        }
        for submission in self.history.unanswered() {
            let _ = insist(self, &submission).await;
        }
        let (mut seen, mut since) = (self.standing().await, Instant::now());
        while !seen.is_settled() || since.elapsed() < QUIET {
            sleep(Duration::from_secs(1)).await;
            self.repair().await;
            let now = self.standing().await;
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
    }

    /// Does what a stopped relay, a stopped context and parked events ask for.
    pub(super) async fn repair(&self) {
        if let Some(why) = self.relay_stopped().await {
            let forked = why.contains("jangbu repair fork");
            let said_so = forked || why.contains("jangbu repair kafka");
            assert!(
                said_so,
                "the relay stopped and does not say what to do: {why}"
            );
            if forked {
                self.accept_fork().await;
            } else {
                let ledger = self.ledger.of(&self.store());
                is_done(refill(&*ledger, &self.log, &self.relay_options()).await);
            }
        }
        for context in self.system.contexts() {
            let (progress, name) = (&self.progress, context.name());
            if progress
                .state(name)
                .await
                .is_ok_and(|state| state != ContextState::Running)
            {
                let running = progress.set_state(name, &ContextState::Running).await;
                running.expect("nothing disturbs it");
            }
            let parked = progress
                .parked_keys(name)
                .await
                .expect("nothing disturbs it");
            if let (false, Some(engine)) = (parked.is_empty(), self.processes[0].engine()) {
                let redriven = redrive(context, progress, &*self.store(), &engine, None).await;
                redriven.expect("nothing disturbs it");
            }
        }
    }

    /// `jangbu repair fork`.
    pub(super) async fn accept_fork(&self) {
        self.database.repair_fork();
        let ledger = self.ledger.of(&self.store());
        is_done(step_over(&*ledger, &self.log, &self.relay_options()).await);
    }

    async fn relay_stopped(&self) -> Option<String> {
        let ledger = self.ledger.of(&self.store());
        ledger.stopped().await.expect("nothing disturbs it")
    }

    async fn standing(&self) -> Standing {
        let ledger = self.ledger.of(&self.store());
        let mut standing = Standing {
            head: self.head().await,
            relayed: ledger
                .checkpoint()
                .await
                .expect("nothing disturbs it")
                .position,
            views: Vec::new(),
            parked: 0,
        };
        for view in self.system.views() {
            let position = self.documents.position(&definition_of(&**view)).await;
            standing.views.push(position.unwrap_or_default());
        }
        for context in self.system.contexts() {
            let parked = self.progress.parked(context.name(), None, usize::MAX).await;
            standing.parked += parked.expect("nothing disturbs it").len();
        }
        standing
    }
}

/// A relay that leads has nothing to be repaired, or is about to stop by itself.
fn is_done(repaired: Result<Repaired, RepairError>) {
    match repaired {
        Ok(_) | Err(RepairError::Leading) => {}
        Err(error) => panic!("the relay cannot be repaired: {error}"),
    }
}

/// How far everything came.
#[derive(PartialEq, Eq)]
struct Standing {
    head: u64,
    relayed: u64,
    views: Vec<u64>,
    parked: usize,
}

impl Standing {
    fn is_settled(&self) -> bool {
        let follows = self.views.iter().all(|position| *position == self.head);
        self.relayed == self.head && follows && self.parked == 0
    }
}
