//! What happens to the processes and the store while people shop: crashes, outages, and an old backup.

use std::time::Duration;

use super::world::World;

/// How many things go wrong, and which, by the seed.
pub(super) async fn chaos(world: &World) {
    let dice = &world.dice;
    let accidents = dice.between(0, 6);
    let restores = dice.per_mille(250);
    for _ in 0..accidents {
        tokio::time::sleep(dice.pause(20, 1_500)).await;
        match dice.between(0, 9) {
            0..6 => crash(world).await,
            6..8 => world.weather.cut_off(dice.pause(10, 3_000)),
            _ if restores => restore(world).await,
            _ => {}
        }
    }
}

async fn crash(world: &World) {
    let dice = &world.dice;
    let process = &world.processes[dice.index(world.processes.len())];
    process.crash().await;
    tokio::time::sleep(dice.pause(1, 800)).await;
    process.start(world);
}

/// An old backup is put in place under running processes. Sooner or later somebody notices, and an operator accepts
/// what is left as a history of its own.
async fn restore(world: &World) {
    let dice = &world.dice;
    let head = world.head().await;
    let position = head.saturating_sub(dice.between(0, 12));
    world.history.note_restore(position);
    world.database.restore(position);
    tokio::time::sleep(dice.pause(1, 2_000)).await;
    world.database.repair_fork();
    tokio::time::sleep(Duration::from_millis(1)).await;
}
