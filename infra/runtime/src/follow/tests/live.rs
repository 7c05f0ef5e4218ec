//! Start, catch-up, live, and what happens when the log is late or away: one path.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::bench::{Running, World, seen, take, topic_of};
use crate::follow::{Feed, FollowError, FollowOptions, Following};
use crate::memory::log::{LogFate, LogFaults, LogOperation};
use crate::ports::EventStore;

/// Until the follower says so.
async fn until(running: &Running, wanted: impl Fn(&Following) -> bool) {
    let mut following = running.follower.following();
    let wait = following.wait_for(wanted);
    tokio::time::timeout(Duration::from_secs(120), wait)
        .await
        .expect("it comes to that")
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_feed_has_what_was_stored_before_it_and_what_comes_after() {
    let world = World::new().await;
    for sku in ["a", "b", "c"] {
        world.receive(sku, 1).await;
    }
    let running = world.follow(FollowOptions::default());
    let mut feed = running.follower.subscribe(0);
    take(&mut feed, 3).await;
    until(&running, |now| *now == Following::Log).await;
    let begun = Instant::now();
    // Partitions in the wrong order: the later event is in the log first.
    for sku in ["a", "b", "c", "d"] {
        world.receive(sku, 2).await;
    }
    for position in [7, 6, 5, 4] {
        world.publish(position).await;
    }
    let events = take(&mut feed, 4).await;
    let stored = world.events().await;
    assert_eq!(
        seen(events.iter().map(|event| &**event)),
        seen(&stored[3..])
    );
    assert!(
        begun.elapsed() < FollowOptions::default().patience,
        "nothing was waited for"
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_log_does_not_bring_in_time_is_read_from_the_store() {
    let world = World::new().await;
    let running = world.follow(FollowOptions::default());
    until(&running, |now| *now == Following::Log).await;
    let mut feed = running.follower.subscribe(0);
    world.receive("a", 1).await;
    world.receive("b", 1).await;
    world.publish(2).await;
    let begun = Instant::now();
    take(&mut feed, 2).await;
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_secs(1) && waited < Duration::from_secs(2),
        "{waited:?}"
    );

    // From now on the log is known to be behind: the store is read at once, until the log has caught up.
    until(&running, |now| matches!(now, Following::Store { .. })).await;
    let begun = Instant::now();
    world.receive("c", 1).await;
    take(&mut feed, 1).await;
    assert!(
        begun.elapsed() < Duration::from_millis(50),
        "{:?}",
        begun.elapsed()
    );
    world.publish(3).await;
    until(&running, |now| *now == Following::Log).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_log_the_store_is_followed() {
    let world = World::new().await;
    let running = Running::start(world.store.clone(), None, FollowOptions::default());
    let mut feed = running.follower.subscribe(0);
    let begun = Instant::now();
    for pieces in 1..=5 {
        world.receive("a", pieces).await;
        take(&mut feed, 1).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_topic_that_comes_back_is_followed_again() {
    let world = World::new().await;
    let running = world.follow(FollowOptions::default());
    until(&running, |now| *now == Following::Log).await;
    let mut feed = running.follower.subscribe(0);
    world.receive("a", 1).await;
    world.publish(1).await;
    take(&mut feed, 1).await;

    world.log.delete(&topic_of("stock"));
    world.log.break_connections();
    world.receive("a", 2).await;
    take(&mut feed, 1).await;
    until(&running, |now| matches!(now, Following::Store { .. })).await;

    let spec = crate::ports::TopicSpec {
        name: topic_of("stock"),
        partitions: super::bench::PARTITIONS,
    };
    crate::ports::Log::create(&world.log, &[spec])
        .await
        .unwrap();
    // Sooner or later the log is opened anew, and what it brings then counts.
    for pieces in 0.. {
        let position = world.receive("a", pieces + 1).await;
        world.publish(position).await;
        take(&mut feed, 1).await;
        if *running.follower.following().borrow() == Following::Log {
            break;
        }
        assert!(pieces < 100, "the log is never followed again");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_feed_goes_back_to_the_store() {
    let world = World::new().await;
    let options = FollowOptions {
        kept_events: 4,
        ..FollowOptions::default()
    };
    let running = world.follow(options);
    until(&running, |now| *now == Following::Log).await;
    let (mut quick, mut slow) = (running.follower.subscribe(0), running.follower.subscribe(0));
    for _ in 0..20 {
        let position = world.receive("a", 1).await;
        world.publish(position).await;
        take(&mut quick, 1).await;
    }
    let events = take(&mut slow, 20).await;
    assert_eq!(
        seen(events.iter().map(|event| &**event)),
        seen(&world.events().await)
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_nobody_told_us_of_is_found() {
    let world = World::new().await;
    let running = world.follow(FollowOptions::default());
    until(&running, |now| *now == Following::Log).await;
    let mut feed = running.follower.subscribe(0);
    world.append_untold("a").await;
    take(&mut feed, 1).await;
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_restore_feeds_end_and_a_new_one_follows_the_new_history() {
    let world = World::new().await;
    let running = world.follow(FollowOptions::default());
    let mut feed = running.follower.subscribe(0);
    for sku in ["a", "b", "c"] {
        let position = world.receive(sku, 1).await;
        world.publish(position).await;
    }
    take(&mut feed, 3).await;
    world.database.restore(1);
    until(&running, |now| matches!(now, Following::Nothing { .. })).await;
    let ended = feed.next_batch(10).await;
    assert!(matches!(ended, Err(FollowError::Forked)), "{ended:?}");

    world.database.repair_fork();
    world.forget_versions(&["b", "c"]);
    until(&running, |now| *now == Following::Log).await;
    let mut feed = running.follower.subscribe(1);
    let position = world.receive("d", 7).await;
    assert_eq!(position, 2);
    // Records of the history that is gone are still there, and more of them may come.
    world.publish(2).await;
    let events = take(&mut feed, 1).await;
    assert_eq!(
        seen(events.iter().map(|event| &**event)),
        seen(&world.events().await[1..])
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_accepted_before_it_was_noticed_ends_feeds_too() {
    let world = World::new().await;
    let running = world.follow(FollowOptions::default());
    let mut feed = running.follower.subscribe(0);
    for sku in ["a", "b", "c"] {
        let position = world.receive(sku, 1).await;
        world.publish(position).await;
    }
    take(&mut feed, 3).await;
    world.database.restore(1);
    world.database.repair_fork();
    world.forget_versions(&["b", "c"]);
    for sku in ["d", "e", "f", "g"] {
        world.receive(sku, 1).await;
    }
    let ended = tokio::time::timeout(Duration::from_secs(60), feed.next_batch(10)).await;
    assert!(matches!(ended, Ok(Err(FollowError::Forked))), "{ended:?}");
    let mut feed = running.follower.subscribe(0);
    let events = take(&mut feed, 5).await;
    assert_eq!(
        seen(events.iter().map(|event| &**event)),
        seen(&world.events().await)
    );
    running.stop().await;
}

/// A follower that has handed three events out and keeps them.
async fn three_followed() -> (World, Running, Feed) {
    let world = World::new().await;
    let running = world.follow(FollowOptions::default());
    until(&running, |now| *now == Following::Log).await;
    let mut feed = running.follower.subscribe(0);
    for sku in ["a", "b", "c"] {
        let position = world.receive(sku, 1).await;
        world.publish(position).await;
    }
    take(&mut feed, 3).await;
    (world, running, feed)
}

/// The store is restored to before all of them, and goes on with one event.
async fn another_history_begins(world: &World) {
    world.database.restore(0);
    world.database.repair_fork();
    world.forget_versions(&["a", "b", "c"]);
    world.receive("d", 1).await;
}

/// As the simulation found it: a view whose session broke with the restore takes its lease again, and its feed would
/// begin with what is kept of the lost history, because the follower has not asked the store since.
#[tokio::test(start_paused = true)]
async fn what_is_kept_of_a_lost_history_is_not_handed_out_before_the_follower_notices() {
    let (world, running, _feed) = three_followed().await;
    let follower = Arc::clone(&running.follower);
    running.stop().await;
    another_history_begins(&world).await;
    let handed = follower.subscribe(0).next_batch(10).await;
    assert!(matches!(handed, Err(FollowError::Forked)), "{handed:?}");
}

/// As the simulation found it: nothing new comes by the log, and the store's head lies below what is kept.
#[tokio::test(start_paused = true)]
async fn a_history_shorter_than_the_lost_one_is_noticed_without_news() {
    let (world, running, _feed) = three_followed().await;
    another_history_begins(&world).await;
    let followed = async {
        loop {
            match running.follower.subscribe(0).next_batch(10).await {
                Ok(events) => return events,
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    };
    let events = tokio::time::timeout(Duration::from_secs(60), followed).await;
    assert_eq!(events.expect("it is noticed")[0].id, "d");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_needs_no_follower_to_run() {
    let world = World::new().await;
    let follower = crate::follow::Follower::new(
        world.store.clone() as Arc<dyn EventStore>,
        None,
        Vec::new(),
        FollowOptions::default(),
    );
    let mut feed = follower.subscribe(0);
    world.receive("a", 1).await;
    take(&mut feed, 1).await;
    let (events, _) = tokio::join!(take(&mut feed, 1), world.receive("a", 2));
    assert_eq!(events[0].position, 2);
}

/// A broker that is not there: every question takes long and is not answered.
struct Gone;

impl LogFaults for Gone {
    fn fate(&self, _: LogOperation) -> LogFate {
        LogFate {
            delay: Duration::from_secs(20),
            fails: true,
            ..LogFate::default()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_does_not_answer_holds_nothing_up() {
    let world = World::new().await;
    let log = world.log.with_faults(Arc::new(Gone));
    let store = world.store.clone();
    let running = Running::start(store, Some(Arc::new(log)), FollowOptions::default());
    let mut feed = running.follower.subscribe(0);
    for pieces in 1..=200 {
        let begun = Instant::now();
        world.receive("a", pieces).await;
        take(&mut feed, 1).await;
        assert!(
            begun.elapsed() < Duration::from_millis(20),
            "{:?}",
            begun.elapsed()
        );
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    let following = running.follower.following().borrow().clone();
    assert!(
        matches!(following, Following::Store { .. }),
        "{following:?}"
    );
    running.stop().await;
}
