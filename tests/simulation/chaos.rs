//! What happens to the processes, the store and the log while people shop.

use std::time::Duration;

use jangbu_runtime::memory::documents::Rooms;
use jangbu_runtime::memory::leadership::LedgerBackup;
use jangbu_runtime::memory::progress::Book;

use super::world::{PREFIX, World};

/// How many things go wrong, and which, by the seed.
pub(super) async fn chaos(world: &World) {
    let dice = &world.dice;
    let accidents = dice.between(0, 8);
    let restores = dice.per_mille(250);
    let mut backups = vec![Backup::take(world).await];
    for _ in 0..accidents {
        tokio::time::sleep(dice.pause(20, 1_500)).await;
        match dice.between(0, 19) {
            0..7 => crash(world).await,
            7..9 => world.weather.cut_off(dice.pause(10, 3_000)),
            9 => world.ledger.depose(),
            10 => world.log.break_connections(),
            11 | 12 => rebalance(world),
            13 => retention(world),
            14 => wipe(world),
            15 => stranger(world),
            16 => world.documents.break_sessions(),
            _ if restores => restore(world, &mut backups).await,
            _ => {}
        }
        world.repair().await;
        backups.push(Backup::take(world).await);
    }
}

async fn crash(world: &World) {
    let dice = &world.dice;
    let process = &world.processes[dice.index(world.processes.len())];
    process.crash().await;
    tokio::time::sleep(dice.pause(1, 800)).await;
    process.start(world);
}

/// All members of a group lose what they have.
fn rebalance(world: &World) {
    let contexts = world.system.contexts();
    let context = contexts[world.dice.index(contexts.len())].name();
    world
        .log
        .lose_sessions(&format!("{PREFIX}policies.{context}"));
}

/// The beginning of a partition goes, or all that is in it (pitfalls 44 and 59).
fn retention(world: &World) {
    let places = world.log.places();
    if !places.is_empty() {
        let at = &places[world.dice.index(places.len())];
        let records = world.log.records(at);
        if let Some(last) = records.last() {
            let first = records[world.dice.index(records.len())].offset;
            let kept_from = if world.dice.per_mille(500) {
                last.offset + 1
            } else {
                first
            };
            world.history.note_damage(at);
            world.log.truncate_before(at, kept_from);
        }
    }
}

/// Somebody deletes a topic; it comes back empty.
fn wipe(world: &World) {
    let topics = world.topics();
    let topic = &topics[world.dice.index(topics.len())];
    for at in world.log.places() {
        if *at.topic == **topic {
            world.history.note_damage(&at);
        }
    }
    world.log.wipe(topic);
}

/// Somebody else writes to a topic of ours.
fn stranger(world: &World) {
    let places = world.log.places();
    if !places.is_empty() {
        let at = &places[world.dice.index(places.len())];
        let headers = [
            ("ce_source", "/somebody/else"),
            ("ce_position", "9007199254740990"),
        ];
        let value = world.dice.per_mille(700).then_some("no JSON");
        world.log.put(at, Some("tea-1"), value, &headers);
        world.log.put_control(at);
    }
}

/// Everything that stands in the database, as of one moment.
struct Backup {
    position: u64,
    relayed: LedgerBackup,
    progress: Book,
    documents: Rooms,
}

impl Backup {
    async fn take(world: &World) -> Self {
        // The store goes on while its head is asked for, so whatever follows it is taken first: it lags, never leads.
        let relayed = world.ledger.backup();
        let (progress, documents) = (world.progress.backup(), world.documents.backup());
        Self {
            position: world.head().await,
            relayed,
            progress,
            documents,
        }
    }
}

/// An old backup is put in place under running processes. Sooner or later somebody notices, and an operator accepts
/// what is left as a history of its own.
async fn restore(world: &World, backups: &mut Vec<Backup>) {
    let dice = &world.dice;
    backups.truncate(dice.index(backups.len()) + 1);
    let backup = backups.pop().expect("there is one");
    world.history.note_restore(backup.position);
    world.database.restore(backup.position);
    world.progress.restore(backup.progress);
    world.documents.restore(backup.documents);
    world.ledger.restore(backup.relayed);
    tokio::time::sleep(dice.pause(1, 2_000)).await;
    world.accept_fork().await;
    tokio::time::sleep(Duration::from_millis(1)).await;
}
