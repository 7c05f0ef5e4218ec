//! Start, catch-up, live, and a store that is away or slow: one path.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::bench::{World, take};
use crate::follow::{FollowOptions, Follower, Following};
use crate::memory::store::{Fate, Faults, NoFaults, Operation};
use crate::ports::EventStore;

/// Nothing was waited for: no timer of the follower is as short.
const AT_ONCE: Duration = Duration::from_millis(50);
/// More events than are read at once.
const BURST: usize = 2_500;

/// Counts what the store is asked; every answer takes so long.
#[derive(Default)]
struct Asked {
    times: watch::Sender<u64>,
    answer_after: Duration,
}

impl Asked {
    fn times(&self) -> u64 {
        *self.times.borrow()
    }
}

impl Faults for Asked {
    fn fate(&self, _: Operation) -> Fate {
        self.times.send_modify(|times| *times += 1);
        Fate {
            answer_delay: self.answer_after,
            ..Fate::default()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_has_what_was_stored_before_it_and_what_comes_after() {
    let world = World::new();
    for sku in ["a", "b", "c"] {
        world.receive(sku, 1).await;
    }
    let running = world.follow(&FollowOptions::default());
    let mut feed = running.follower.subscribe(0);
    let mut heard = take(&mut feed, 3).await;
    running.until_it_follows().await;
    for sku in ["a", "b", "c", "d"] {
        world.receive(sku, 2).await;
    }
    heard.extend(take(&mut feed, 4).await);
    assert_eq!(heard, world.events().await);
    let mut late = running.follower.subscribe(2);
    assert_eq!(take(&mut late, 5).await, heard[2..]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_process_stores_is_heard_at_once() {
    let world = World::new();
    let running = world.follow_elsewhere(Arc::new(NoFaults), &FollowOptions::default());
    running.until_it_follows().await;
    let mut feed = running.follower.subscribe(0);
    for pieces in 1..=5 {
        let begun = Instant::now();
        world.receive("a", pieces).await;
        take(&mut feed, 1).await;
        let waited = begun.elapsed();
        assert!(waited < AT_ONCE, "{waited:?}");
        // However long nothing happens in between.
        tokio::time::sleep(Duration::from_millis(1_700)).await;
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_read_once_for_all_feeds() {
    let world = World::new();
    let asked = Arc::new(Asked::default());
    // Room for a few events; more than that go through.
    let options = FollowOptions {
        kept_bytes: 1_500,
        ..FollowOptions::default()
    };
    let running = world.follow_elsewhere(asked.clone(), &options);
    running.until_it_follows().await;
    let mut feeds = [0; 5].map(|after| running.follower.subscribe(after));
    for pieces in 1..=20 {
        let before = asked.times();
        world.receive("a", pieces).await;
        for feed in &mut feeds {
            take(feed, 1).await;
        }
        assert_eq!(asked.times(), before + 1);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_heard_to_its_end_at_once() {
    let world = World::new();
    let running = world.follow_elsewhere(Arc::new(NoFaults), &FollowOptions::default());
    running.until_it_follows().await;
    let mut feed = running.follower.subscribe(0);
    for _ in 0..BURST {
        world.append_untold("a").await;
    }
    let begun = Instant::now();
    world.receive("a", 1).await;
    let heard = take(&mut feed, BURST + 1).await;
    let waited = begun.elapsed();
    assert!(waited < AT_ONCE, "{waited:?}");
    assert_eq!(heard, world.events().await);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_feed_goes_back_to_the_store() {
    let few = FollowOptions {
        kept_events: 4,
        ..FollowOptions::default()
    };
    let small = FollowOptions {
        kept_bytes: 1_500,
        ..FollowOptions::default()
    };
    for options in [few, small] {
        let world = World::new();
        let asked = Arc::new(Asked::default());
        let running = world.follow_elsewhere(asked.clone(), &options);
        running.until_it_follows().await;
        let (mut quick, mut slow) = (running.follower.subscribe(0), running.follower.subscribe(0));
        for _ in 0..20 {
            world.receive("a", 1).await;
            take(&mut quick, 1).await;
        }
        let before = asked.times();
        assert_eq!(take(&mut slow, 20).await, world.events().await);
        assert!(asked.times() > before, "not all of them were kept");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_is_kept_is_left_to_the_feeds_and_nothing_is_passed_over() {
    let world = World::new();
    let asked = Arc::new(Asked::default());
    let options = FollowOptions {
        kept_events: 4,
        ..FollowOptions::default()
    };
    let running = world.follow_elsewhere(asked.clone(), &options);
    running.until_it_follows().await;
    let mut feed = running.follower.subscribe(0);
    for _ in 0..BURST {
        world.append_untold("a").await;
    }
    let before = asked.times();
    let position = world.receive("a", 1).await;
    tokio::time::sleep(AT_ONCE).await;
    assert_eq!(running.follower.newest(), Some(position));
    assert_eq!(asked.times(), before + 1, "only where the store ends");
    world.receive("a", 2).await;
    assert_eq!(take(&mut feed, BURST + 2).await, world.events().await);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_nobody_told_us_of_is_found_and_told_to_whoever_waits_for_arrivals() {
    let world = World::new();
    let running = world.follow(&FollowOptions::default());
    running.until_it_follows().await;
    let mut feed = running.follower.subscribe(0);
    let arrivals = world.store.arrivals();
    world.append_untold("a").await;
    take(&mut feed, 1).await;
    assert_eq!(*arrivals.borrow(), 1);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_told_and_not_stored_is_not_followed() {
    let world = World::new();
    let options = FollowOptions {
        kept_events: 4,
        ..FollowOptions::default()
    };
    let running = world.follow(&options);
    running.until_it_follows().await;
    let mut feed = running.follower.subscribe(0);
    for told in [3, 1_000_000] {
        world.store.announce(told);
        tokio::time::sleep(AT_ONCE).await;
        assert_eq!(running.follower.newest(), Some(0), "told of {told}");
    }
    world.receive("a", 1).await;
    assert_eq!(take(&mut feed, 1).await, world.events().await);
    running.stop().await;
}

/// As a review found it: the news came between the store's answer where it ends and its arrival here, was taken for
/// what the answer had said already, and the event was found by the next question only, two seconds later.
#[tokio::test(start_paused = true)]
async fn news_that_crosses_the_answer_where_the_store_ends_counts() {
    let world = World::new();
    let asked = Arc::new(Asked {
        answer_after: Duration::from_millis(100),
        ..Asked::default()
    });
    let running = world.follow_elsewhere(asked.clone(), &FollowOptions::default());
    running.until_it_follows().await;
    let mut feed = running.follower.subscribe(0);
    // Nothing happens, so the next thing that is asked is where the store ends.
    asked.times.subscribe().changed().await.unwrap();
    tokio::time::sleep(asked.answer_after / 2).await;
    let begun = Instant::now();
    world.receive("a", 1).await;
    take(&mut feed, 1).await;
    let waited = begun.elapsed();
    assert!(waited < asked.answer_after * 2, "{waited:?}");
    running.stop().await;
}

/// A store that is there, or not.
#[derive(Default)]
struct Away(AtomicBool);

impl Faults for Away {
    fn fate(&self, _: Operation) -> Fate {
        Fate {
            fails: self.0.load(Ordering::Relaxed),
            ..Fate::default()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_away_is_followed_again() {
    let world = World::new();
    let away = Arc::new(Away::default());
    let running = world.follow_elsewhere(away.clone(), &FollowOptions::default());
    running.until_it_follows().await;
    let mut feed = running.follower.subscribe(0);
    world.receive("a", 1).await;
    let mut heard = take(&mut feed, 1).await;

    away.0.store(true, Ordering::Relaxed);
    for sku in ["a", "b", "c"] {
        world.receive(sku, 2).await;
    }
    running
        .until(|now| matches!(now, Following::Nothing { .. }))
        .await;
    away.0.store(false, Ordering::Relaxed);
    heard.extend(take(&mut feed, 3).await);
    assert_eq!(heard, world.events().await);
    running.until_it_follows().await;

    let begun = Instant::now();
    world.receive("d", 3).await;
    take(&mut feed, 1).await;
    assert!(begun.elapsed() < AT_ONCE, "it is told of what comes again");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_needs_no_follower_to_run() {
    let world = World::new();
    let follower = Follower::new(world.store.clone(), &FollowOptions::default());
    let mut feed = follower.subscribe(0);
    world.receive("a", 1).await;
    take(&mut feed, 1).await;
    let (events, _) = tokio::join!(take(&mut feed, 1), world.receive("a", 2));
    assert_eq!(events[0].position, 2);
}
