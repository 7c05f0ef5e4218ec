//! A new version beside the one that is read, and back again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::bench::{Process, World, is_exact, reach, receive_some, shelves, small_steps};
use crate::memory::documents::MemoryDocuments;
use crate::ports::Documents;
use crate::project::{Freshness, ProjectOptions, ViewError, ViewState, Views};

#[tokio::test(start_paused = true)]
async fn a_new_version_takes_over_when_it_is_not_behind_and_readers_never_go_back() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let (one, two) = (shelves("shelves", 1), shelves("shelves", 2));
    let old = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&one),
        small_steps(1),
    );
    receive_some(&world, 200).await;
    reach(&documents, &*one, 200).await;

    let both = [one.clone(), two.clone()];
    let slow = ProjectOptions {
        build_events_per_second: Some(400),
        ..small_steps(2)
    };
    let new = Process::start(&world, documents.clone(), &both, slow);
    let views = Views::new(&both, Arc::new(documents.clone()), world.store.clone());
    let mut last = 0;
    let mut versions = BTreeSet::new();
    for round in 0.. {
        world.receive("s1", 1).await;
        let version = views.serving("shelves").await.unwrap().version();
        let read = views
            .get("shelves", "s1", Freshness::default())
            .await
            .unwrap();
        assert!(
            read.position >= last,
            "readers went back from {last} to {}",
            read.position
        );
        last = read.position;
        if versions.insert(version) && version == 2 {
            break;
        }
        assert!(round < 10_000, "version 2 never takes over");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(versions, BTreeSet::from([1, 2]));
    let head = world.events().await.len() as u64;
    reach(&documents, &*two, head).await;
    is_exact(&world, &documents, &*two).await;
    // The old one is there for the old binary, as long as that runs.
    reach(&documents, &*one, head).await;
    is_exact(&world, &documents, &*one).await;
    old.stop().await;
    new.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rolled_back_binary_reads_its_own_version_and_does_not_take_over() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let (one, two) = (shelves("shelves", 1), shelves("shelves", 2));
    receive_some(&world, 20).await;
    for view in [&one, &two] {
        let process = Process::start(
            &world,
            documents.clone(),
            std::slice::from_ref(view),
            small_steps(1),
        );
        process
            .until("shelves", |state| *state == ViewState::Live)
            .await;
        process.stop().await;
    }
    assert_eq!(documents.current("shelves").await.unwrap(), Some(2));

    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&one),
        small_steps(1),
    );
    receive_some(&world, 20).await;
    let views = Views::new(
        std::slice::from_ref(&one),
        Arc::new(documents.clone()),
        world.store.clone(),
    );
    let fresh = Freshness::new(Some(40), None);
    let read = views.get("shelves", "s1", fresh).await.unwrap();
    assert_eq!(read.position, 40);
    assert_eq!(documents.current("shelves").await.unwrap(), Some(2));
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_reads_a_first_version_before_it_is_built() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    receive_some(&world, 100).await;
    let views = Views::new(
        std::slice::from_ref(&view),
        Arc::new(documents.clone()),
        world.store.clone(),
    );
    let early = views.get("shelves", "s1", Freshness::default()).await;
    assert!(
        matches!(early, Err(ViewError::Building { position: 0, .. })),
        "{early:?}"
    );
    let slow = ProjectOptions {
        build_events_per_second: Some(100),
        ..small_steps(1)
    };
    let process = Process::start(&world, documents.clone(), std::slice::from_ref(&view), slow);
    tokio::time::sleep(Duration::from_millis(400)).await;
    let early = views.get("shelves", "s1", Freshness::default()).await;
    assert!(
        matches!(
            early,
            Err(ViewError::Building {
                position: 10..80,
                ..
            })
        ),
        "{early:?}"
    );
    process
        .until("shelves", |state| *state == ViewState::Live)
        .await;
    let read = views
        .get("shelves", "s1", Freshness::default())
        .await
        .unwrap();
    assert_eq!(read.position, 100);
    process.stop().await;
}
