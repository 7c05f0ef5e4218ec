//! Everything at once, by a seed: processes that die, sessions that break, answers that are lost, a store that is
//! away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kernel::Projection;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::bench::{Process, World, is_exact, reach, shelves, small_steps};
use crate::memory::documents::MemoryDocuments;
use crate::memory::store::{Fate, Faults, MemoryStore, Operation};
use crate::ports::Documents;
use crate::project::{ProjectOptions, Rebuild, definition_of, rebuild};

const SEEDS: u64 = 40;
const STEPS: usize = 250;

#[tokio::test(start_paused = true)]
async fn a_view_is_the_fold_of_the_store_at_every_position_whatever_happens() {
    for seed in 0..SEEDS {
        Storm::new(seed).await.blow().await;
    }
}

/// Sometimes slow, sometimes away, and sometimes the answer is lost after the deed.
struct Unreliable(Mutex<SmallRng>);

impl Faults for Unreliable {
    fn fate(&self, _: Operation) -> Fate {
        let mut random = self.0.lock().unwrap();
        Fate {
            delay: Duration::from_micros(random.random_range(0..3_000)),
            fails: random.random_bool(0.02),
            answer_lost: random.random_bool(0.02).then_some(Duration::ZERO),
            ..Fate::default()
        }
    }
}

struct Storm {
    random: SmallRng,
    world: World,
    documents: MemoryDocuments,
    views: Vec<Arc<dyn Projection>>,
    processes: Vec<Option<Process>>,
    /// How far each view was when it was last looked at: it never goes back.
    seen: BTreeMap<(&'static str, u32), u64>,
}

impl Storm {
    async fn new(seed: u64) -> Self {
        let mut storm = Self {
            random: SmallRng::seed_from_u64(seed),
            world: World::new(),
            documents: MemoryDocuments::new(),
            views: vec![shelves("one", 1), shelves("two", 1), shelves("two", 2)],
            processes: vec![None, None],
            seen: BTreeMap::new(),
        };
        for view in &storm.views {
            storm
                .documents
                .prepare(&definition_of(&**view))
                .await
                .unwrap();
        }
        storm.restart(0).await;
        storm
    }

    async fn blow(mut self) {
        for _ in 0..STEPS {
            self.step().await;
        }
        for which in 0..self.processes.len() {
            self.restart(which).await;
        }
        let head = self.world.events().await.len() as u64;
        for view in self.views.clone() {
            reach(&self.documents, &*view, head).await;
            assert_eq!(self.look(&view).await, head);
        }
        assert_eq!(self.documents.current("two").await.unwrap(), Some(2));
        for process in self.processes.into_iter().flatten() {
            process.stop().await;
        }
    }

    async fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..55 => self.append().await,
            55..60 => {
                // Another process dies before it tells anybody.
                self.world.append_untold("s0").await;
            }
            60..62 => self.documents.break_sessions(),
            62..65 => {
                let which = self.random.random_range(0..self.processes.len());
                self.restart(which).await;
            }
            65..66 => self.rebuild().await,
            66..85 => {
                let which = self.random.random_range(0..self.views.len());
                let view = self.views[which].clone();
                self.look(&view).await;
            }
            _ => {
                let wait = self.random.random_range(0..400);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
    }

    async fn append(&mut self) {
        let id = format!("s{}", self.random.random_range(0..6));
        match self.random.random_range(0..10) {
            0..3 => self.world.ring(&id).await,
            3 => self.world.receive(&id, 13).await,
            _ => {
                self.world
                    .receive(&id, self.random.random_range(1..9))
                    .await
            }
        };
    }

    /// A process dies, in order or not, and another is started.
    async fn restart(&mut self, which: usize) {
        if let Some(process) = self.processes[which].take() {
            if self.random.random_bool(0.5) {
                process.kill().await;
            } else {
                process.stop().await;
            }
        }
        let seed = self.random.random();
        let unreliable = Arc::new(Unreliable(Mutex::new(SmallRng::seed_from_u64(seed))));
        let documents = self.documents.connect(unreliable.clone());
        let store = MemoryStore::connect(&self.world.database, unreliable);
        let options = ProjectOptions {
            batch_events: self.random.random_range(1..30),
            build_pens: self.random.random_range(1..4),
            ..small_steps(seed)
        };
        // An old binary knows the first version of the second view only.
        let known = if self.random.random_bool(0.3) { 2 } else { 3 };
        let known = if which == 0 { 3 } else { known };
        let process = Process::start_on(store, documents, &self.views[..known], options);
        self.processes[which] = Some(process);
    }

    async fn rebuild(&mut self) {
        let job = Rebuild {
            view: self.views[0].clone(),
            documents: Arc::new(self.documents.clone()),
            store: self.world.store.clone(),
            options: small_steps(0),
        };
        let cancel = tokio_util::sync::CancellationToken::new();
        rebuild(&job, &mut |_| {}, &cancel).await.unwrap();
    }

    /// What readers may see is exact; what is being built is nobody's business.
    async fn look(&mut self, view: &Arc<dyn Projection>) -> u64 {
        let current = self.documents.current(view.name()).await.unwrap();
        if current.is_none_or(|current| current < view.version()) {
            return 0;
        }
        let position = is_exact(&self.world, &self.documents, &**view).await;
        let seen = self.seen.entry((view.name(), view.version())).or_default();
        assert!(
            position >= *seen,
            "{} went back from {seen} to {position}",
            view.name()
        );
        *seen = position;
        position
    }
}
