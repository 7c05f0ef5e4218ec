//! Leases: one writer per view, spread over the processes, taken over when one dies.

use std::sync::Arc;
use std::time::Duration;

use kernel::Projection;

use super::bench::{Process, World, is_exact, reach, shelves, small_steps};
use crate::memory::documents::MemoryDocuments;
use crate::project::ViewState;

const NAMES: [&str; 4] = ["one", "two", "three", "four"];

fn held(process: &Process) -> usize {
    let live = |name: &&str| process.health(name).state == ViewState::Live;
    NAMES.iter().filter(|name| live(name)).count()
}

#[tokio::test(start_paused = true)]
async fn two_processes_share_the_views_and_one_takes_all_when_the_other_dies() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let views: Vec<Arc<dyn Projection>> = NAMES.iter().map(|name| shelves(name, 1)).collect();
    let start = |seed| Process::start(&world, documents.clone(), &views, small_steps(seed));
    let (first, second) = (start(1), start(2));
    world.receive("s1", 1).await;
    for view in &views {
        reach(&documents, &**view, 1).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((held(&first), held(&second)), (2, 2));

    first.kill().await;
    world.receive("s1", 2).await;
    for view in &views {
        reach(&documents, &**view, 2).await;
        is_exact(&world, &documents, &**view).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(held(&second), 4);
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_sessions_broke_goes_on() {
    let world = World::new();
    let documents = MemoryDocuments::new();
    let view = shelves("one", 1);
    let process = Process::start(
        &world,
        documents.clone(),
        std::slice::from_ref(&view),
        small_steps(1),
    );
    for pieces in 1..=20 {
        let position = world.receive("s1", pieces).await;
        if pieces % 3 == 0 {
            documents.break_sessions();
        }
        reach(&documents, &*view, position).await;
        is_exact(&world, &documents, &*view).await;
    }
    process.stop().await;
}
