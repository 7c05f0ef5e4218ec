//! Building beside what serves: a new version, and the same version anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::bench::{
    Process, TOO_MANY, World, expected, fragile, is_exact, reach, shelves, small_steps, whole,
};
use crate::memory::documents::MemoryDocuments;
use crate::ports::{Documents, ViewDefinition};
use crate::project::{
    Freshness, ProjectOptions, Rebuild, RebuildError, ViewError, ViewState, Views, definition_of,
    rebuild,
};

async fn receive_some(world: &World, count: u64) {
    for number in 1..=count {
        let pieces = if number % 7 == 0 { 13 } else { number };
        let position = world.receive(&format!("s{}", number % 5), pieces).await;
        world.publish(position).await;
    }
}

fn job(world: &World, documents: &MemoryDocuments, version: u32) -> Rebuild {
    Rebuild {
        view: shelves("shelves", version),
        documents: Arc::new(documents.clone()),
        store: world.store.clone(),
        options: ProjectOptions {
            build_events_per_second: Some(500),
            ..small_steps(9)
        },
    }
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_beside_live_traffic_gives_identical_documents_and_shows_nothing_half_built() {
    let world = World::new().await;
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    receive_some(&world, 200).await;
    reach(&documents, &*view, 200).await;

    let job = job(&world, &documents, 1);
    let mut seen = BTreeSet::new();
    let mut told = |progress: crate::project::Progress| {
        assert!(progress.position <= progress.goal);
        seen.insert(progress.position);
    };
    let cancel = CancellationToken::new();
    let done = CancellationToken::new();
    let rebuilding = async {
        let position = rebuild(&job, &mut told, &cancel).await.unwrap();
        done.cancel();
        position
    };
    let traffic = async {
        while !done.is_cancelled() {
            receive_some(&world, 3).await;
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let reading = async {
        let mut last = 0;
        let mut reads = 0;
        while !done.is_cancelled() {
            let position = is_exact(&world, &documents, &*view).await;
            assert!(
                position >= last,
                "readers went back from {last} to {position}"
            );
            (last, reads) = (position, reads + 1);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        reads
    };
    let (position, (), reads) = tokio::join!(rebuilding, traffic, reading);
    assert!(position > 200, "events came in meanwhile");
    assert!(reads > 100, "{reads}");
    assert!(seen.len() > 10, "progress was told: {seen:?}");

    // And the one that serves goes on in the new documents.
    receive_some(&world, 10).await;
    let head = world.events().await.len() as u64;
    reach(&documents, &*view, head).await;
    is_exact(&world, &documents, &*view).await;
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_repairs_what_was_wrong_and_ends_a_stop() {
    let world = World::new().await;
    let documents = MemoryDocuments::new();
    let old = fragile("shelves");
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&old),
        small_steps(1),
    );
    receive_some(&world, 20).await;
    world.receive("s1", TOO_MANY).await;
    receive_some(&world, 5).await;
    process
        .until("shelves", |state| {
            matches!(state, ViewState::Stopped { .. })
        })
        .await;
    process.stop().await;

    let job = job(&world, &documents, 1);
    let position = rebuild(&job, &mut |_| {}, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(position, 26);
    assert_eq!(is_exact(&world, &documents, &*job.view).await, 26);
    let status = documents.status(&definition_of(&*job.view)).await.unwrap();
    assert_eq!(status.stopped, None);
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_that_cannot_be_finished_leaves_everything_as_it_was() {
    let world = World::new().await;
    let documents = MemoryDocuments::new();
    let view = shelves("shelves", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    receive_some(&world, 20).await;
    world.receive("s1", TOO_MANY).await;
    reach(&documents, &*view, 21).await;
    let broken = Rebuild {
        view: fragile("shelves"),
        ..job(&world, &documents, 1)
    };
    let failed = rebuild(&broken, &mut |_| {}, &CancellationToken::new()).await;
    assert!(
        matches!(failed, Err(RebuildError::Stopped { position: 21, .. })),
        "{failed:?}"
    );

    let cancel = CancellationToken::new();
    let whole_job = job(&world, &documents, 1);
    let mut stop_soon = |progress: crate::project::Progress| {
        if progress.position > 8 {
            cancel.cancel();
        }
    };
    let failed = rebuild(&whole_job, &mut stop_soon, &cancel).await;
    assert!(matches!(failed, Err(RebuildError::Cancelled)), "{failed:?}");
    assert_eq!(is_exact(&world, &documents, &*view).await, 21);

    // What is left of those does not disturb the next one.
    rebuild(&whole_job, &mut |_| {}, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(is_exact(&world, &documents, &*view).await, 21);
    process.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_rebuilds_at_a_time() {
    let world = World::new().await;
    let documents = MemoryDocuments::new();
    receive_some(&world, 50).await;
    let (first, second) = (job(&world, &documents, 1), job(&world, &documents, 1));
    let cancel = CancellationToken::new();
    let (mut quiet, mut also_quiet) = (|_| {}, |_| {});
    let (first, second) = tokio::join!(
        rebuild(&first, &mut quiet, &cancel),
        rebuild(&second, &mut also_quiet, &cancel)
    );
    assert_eq!(first.unwrap(), 50);
    assert!(
        matches!(second, Err(RebuildError::AlreadyRebuilding { .. })),
        "{second:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_version_takes_over_when_it_is_not_behind_and_readers_never_go_back() {
    let world = World::new().await;
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
        let position = world.receive("s1", 1).await;
        world.publish(position).await;
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
    let world = World::new().await;
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
    let world = World::new().await;
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

#[tokio::test(start_paused = true)]
async fn a_shadow_is_the_same_fold_however_it_was_built() {
    let world = World::new().await;
    let documents = MemoryDocuments::new();
    receive_some(&world, 120).await;
    for (pens, batch) in [(1, 1), (1, 1_000), (2, 9), (5, 3)] {
        let mut job = job(&world, &documents, 1);
        job.options.build_pens = pens;
        job.options.build_batch_events = batch;
        job.options.build_events_per_second = None;
        rebuild(&job, &mut |_| {}, &CancellationToken::new())
            .await
            .unwrap();
        let definition: ViewDefinition = definition_of(&*job.view);
        let (position, shelves) = whole(&documents, &definition).await;
        assert_eq!(
            (position, shelves),
            (120, expected(&world.events().await, 120))
        );
    }
}
