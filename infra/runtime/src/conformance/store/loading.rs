//! Rules of loading aggregates, and of the snapshots that shorten it.

use bytes::Bytes;
use uuid::Uuid;

use super::Opened;
use super::given::{appender, assert_stored, says, stock, store};
use crate::ports::{Entry, Load, LoadFrom, NewSnapshot, Snapshot, Stream};

const SCHEMA: [u8; 32] = [7; 32];
const OTHER_SCHEMA: [u8; 32] = [8; 32];

fn from_scratch(stream: Stream) -> Load {
    Load {
        stream,
        from: LoadFrom::Scratch { schema: SCHEMA },
    }
}

fn after(stream: Stream, version: u64) -> Load {
    Load {
        stream,
        from: LoadFrom::After { version },
    }
}

fn snapshot(version: u64, schema: [u8; 32]) -> Snapshot {
    Snapshot {
        version,
        state: Bytes::from(format!("{{\"at\": {version}}}")),
        schema,
    }
}

/// A snapshot of the aggregate an entry made.
fn after_event(entry: &Entry, snapshot: Snapshot) -> NewSnapshot {
    let last = usize::try_from(snapshot.version).expect("a few events") - 1;
    NewSnapshot {
        stream: entry.stream.clone(),
        snapshot,
        last_event: entry.events[last].event_id,
    }
}

pub(super) async fn many_aggregates_are_loaded_in_the_order_asked(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let (a, b) = (says(&stock("a"), 0, 2), says(&stock("b"), 0, 1));
    store(&mut one, &[a.clone(), b.clone()]).await;
    let more = says(&stock("a"), 2, 1);
    store(&mut one, std::slice::from_ref(&more)).await;
    let asked = ["b", "nobody", "a", "b"].map(|id| from_scratch(stock(id)));
    let loaded = opened.other.load(&asked).await.expect("an answer");
    assert!(
        loaded
            .iter()
            .zip(&asked)
            .all(|(loaded, asked)| loaded.stream == asked.stream)
    );
    assert_eq!(
        loaded
            .iter()
            .map(|loaded| loaded.version)
            .collect::<Vec<_>>(),
        [1, 0, 3, 1]
    );
    assert!(loaded.iter().all(|loaded| loaded.snapshot.is_none()));
    assert_stored(&b, &loaded[0].events);
    assert_eq!(loaded[1].events, []);
    assert_stored(&a, &loaded[2].events[..2]);
    assert_stored(&more, &loaded[2].events[2..]);
    assert_stored(&b, &loaded[3].events);
    assert_eq!(opened.one.load(&[]).await.expect("an answer"), []);
}

pub(super) async fn a_snapshot_of_the_schema_shortens_the_load(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch = [
        says(&stock("a"), 0, 4),
        says(&stock("b"), 0, 2),
        says(&stock("c"), 0, 2),
    ];
    store(&mut one, &batch).await;
    let [a, b, c] = &batch;
    let kept = vec![
        after_event(a, snapshot(3, SCHEMA)),
        after_event(b, snapshot(2, SCHEMA)),
        after_event(c, snapshot(1, OTHER_SCHEMA)),
    ];
    opened.one.save_snapshots(kept).await.expect("kept");
    let asked = ["a", "b", "c"].map(|id| from_scratch(stock(id)));
    let loaded = opened.other.load(&asked).await.expect("an answer");
    assert_eq!(
        loaded[0].snapshot,
        Some(snapshot(3, SCHEMA)),
        "byte for byte"
    );
    assert_eq!(
        loaded[0]
            .events
            .iter()
            .map(|event| event.sequence)
            .collect::<Vec<_>>(),
        [4]
    );
    assert_eq!((loaded[0].version, loaded[1].version), (4, 2));
    assert_eq!(
        (&loaded[1].snapshot, loaded[1].events.len()),
        (&Some(snapshot(2, SCHEMA)), 0)
    );
    assert_eq!(
        (&loaded[2].snapshot, loaded[2].events.len()),
        (&None, 2),
        "another schema is no use"
    );

    opened
        .one
        .save_snapshots(vec![after_event(a, snapshot(4, SCHEMA))])
        .await
        .expect("kept");
    let never = NewSnapshot {
        last_event: Uuid::now_v7(),
        ..after_event(c, snapshot(2, SCHEMA))
    };
    opened
        .one
        .save_snapshots(vec![never])
        .await
        .expect("passed over");
    let loaded = opened.other.load(&asked).await.expect("an answer");
    assert_eq!(
        (&loaded[0].snapshot, loaded[0].events.len()),
        (&Some(snapshot(4, SCHEMA)), 0)
    );
    assert_eq!(
        (&loaded[2].snapshot, loaded[2].events.len()),
        (&None, 2),
        "another event stands at version 2: that state is of a history that is gone"
    );
}

pub(super) async fn what_is_at_hand_is_not_loaded_again(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let entry = says(&stock("a"), 0, 3);
    store(&mut one, std::slice::from_ref(&entry)).await;
    opened
        .one
        .save_snapshots(vec![after_event(&entry, snapshot(3, SCHEMA))])
        .await
        .expect("kept");
    let asked = [
        after(stock("a"), 1),
        after(stock("a"), 3),
        after(stock("a"), 8),
        after(stock("b"), 2),
    ];
    let loaded = opened.other.load(&asked).await.expect("an answer");
    assert!(loaded.iter().all(|loaded| loaded.snapshot.is_none()));
    assert_eq!(
        loaded[0]
            .events
            .iter()
            .map(|event| event.sequence)
            .collect::<Vec<_>>(),
        [2, 3]
    );
    assert!(loaded[1..].iter().all(|loaded| loaded.events.is_empty()));
    assert_eq!(
        loaded
            .iter()
            .map(|loaded| loaded.version)
            .collect::<Vec<_>>(),
        [3, 3, 3, 0]
    );
}

pub(super) async fn an_impossible_id_has_no_events(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    store(&mut one, &[says(&stock("a"), 0, 1)]).await;
    let asked = ["a\0", "a", &"x".repeat(10_000)].map(|id| from_scratch(stock(id)));
    let loaded = opened
        .one
        .load(&asked)
        .await
        .expect("its neighbours are loaded all the same");
    assert_eq!(
        loaded
            .iter()
            .map(|loaded| loaded.version)
            .collect::<Vec<_>>(),
        [0, 1, 0]
    );
}
