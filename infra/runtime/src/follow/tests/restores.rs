//! History is restored under a follower: nothing of the lost one is handed out as if it stood.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bench::{Running, World, take};
use crate::follow::{Feed, FollowError, FollowOptions, Follower, Following};
use crate::memory::store::NoFaults;

/// What a follower has handed out and keeps, when history is restored.
struct Followed {
    world: World,
    running: Running,
    feed: Feed,
}

impl Followed {
    /// Follows in the process that appends, which so hears at once that another history was accepted.
    async fn here() -> Self {
        let world = World::new();
        let running = world.follow(&FollowOptions::default());
        Self::begin(world, running).await
    }

    /// Follows in a process that does nothing else.
    async fn elsewhere() -> Self {
        let world = World::new();
        let running = world.follow_elsewhere(Arc::new(NoFaults), &FollowOptions::default());
        Self::begin(world, running).await
    }

    async fn begin(world: World, running: Running) -> Self {
        running.until_it_follows().await;
        let mut feed = running.follower.subscribe(0);
        for _ in 0..7 {
            for sku in ["a", "b", "c"] {
                world.receive(sku, 1).await;
            }
        }
        take(&mut feed, 21).await;
        Self {
            world,
            running,
            feed,
        }
    }
}

/// The store is restored to before all of it, and what is left is accepted.
async fn another_history_begins(world: &World) {
    world.database.restore(0);
    world.accept_fork().await;
}

/// The feed ends, and does so soon: views stand still until then.
async fn ends(feed: &mut Feed) {
    let ended = tokio::time::timeout(Duration::from_secs(3), feed.next_batch(10)).await;
    assert!(matches!(ended, Ok(Err(FollowError::Forked))), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn after_a_restore_feeds_end_and_a_new_one_follows_the_new_history() {
    let mut followed = Followed::elsewhere().await;
    followed.world.database.restore(1);
    let nothing = |now: &Following| matches!(now, Following::Nothing { .. });
    followed.running.until(nothing).await;
    ends(&mut followed.feed).await;

    followed.world.accept_fork().await;
    followed.running.until_it_follows().await;
    let mut feed = followed.running.follower.subscribe(1);
    assert_eq!(followed.world.receive("d", 7).await, 2);
    let events = take(&mut feed, 1).await;
    assert_eq!(events, followed.world.events().await[1..]);
    followed.running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_accepted_before_it_was_noticed_ends_feeds_too() {
    let mut followed = Followed::elsewhere().await;
    followed.world.database.restore(1);
    followed.world.accept_fork().await;
    for pieces in 1..=25 {
        followed.world.receive("d", pieces).await;
    }
    ends(&mut followed.feed).await;
    let mut feed = followed.running.follower.subscribe(0);
    let events = take(&mut feed, 26).await;
    assert_eq!(events, followed.world.events().await);
    followed.running.stop().await;
}

/// As the simulation found it: a view whose session broke with the restore takes its lease again, and its feed would
/// begin with what is kept of the lost history, because the follower has not asked the store since.
#[tokio::test(start_paused = true)]
async fn what_is_kept_of_a_lost_history_is_not_handed_out_before_the_follower_notices() {
    let Followed { world, running, .. } = Followed::here().await;
    let follower = Arc::clone(&running.follower);
    running.stop().await;
    another_history_begins(&world).await;
    world.receive("d", 1).await;
    let handed = follower.subscribe(0).next_batch(10).await;
    assert!(matches!(handed, Err(FollowError::Forked)), "{handed:?}");
}

/// As the simulation found it: the store's head lies below what is kept, and so does whatever is told.
#[tokio::test(start_paused = true)]
async fn a_history_shorter_than_the_lost_one_is_noticed_without_news() {
    let mut followed = Followed::elsewhere().await;
    another_history_begins(&followed.world).await;
    followed.world.receive("d", 1).await;
    ends(&mut followed.feed).await;
    let mut feed = followed.running.follower.subscribe(0);
    let events = take(&mut feed, 1).await;
    assert_eq!(events, followed.world.events().await);
    followed.running.stop().await;
}

/// As a review found it: where the store ends was asked after silence only, and news of positions that had been
/// followed before, in the lost history, broke the silence and brought nothing.
#[tokio::test(start_paused = true)]
async fn a_history_shorter_than_the_lost_one_is_noticed_under_steady_news() {
    let mut followed = Followed::here().await;
    let traffic = async {
        another_history_begins(&followed.world).await;
        for pieces in 1..=10 {
            followed.world.receive("d", pieces).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    // The feed waits already when it happens: it hears only what the follower tells it.
    tokio::join!(ends(&mut followed.feed), traffic);
    followed.running.stop().await;
}

/// As the storm found it (seed 233 of many): the follower had read nothing yet, so that nothing it kept was of the lost
/// history, and the feed went on from the lost one into the new one.
#[tokio::test(start_paused = true)]
async fn what_is_kept_of_the_new_history_is_not_handed_to_a_feed_of_the_lost_one() {
    let world = World::new();
    let follower = Follower::new(world.store.clone(), &FollowOptions::default());
    let mut feed = follower.subscribe(0);
    for sku in ["a", "b", "c"] {
        world.receive(sku, 1).await;
    }
    take(&mut feed, 3).await;
    another_history_begins(&world).await;
    for sku in ["d", "e", "f"] {
        world.receive(sku, 1).await;
    }
    let cancel = CancellationToken::new();
    let goes_on = async {
        let mut following = follower.following();
        following
            .wait_for(|now| *now == Following::Store)
            .await
            .unwrap();
        world.receive("g", 1).await;
        ends(&mut feed).await;
        cancel.cancel();
    };
    tokio::join!(follower.run(cancel.clone()), goes_on);
}
