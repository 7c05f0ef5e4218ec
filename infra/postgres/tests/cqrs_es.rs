//! cqrs-es on our store: both kinds of aggregates, conflicts, snapshots, replays; and a database of postgres-es adopted.

mod support;

#[path = "support/sql.rs"]
mod sql;

#[path = "support/account.rs"]
mod account;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::Utc;
use cqrs_es::persist::{PersistedEventRepository, PersistedEventStore, QueryReplay};
use cqrs_es::{AggregateError, CqrsFramework, EventEnvelope, EventStore as _, Query};
use event_schemas::Quantity;
use inventory::{Stock, StockCommand};
use jangbu_postgres::testing::{fresh_database, in_place};
use jangbu_postgres::{MigrateOptions, Postgres, Repository, migrate, verify};
use jangbu_runtime::ports::{EventFilter, EventStore};
use jangbu_runtime::root::{Root, RootCommand};
use kernel::{Actor, Context};
use postgres_es::{PostgresEventRepository, default_postgress_pool, postgres_cqrs};
use uuid::Uuid;

use account::{Account, AccountCommand, AccountEvent};
use sql::run;
use support::{admin_url, fresh_place};

type Framework<A> = CqrsFramework<A, PersistedEventStore<Repository, A>>;

fn receive(quantity: u64) -> RootCommand<Stock> {
    let command = StockCommand::Receive {
        quantity: Quantity::try_from(quantity).expect("a quantity"),
    };
    let context = Context {
        now: Utc::now(),
        actor: Actor::new("anne"),
        command_id: Uuid::now_v7(),
    };
    RootCommand { command, context }
}

async fn stocks(store: &Postgres) -> Framework<Root<Stock>> {
    let repository = Repository::ours::<Stock>(store)
        .await
        .expect("the store is there");
    CqrsFramework::new(PersistedEventStore::new_event_store(repository), vec![], ())
}

async fn accounts(store: &Postgres) -> Framework<Account> {
    let repository = Repository::plain(store).await.expect("the store is there");
    CqrsFramework::new(PersistedEventStore::new_event_store(repository), vec![], ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_our_aggregates_runs_under_cqrs_framework_and_lies_plain_in_the_store() {
    let place = fresh_place(&[]).await;
    let store = place.open().await;
    let framework = stocks(&store).await;
    let metadata = HashMap::from([("actor".to_owned(), "anne".to_owned())]);
    framework
        .execute_with_metadata("rice", receive(3), metadata)
        .await
        .unwrap();
    framework.execute("rice", receive(4)).await.unwrap();

    let events = store.read(0, 10).await.unwrap();
    assert_eq!(
        &*events[0].payload, br#"{"quantity":3}"#,
        "no wrapper in the store"
    );
    assert_eq!(
        (&*events[1].name, &*events[1].version, events[1].sequence),
        ("StockReceived", "1", 2)
    );
    assert_eq!(events[0].read_metadata().actor, "anne");
    let repository = Repository::ours::<Stock>(&store).await.unwrap();
    let read = repository.get_events::<Root<Stock>>("rice").await.unwrap();
    assert_eq!(
        read[0].payload.to_string(),
        r#"{"StockReceived":{"quantity":3}}"#
    );
    let last = repository
        .get_last_events::<Root<Stock>>("rice", 1)
        .await
        .unwrap();
    assert_eq!(
        last.iter().map(|event| event.sequence).collect::<Vec<_>>(),
        [2]
    );
    assert!(verify(&store, |_, _| ()).await.unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aggregate_written_for_cqrs_es_keeps_its_own_json() {
    let place = fresh_place(&[]).await;
    let store = place.open().await;
    let framework = accounts(&store).await;
    framework
        .execute("anne", AccountCommand::Deposit(5))
        .await
        .unwrap();
    framework
        .execute("anne", AccountCommand::Withdraw(2))
        .await
        .unwrap();
    let refused = framework.execute("anne", AccountCommand::Withdraw(9)).await;
    assert!(
        matches!(refused, Err(AggregateError::UserError(_))),
        "{refused:?}"
    );
    let events = store.read(0, 10).await.unwrap();
    assert_eq!(
        events
            .iter()
            .map(|event| &*event.payload)
            .collect::<Vec<_>>(),
        [br#"{"Deposited":5}"#, br#"{"Withdrawn":2}"#]
    );
    assert!(verify(&store, |_, _| ()).await.unwrap().is_sound());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_decided_on_an_old_version_hears_of_a_conflict() {
    let place = fresh_place(&[]).await;
    let store = place.open().await;
    let repository = Repository::plain(&store).await.unwrap();
    let events = PersistedEventStore::<_, Account>::new_event_store(repository);
    let (early, late) = (
        events.load_aggregate("anne").await.unwrap(),
        events.load_aggregate("anne").await.unwrap(),
    );
    events
        .commit(vec![AccountEvent::Deposited(1)], early, HashMap::new())
        .await
        .unwrap();
    let conflict = events
        .commit(vec![AccountEvent::Deposited(2)], late, HashMap::new())
        .await;
    assert!(
        matches!(conflict, Err(AggregateError::AggregateConflict)),
        "{conflict:?}"
    );
    let mut ahead = events.load_aggregate("anne").await.unwrap();
    ahead.current_sequence = 7;
    let gap = events
        .commit(vec![AccountEvent::Deposited(3)], ahead, HashMap::new())
        .await;
    assert!(
        matches!(gap, Err(AggregateError::AggregateConflict)),
        "postgres-es would leave a gap: {gap:?}"
    );
    assert_eq!(store.head().await.unwrap().position, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_is_kept_with_its_events_or_not_at_all() {
    let place = fresh_place(&[]).await;
    let store = place.open().await;
    let repository = Repository::plain(&store).await.unwrap();
    let snapshots = PersistedEventStore::<_, Account>::new_snapshot_store(repository, 2);
    for amount in 1..=5 {
        let context = snapshots.load_aggregate("anne").await.unwrap();
        snapshots
            .commit(
                vec![AccountEvent::Deposited(amount)],
                context,
                HashMap::new(),
            )
            .await
            .unwrap();
    }
    let repository = Repository::plain(&store).await.unwrap();
    let snapshot = repository
        .get_snapshot::<Account>("anne")
        .await
        .unwrap()
        .expect("it was kept");
    assert_eq!(
        (snapshot.current_sequence, snapshot.current_snapshot),
        (4, 2)
    );
    assert_eq!(snapshot.aggregate, serde_json::json!({ "balance": 10 }));
    assert_eq!(
        snapshots
            .load_aggregate("anne")
            .await
            .unwrap()
            .aggregate
            .balance,
        15
    );

    // The snapshot would be the third, but the events are of the past: neither is stored.
    let late = snapshots.load_aggregate("anne").await.unwrap();
    let early = snapshots.load_aggregate("anne").await.unwrap();
    snapshots
        .commit(vec![AccountEvent::Deposited(6)], early, HashMap::new())
        .await
        .unwrap();
    let conflict = snapshots
        .commit(vec![AccountEvent::Deposited(7)], late, HashMap::new())
        .await;
    assert!(
        matches!(conflict, Err(AggregateError::AggregateConflict)),
        "{conflict:?}"
    );
    let snapshot = repository
        .get_snapshot::<Account>("anne")
        .await
        .unwrap()
        .expect("it was kept");
    assert_eq!(
        (snapshot.current_sequence, snapshot.current_snapshot),
        (6, 3)
    );
}

/// Collects what it is shown.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(String, usize)>>>);

#[async_trait]
impl Query<Account> for Seen {
    async fn dispatch(&self, aggregate_id: &str, events: &[EventEnvelope<Account>]) {
        let seen = events
            .iter()
            .map(|event| (aggregate_id.to_owned(), event.sequence));
        self.0.lock().expect("nobody panicked").extend(seen);
    }
}

fn told(seen: &Seen) -> Vec<(String, usize)> {
    std::mem::take(&mut *seen.0.lock().expect("nobody panicked"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_is_in_the_order_of_the_ledger_and_ends_with_its_error() {
    let place = fresh_place(&[]).await;
    let store = place.open().await;
    let framework = accounts(&store).await;
    for id in ["b", "a", "b", "c", "a"] {
        framework
            .execute(id, AccountCommand::Deposit(1))
            .await
            .unwrap();
    }
    let seen = Seen::default();
    let replay = QueryReplay::new(Repository::plain(&store).await.unwrap(), seen.clone());
    replay.replay_all().await.unwrap();
    let all = [("b", 1), ("a", 1), ("b", 2), ("c", 1), ("a", 2)]
        .map(|(id, sequence)| (id.to_owned(), sequence));
    assert_eq!(told(&seen), all);
    replay.replay("a").await.unwrap();
    assert_eq!(told(&seen), [("a".to_owned(), 1), ("a".to_owned(), 2)]);

    run(
        &place.owner_url,
        "ALTER TABLE events RENAME COLUMN metadata TO elsewhere",
    )
    .await
    .unwrap();
    let mut stream = Repository::plain(&store)
        .await
        .unwrap()
        .stream_all_events::<Account>()
        .await
        .unwrap();
    let first = stream.next::<Account>(&[]).await;
    assert!(
        matches!(first, Some(Err(_))),
        "an error is told, it does not end the stream in silence"
    );
    assert!(stream.next::<Account>(&[]).await.is_none());
}

/// What postgres-es 0.5 makes of an empty database (its db/init.sql).
const INIT: &str = "
    CREATE TABLE events (aggregate_type text NOT NULL, aggregate_id text NOT NULL,
        sequence bigint CHECK (sequence >= 0) NOT NULL, event_type text NOT NULL, event_version text NOT NULL,
        payload json NOT NULL, metadata json NOT NULL, PRIMARY KEY (aggregate_type, aggregate_id, sequence));
    CREATE TABLE snapshots (aggregate_type text NOT NULL, aggregate_id text NOT NULL,
        last_sequence bigint CHECK (last_sequence >= 0) NOT NULL,
        current_snapshot bigint CHECK (current_snapshot >= 0) NOT NULL, payload json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, last_sequence));";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_postgres_es_is_adopted_and_both_go_on_with_it() {
    let owner_url = fresh_database(&admin_url().await).await;
    run(&owner_url, INIT).await.unwrap();
    let pool = default_postgress_pool(&owner_url).await;
    let theirs = postgres_cqrs::<Account>(pool.clone(), vec![], ());
    for id in ["b", "a", "B", "a"] {
        theirs
            .execute(id, AccountCommand::Deposit(2))
            .await
            .unwrap();
    }
    // More than a block of the adoption.
    run(
        &owner_url,
        "INSERT INTO events SELECT 'account', 'z', n, 'Deposited', '1.0', '{\"Deposited\":  1}', '{}'
        FROM generate_series(1, 2500) n",
    )
    .await
    .unwrap();

    let migrated = migrate(&owner_url, &MigrateOptions::default())
        .await
        .unwrap();
    assert_eq!(migrated.adopted, 2504);
    let store = in_place(&owner_url).open().await;
    let report = verify(&store, |_, _| ()).await.unwrap();
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.events, report.blocks), (2504, 3));
    let first = store.read(0, 5).await.unwrap();
    let order: Vec<_> = first
        .iter()
        .map(|event| (event.id.as_str(), event.sequence))
        .collect();
    assert_eq!(
        order,
        [("B", 1), ("a", 1), ("a", 2), ("b", 1), ("z", 1)],
        "by type, id, sequence, byte by byte"
    );
    assert_eq!(
        &*first[4].payload, br#"{"Deposited":  1}"#,
        "the bytes as they stood"
    );
    assert!(
        first
            .iter()
            .all(|event| event.event_id.get_version_num() == 5
                && event.command_id.get_version_num() == 5)
    );

    accounts(&store)
        .await
        .execute("a", AccountCommand::Withdraw(3))
        .await
        .unwrap();
    let account =
        PersistedEventStore::<_, Account>::new_event_store(PostgresEventRepository::new(pool));
    let read_by_theirs = account.load_aggregate("a").await.unwrap();
    assert_eq!(
        (
            read_by_theirs.aggregate.balance,
            read_by_theirs.current_sequence
        ),
        (1, 3)
    );
    let filter = EventFilter {
        aggregate_id: Some("a".to_owned()),
        ..EventFilter::default()
    };
    let (found, _) = store.search(&filter, 0, 10).await.unwrap();
    assert_eq!(
        found.iter().map(|event| event.position).collect::<Vec<_>>(),
        [2, 3, 2505]
    );
    assert!(verify(&store, |_, _| ()).await.unwrap().is_sound());
    assert_eq!(
        migrate(&owner_url, &MigrateOptions::default())
            .await
            .unwrap()
            .adopted,
        0,
        "only once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_database_adopted_twice_gets_the_same_ids() {
    let mut ids = Vec::new();
    for _ in 0..2 {
        let owner_url = fresh_database(&admin_url().await).await;
        run(&owner_url, INIT).await.unwrap();
        run(&owner_url, "INSERT INTO events VALUES ('account', 'a', 1, 'Deposited', '1.0', '{\"Deposited\":1}', '{}')").await.unwrap();
        migrate(&owner_url, &MigrateOptions::default())
            .await
            .unwrap();
        let events = in_place(&owner_url).open().await.read(0, 10).await.unwrap();
        ids.push((events[0].event_id, events[0].command_id));
    }
    assert_eq!(ids[0], ids[1]);
}
