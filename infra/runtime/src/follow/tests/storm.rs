//! Everything at once, by a seed: commits told and untold, a store that is slow, away and restored, slow feeds, restarts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event_schemas::Envelope;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::time::timeout;

use super::bench::{Running, World};
use crate::follow::{Feed, FollowError, FollowOptions};
use crate::memory::store::{Fate, Faults, Operation};

const SEEDS: u64 = 100;
const STEPS: usize = 400;
/// After so long without any fault whatever is stored has been heard, or never will be.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(start_paused = true)]
async fn every_feed_has_every_event_once_and_in_order_whatever_happens_to_the_store() {
    for seed in 0..SEEDS {
        Storm::new(seed).blow().await;
    }
}

/// What lies between the followers and the store.
struct Weather {
    random: Mutex<SmallRng>,
    is_calm: AtomicBool,
    is_cut_off: AtomicBool,
}

impl Weather {
    fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            random: Mutex::new(SmallRng::seed_from_u64(seed)),
            is_calm: AtomicBool::new(false),
            is_cut_off: AtomicBool::new(false),
        })
    }
}

impl Faults for Weather {
    fn fate(&self, _: Operation) -> Fate {
        if self.is_calm.load(Ordering::Relaxed) {
            return Fate::default();
        }
        let mut random = self.random.lock().unwrap();
        Fate {
            delay: Duration::from_millis(random.random_range(0..4)),
            answer_delay: Duration::from_millis(random.random_range(0..4)),
            fails: random.random_bool(0.05) || self.is_cut_off.load(Ordering::Relaxed),
            answer_lost: None,
        }
    }
}

struct Storm {
    seed: u64,
    random: SmallRng,
    world: World,
    weather: Arc<Weather>,
    /// What the histories held that a restore ended.
    lost: Vec<Vec<Envelope>>,
    running: Running,
    /// How many events the follower keeps.
    kept: usize,
    /// A history was restored since the follower was started; nothing else may end a feed.
    was_restored: bool,
    feeds: Vec<Heard>,
}

/// A feed, and what it handed out.
struct Heard {
    /// Which history it is of: how many were lost before.
    history: usize,
    after: usize,
    feed: Feed,
    events: Vec<Envelope>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut random = SmallRng::seed_from_u64(seed);
        let world = World::new();
        let weather = Weather::new(random.random());
        let (running, kept) = start(&mut random, &world, &weather);
        Self {
            seed,
            random,
            world,
            weather,
            lost: Vec::new(),
            running,
            kept,
            was_restored: false,
            feeds: Vec::new(),
        }
    }

    async fn blow(mut self) {
        self.subscribe_all().await;
        for _ in 0..STEPS {
            self.step().await;
        }
        self.weather.is_calm.store(true, Ordering::Relaxed);
        for which in 0..self.feeds.len() {
            let heard_out = timeout(PATIENCE, self.hear_out(which)).await;
            let Self { seed, lost, .. } = &self;
            let restores = lost.len();
            assert!(
                heard_out.is_ok(),
                "seed {seed}: a feed stands still; {restores} restores"
            );
        }
        self.running.stop().await;
    }

    async fn step(&mut self) {
        match self.random.random_range(0..1_000) {
            0..350 => self.append().await,
            350..380 => self.append_untold(1).await,
            380..395 => {
                let many = self.random.random_range(1..=2 * self.kept);
                self.append_untold(many).await;
            }
            395..415 => {
                self.weather.is_cut_off.fetch_xor(true, Ordering::Relaxed);
            }
            415..420 => self.restart().await,
            420..424 => self.restore().await,
            424..850 => {
                let which = self.random.random_range(0..self.feeds.len());
                self.hear(which, Duration::from_millis(5)).await;
            }
            _ => {
                let wait = self.random.random_range(0..700);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
    }

    async fn append(&mut self) {
        let id = format!("s{}", self.random.random_range(0..6));
        if self.random.random_bool(0.7) {
            let pieces = self.random.random_range(1..9);
            self.world.receive(&id, pieces).await;
        } else {
            self.world.ring(&id).await;
        }
    }

    async fn append_untold(&mut self, count: usize) {
        for _ in 0..count {
            let id = format!("s{}", self.random.random_range(0..6));
            self.world.append_untold(&id).await;
        }
    }

    /// The process ends, and another one begins.
    async fn restart(&mut self) {
        for heard in std::mem::take(&mut self.feeds) {
            self.is_of_one_history(&heard).await;
        }
        let (running, kept) = start(&mut self.random, &self.world, &self.weather);
        std::mem::replace(&mut self.running, running).stop().await;
        (self.kept, self.was_restored) = (kept, false);
        self.subscribe_all().await;
    }

    async fn restore(&mut self) {
        let events = self.world.events().await;
        let until = self.random.random_range(0..=events.len());
        self.lost.push(events);
        self.was_restored = true;
        self.world.database.restore(until as u64);
        let wait = self.random.random_range(0..3_000);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        self.world.accept_fork().await;
    }

    async fn subscribe_all(&mut self) {
        for _ in 0..3 {
            let heard = self.subscribe().await;
            self.feeds.push(heard);
        }
    }

    async fn subscribe(&mut self) -> Heard {
        let after = self
            .random
            .random_range(0..=self.world.events().await.len());
        // The process may not have heard of a restore yet; then the feed is of the lost history.
        let source = self.running.follower.store().source();
        let incarnations = self.world.database.incarnations();
        let history = incarnations
            .iter()
            .position(|known| *known == source.incarnation);
        Heard {
            history: history.unwrap(),
            after,
            feed: self.running.follower.subscribe(after as u64),
            events: Vec::new(),
        }
    }

    /// One of the feeds takes what is there.
    async fn hear(&mut self, which: usize, wait: Duration) {
        let most = self.random.random_range(1..20);
        let heard = &mut self.feeds[which];
        match timeout(wait, heard.feed.next_batch(most)).await {
            Ok(Ok(batch)) => {
                let batch = batch.into_iter().map(Arc::unwrap_or_clone);
                heard.events.extend(batch);
            }
            Ok(Err(FollowError::Forked)) => {
                assert!(
                    self.was_restored,
                    "seed {}: nothing was restored",
                    self.seed
                );
                let new = self.subscribe().await;
                let ended = std::mem::replace(&mut self.feeds[which], new);
                self.is_of_one_history(&ended).await;
            }
            // The store is away, or there is nothing new.
            Ok(Err(FollowError::Store(_))) | Err(_) => {}
        }
    }

    /// Until the feed has all that is stored; one of a lost history ends before, and the next takes its place.
    async fn hear_out(&mut self, which: usize) {
        let stored = self.world.events().await.len();
        loop {
            let heard = &self.feeds[which];
            let is_whole = heard.after + heard.events.len() == stored;
            if is_whole && heard.history == self.lost.len() {
                return self.is_of_one_history(heard).await;
            }
            self.hear(which, PATIENCE).await;
            // Whoever was told of a restore does not ask again at once.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A feed handed out what its history holds, each once and in order, and nothing of another history.
    async fn is_of_one_history(&self, heard: &Heard) {
        let stored = self.world.events().await;
        let history = self.lost.get(heard.history).unwrap_or(&stored);
        let expected = history.iter().skip(heard.after).take(heard.events.len());
        let is_right = heard.events.iter().eq(expected);
        let Self { seed, .. } = self;
        assert!(
            is_right,
            "seed {seed}, feed after {}: {:#?}",
            heard.after, heard.events
        );
    }
}

fn start(random: &mut SmallRng, world: &World, weather: &Arc<Weather>) -> (Running, usize) {
    let kept_events = random.random_range(2..40);
    let options = FollowOptions {
        kept_events,
        // About as many, so that either limit is met.
        kept_bytes: random.random_range(1_000..15_000),
    };
    let running = world.follow_elsewhere(weather.clone(), &options);
    (running, kept_events)
}
