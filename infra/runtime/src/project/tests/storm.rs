//! Everything at once, by a seed: processes that die, sessions that break, answers that are lost, logs that misbehave.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kernel::Projection;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::bench::{Process, World, is_exact, reach, shelves, small_steps};
use crate::follow::tests::bench::topic_of;
use crate::memory::documents::MemoryDocuments;
use crate::memory::store::{Fate, Faults, Operation};
use crate::ports::{Documents, TopicPartition};
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
    pending: BTreeMap<TopicPartition, VecDeque<u64>>,
    /// How far each view was when it was last looked at: it never goes back.
    seen: BTreeMap<(&'static str, u32), u64>,
}

impl Storm {
    async fn new(seed: u64) -> Self {
        let mut storm = Self {
            random: SmallRng::seed_from_u64(seed),
            world: World::new().await,
            documents: MemoryDocuments::new(),
            views: vec![shelves("one", 1), shelves("two", 1), shelves("two", 2)],
            processes: vec![None, None],
            pending: BTreeMap::new(),
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
            0..40 => self.append().await,
            40..65 => self.publish().await,
            65..67 => self.publish_again(),
            67..68 => self.pending.clear(),
            68..69 => self.world.log.wipe(&topic_of("stock")),
            69..71 => self.documents.break_sessions(),
            71..74 => {
                let which = self.random.random_range(0..self.processes.len());
                self.restart(which).await;
            }
            74..75 => self.rebuild().await,
            75..90 => {
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
        let position = match self.random.random_range(0..10) {
            0..3 => self.world.ring(&id).await,
            3 => self.world.receive(&id, 13).await,
            _ => {
                self.world
                    .receive(&id, self.random.random_range(1..9))
                    .await
            }
        };
        let place = self.world.place(&self.world.event(position).await);
        self.pending.entry(place).or_default().push_back(position);
    }

    async fn publish(&mut self) {
        let mut queues: Vec<_> = self
            .pending
            .values_mut()
            .filter(|queue| !queue.is_empty())
            .collect();
        if !queues.is_empty() {
            let which = self.random.random_range(0..queues.len());
            let position = queues[which].pop_front().unwrap();
            self.world.publish(position).await;
        }
    }

    fn publish_again(&mut self) {
        let places = self.world.log.places();
        let place = &places[self.random.random_range(0..places.len())];
        for record in self.world.log.records(place).iter().rev().take(3).rev() {
            self.world.log.put_again(record);
        }
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
        let unreliable = Unreliable(Mutex::new(SmallRng::seed_from_u64(seed)));
        let documents = self.documents.connect(Arc::new(unreliable));
        let options = ProjectOptions {
            batch_events: self.random.random_range(1..30),
            build_pens: self.random.random_range(1..4),
            ..small_steps(seed)
        };
        // An old binary knows the first version of the second view only.
        let known = if self.random.random_bool(0.3) { 2 } else { 3 };
        let known = if which == 0 { 3 } else { known };
        let process = Process::start(&self.world, documents, &self.views[..known], options);
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
