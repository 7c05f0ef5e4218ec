//! Following live.

use std::time::Duration;

use tokio::time::Instant;

use super::bench::{Process, World, is_exact, reach, shelves, small_steps};
use crate::memory::documents::MemoryDocuments;
use crate::ports::Documents;
use crate::project::{ViewState, definition_of};

#[tokio::test(start_paused = true)]
async fn an_event_is_in_the_view_at_once() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    process
        .until("shelves", |state| *state == ViewState::Live)
        .await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    for pieces in 1..=5 {
        let begun = Instant::now();
        let position = world.receive("s1", pieces).await;
        reach(&documents, &*view, position).await;
        assert!(
            begun.elapsed() < Duration::from_millis(2),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(is_exact(&world, &documents, &*view).await, position);
    }
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_moves_over_events_that_the_view_does_not_hear() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    process
        .until("shelves", |state| *state == ViewState::Live)
        .await;
    // Alone, and while others keep coming: a reader who waits for one of them waits for a moment only.
    for _ in 0..20 {
        let begun = Instant::now();
        let position = world.ring("t1").await;
        let others = async {
            for _ in 0..5 {
                world.ring("t2").await;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        };
        let reached = async {
            reach(&documents, &*view, position).await;
            begun.elapsed()
        };
        let (reached, ()) = tokio::join!(reached, others);
        assert!(reached <= Duration::from_millis(12), "{reached:?}");
    }
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_in_order_leaves_nothing_undone() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    for round in 0..3 {
        let process = Process::start(
            &world,
            documents.clone(),
            std::slice::from_ref(&view),
            small_steps(round),
        );
        for _ in 0..10 {
            world.receive("s1", 1).await;
            world.receive("s2", 13).await;
        }
        let head = world.events().await.len() as u64;
        reach(&documents, &*view, head).await;
        process.stop().await;
        assert_eq!(is_exact(&world, &documents, &*view).await, head);
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_ahead_of_a_restored_store_stops_and_says_so() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    for _ in 0..10 {
        world.receive("s1", 1).await;
    }
    reach(&documents, &*view, 10).await;
    process.kill().await;
    // The store alone is restored; the documents live elsewhere.
    world.database.restore(4);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(2),
    );
    let state = process
        .until("shelves", |state| {
            matches!(state, ViewState::Stopped { .. })
        })
        .await;
    let ViewState::Stopped { why, .. } = state else {
        unreachable!()
    };
    assert!(why.contains("rebuild"), "{why}");
    let status = documents.status(&definition_of(&*view)).await.unwrap();
    assert_eq!((status.position, status.stopped.is_some()), (10, true));
    process.stop().await;
}
