//! Everything at once, by a seed: interleaved partitions, duplicates, gaps, wiped topics, lies, restarts.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use event_schemas::Envelope;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use super::bench::{Running, World, seen, take, topic_of};
use crate::follow::{Feed, FollowOptions};
use crate::ports::TopicPartition;

const SEEDS: u64 = 60;
const STEPS: usize = 300;

#[tokio::test(start_paused = true)]
async fn every_feed_has_every_event_once_and_in_order_whatever_the_log_does() {
    for seed in 0..SEEDS {
        Storm::new(seed).await.blow().await;
    }
}

struct Storm {
    seed: u64,
    random: SmallRng,
    world: World,
    running: Option<Running>,
    /// Stored and not yet published, per partition: the relay keeps order within each.
    pending: BTreeMap<TopicPartition, VecDeque<u64>>,
    published: Vec<u64>,
    feeds: Vec<(u64, Feed, Vec<Arc<Envelope>>)>,
}

impl Storm {
    async fn new(seed: u64) -> Self {
        Self {
            seed,
            random: SmallRng::seed_from_u64(seed),
            world: World::new().await,
            running: None,
            pending: BTreeMap::new(),
            published: Vec::new(),
            feeds: Vec::new(),
        }
    }

    async fn blow(mut self) {
        self.restart().await;
        for _ in 0..STEPS {
            self.step().await;
        }
        let stored = self.world.events().await;
        for (after, mut feed, mut events) in self.feeds {
            let missing = stored.len() - usize::try_from(after).unwrap() - events.len();
            events.extend(take(&mut feed, missing).await);
            let from = usize::try_from(after).unwrap();
            let seed = self.seed;
            let got = seen(events.iter().map(|event| &**event));
            assert_eq!(
                got,
                seen(&stored[from..]),
                "seed {seed}, feed after {after}"
            );
        }
        if let Some(running) = self.running {
            running.stop().await;
        }
    }

    async fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..35 => self.append().await,
            35..65 => self.publish().await,
            65..70 => self.publish_again(),
            70..72 => self.lose_a_record(),
            72..77 => self.forge().await,
            77..78 => self.world.log.wipe(&topic_of("stock")),
            78..79 => self.world.log.break_connections(),
            79..80 => self.restart().await,
            80..90 => self.hear().await,
            _ => {
                let wait = self.random.random_range(0..700);
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
    }

    async fn append(&mut self) {
        let id = format!("s{}", self.random.random_range(0..6));
        let position = match self.random.random_bool(0.7) {
            true => {
                self.world
                    .receive(&id, self.random.random_range(1..9))
                    .await
            }
            false => self.world.ring(&id).await,
        };
        let place = self.world.place(&self.world.event(position).await);
        self.pending.entry(place).or_default().push_back(position);
    }

    async fn publish(&mut self) {
        let queues = self.pending.values_mut().filter(|queue| !queue.is_empty());
        let mut queues: Vec<_> = queues.collect();
        if queues.is_empty() {
            return;
        }
        let which = self.random.random_range(0..queues.len());
        let position = queues[which].pop_front().unwrap();
        self.world.publish(position).await;
        self.published.push(position);
    }

    /// A leader that died published it, and the next one does again.
    fn publish_again(&mut self) {
        let places = self.world.log.places();
        let place = &places[self.random.random_range(0..places.len())];
        for record in self.world.log.records(place).iter().rev().take(3).rev() {
            self.world.log.put_again(record);
        }
    }

    fn lose_a_record(&mut self) {
        for queue in self.pending.values_mut() {
            queue.pop_front();
        }
    }

    async fn forge(&mut self) {
        let head = self.world.events().await.len() as u64;
        if head == 0 {
            return;
        }
        let event = self.world.event(self.random.random_range(1..=head)).await;
        if self.random.random_bool(0.5) {
            let ahead = self.random.random_range(1..6);
            self.world.forge_position(&event, head + ahead);
        } else if self.published.contains(&event.position) {
            // Who has read the log knows the id.
            self.world.forge(&event, 999, event.event_id);
        } else {
            self.world.forge(&event, 999, Uuid::from_u128(u128::MAX));
        }
    }

    async fn restart(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
            self.feeds.clear();
        }
        let options = FollowOptions {
            kept_events: self.random.random_range(2..40),
            ..FollowOptions::default()
        };
        let running = self.world.follow(options);
        let head = self.world.events().await.len() as u64;
        for _ in 0..3 {
            let after = self.random.random_range(0..=head);
            self.feeds
                .push((after, running.follower.subscribe(after), Vec::new()));
        }
        self.running = Some(running);
    }

    /// One of the feeds takes what is there.
    async fn hear(&mut self) {
        let which = self.random.random_range(0..self.feeds.len());
        let most = self.random.random_range(1..20);
        let (_, feed, events) = &mut self.feeds[which];
        let wait = Duration::from_millis(5);
        if let Ok(batch) = tokio::time::timeout(wait, feed.next_batch(most)).await {
            events.extend(batch.unwrap());
        }
    }
}
