//! What every ledger of policies must keep, rule by rule; each rule gets a fresh ledger.
#![expect(
    clippy::unwrap_used,
    reason = "a suite for tests fails where it stands"
)]

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use crate::ports::{ContextState, LogRecord, Mark, Parked, Progress, TopicPartition};

const CONTEXT: &str = "inventory";
const TOPIC: &str = "jangbu.order";

/// Runs every rule, each on a ledger of its own.
pub async fn all<F, Fut>(fresh: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Arc<dyn Progress>>,
{
    a_policy_starts_where_it_was_first_registered(&*fresh().await).await;
    contexts_do_not_share_policies(&*fresh().await).await;
    marks_move_forward_only(&*fresh().await).await;
    marks_are_kept_per_policy_and_partition(&*fresh().await).await;
    a_parked_event_comes_back_as_it_was(&*fresh().await).await;
    parking_the_same_event_again_adds_to_whom_it_owes(&*fresh().await).await;
    rows_of_a_key_come_by_position(&*fresh().await).await;
    all_rows_come_oldest_first_and_no_more_than_asked_for(&*fresh().await).await;
    nothing_goes_behind_a_key_that_is_not_parked(&*fresh().await).await;
    a_row_goes_when_the_last_policy_is_served(&*fresh().await).await;
    nothing_goes_behind_a_row_that_went(&*fresh().await).await;
    a_row_that_owes_nobody_waits_until_it_is_served(&*fresh().await).await;
    whom_an_unknown_row_owes_can_be_told_later(&*fresh().await).await;
    a_context_runs_until_it_is_stopped_and_runs_again_when_resumed(&*fresh().await).await;
    a_dead_letter_of_any_shape_is_kept(&*fresh().await).await;
}

async fn a_policy_starts_where_it_was_first_registered(ledger: &dyn Progress) {
    register(ledger, &[("hold", 0), ("release", 40)]).await;
    register(ledger, &[("hold", 99), ("release", 99), ("count", 99)]).await;
    let mut starts = ledger.starts(CONTEXT).await.unwrap();
    starts.sort();
    assert_eq!(
        starts,
        [
            ("count".to_owned(), 99),
            ("hold".to_owned(), 0),
            ("release".to_owned(), 40)
        ]
    );
}

async fn contexts_do_not_share_policies(ledger: &dyn Progress) {
    register(ledger, &[("hold", 7)]).await;
    assert_eq!(ledger.starts("order").await.unwrap(), []);
    ledger.park(&parked("anne", 1, &["hold"])).await.unwrap();
    assert!(ledger.parked_keys("order").await.unwrap().is_empty());
    assert!(ledger.parked("order", None, 10).await.unwrap().is_empty());
}

async fn marks_move_forward_only(ledger: &dyn Progress) {
    register(ledger, &[("hold", 0)]).await;
    for (position, offset) in [(5, 3), (9, 4), (7, 99)] {
        ledger
            .advance(CONTEXT, &[mark("hold", 0, position, offset)])
            .await
            .unwrap();
    }
    let marks = ledger.marks(CONTEXT, &[at(0)]).await.unwrap();
    assert_eq!(marks, [mark("hold", 0, 9, 4)]);
}

async fn marks_are_kept_per_policy_and_partition(ledger: &dyn Progress) {
    register(ledger, &[("hold", 0), ("release", 0)]).await;
    let all = [
        mark("hold", 0, 5, 1),
        mark("hold", 1, 6, 2),
        mark("release", 0, 2, 1),
    ];
    ledger.advance(CONTEXT, &all).await.unwrap();
    let mut first = ledger.marks(CONTEXT, &[at(0)]).await.unwrap();
    first.sort_by(|a, b| a.policy.cmp(&b.policy));
    assert_eq!(first, [mark("hold", 0, 5, 1), mark("release", 0, 2, 1)]);
    let second = ledger.marks(CONTEXT, &[at(1), at(2)]).await.unwrap();
    assert_eq!(second, [mark("hold", 1, 6, 2)]);
    assert!(ledger.marks("order", &[at(0)]).await.unwrap().is_empty());
}

async fn a_parked_event_comes_back_as_it_was(ledger: &dyn Progress) {
    let event = parked("anne", 12, &["hold", "release"]);
    ledger.park(&event).await.unwrap();
    let rows = key_rows(ledger, "anne").await;
    let number = rows[0].number;
    assert_eq!(rows, [Parked { number, ..event }]);
    assert_eq!(
        ledger.parked_keys(CONTEXT).await.unwrap(),
        [(TOPIC.to_owned(), "anne".to_owned())]
    );
}

async fn parking_the_same_event_again_adds_to_whom_it_owes(ledger: &dyn Progress) {
    ledger.park(&parked("anne", 1, &["hold"])).await.unwrap();
    ledger.park(&parked("anne", 1, &["hold"])).await.unwrap();
    let again = Parked {
        unknown: true,
        error: "said later".to_owned(),
        ..parked("anne", 1, &["release", "hold"])
    };
    assert!(ledger.park_behind(&again).await.unwrap());
    ledger.park(&parked("anne", 1, &[])).await.unwrap();
    let rows = key_rows(ledger, "anne").await;
    assert_eq!(rows.len(), 1, "one event is one row");
    assert_eq!(rows[0].owed, ["hold", "release"]);
    assert_eq!(rows[0].error, parked("anne", 1, &[]).error);
    assert!(rows[0].unknown);
}

async fn rows_of_a_key_come_by_position(ledger: &dyn Progress) {
    ledger.park(&parked("anne", 7, &["hold"])).await.unwrap();
    ledger.park(&parked("ben", 6, &["hold"])).await.unwrap();
    let behind = ledger.park_behind(&parked("anne", 9, &["hold"])).await;
    assert!(behind.unwrap());
    ledger.park(&parked("anne", 5, &["new"])).await.unwrap();
    let positions: Vec<_> = key_rows(ledger, "anne")
        .await
        .iter()
        .map(|row| row.position)
        .collect();
    assert_eq!(positions, [5, 7, 9]);
    let first = ledger.parked(CONTEXT, Some((TOPIC, "anne")), 1).await;
    assert_eq!(first.unwrap()[0].position, 5);
}

async fn all_rows_come_oldest_first_and_no_more_than_asked_for(ledger: &dyn Progress) {
    for (key, position) in [("ben", 8), ("anne", 3), ("cleo", 5)] {
        ledger
            .park(&parked(key, position, &["hold"]))
            .await
            .unwrap();
    }
    let rows = ledger.parked(CONTEXT, None, 2).await.unwrap();
    let keys: Vec<_> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["ben", "anne"]);
    assert!(rows[0].number < rows[1].number);
}

async fn nothing_goes_behind_a_key_that_is_not_parked(ledger: &dyn Progress) {
    ledger.park(&parked("ben", 1, &["hold"])).await.unwrap();
    let behind = ledger.park_behind(&parked("anne", 2, &["hold"])).await;
    assert!(!behind.unwrap());
    assert!(key_rows(ledger, "anne").await.is_empty());
}

async fn a_row_goes_when_the_last_policy_is_served(ledger: &dyn Progress) {
    let event = parked("anne", 1, &["hold", "release", "newer"]);
    ledger.park(&event).await.unwrap();
    let number = key_rows(ledger, "anne").await[0].number;
    assert!(!served(ledger, number, &["hold"]).await);
    assert!(!served(ledger, number, &["hold", "release"]).await);
    assert_eq!(key_rows(ledger, "anne").await[0].owed, ["newer"]);
    assert!(served(ledger, number, &["newer"]).await);
    assert!(key_rows(ledger, "anne").await.is_empty());
    assert!(ledger.parked_keys(CONTEXT).await.unwrap().is_empty());
    assert!(
        served(ledger, number, &["newer"]).await,
        "a row that went stays gone"
    );
}

async fn nothing_goes_behind_a_row_that_went(ledger: &dyn Progress) {
    ledger.park(&parked("anne", 1, &["hold"])).await.unwrap();
    let number = key_rows(ledger, "anne").await[0].number;
    assert!(served(ledger, number, &["hold"]).await);
    let behind = ledger.park_behind(&parked("anne", 2, &["hold"])).await;
    assert!(!behind.unwrap());
    assert!(key_rows(ledger, "anne").await.is_empty());
}

async fn a_row_that_owes_nobody_waits_until_it_is_served(ledger: &dyn Progress) {
    let unknown = Parked {
        unknown: true,
        ..parked("anne", 1, &[])
    };
    ledger.park(&unknown).await.unwrap();
    let rows = key_rows(ledger, "anne").await;
    assert_eq!(rows.len(), 1);
    assert!(ledger.park_behind(&parked("anne", 2, &[])).await.unwrap());
    assert!(served(ledger, rows[0].number, &[]).await);
    assert_eq!(key_rows(ledger, "anne").await[0].position, 2);
}

async fn whom_an_unknown_row_owes_can_be_told_later(ledger: &dyn Progress) {
    ledger.park(&parked("anne", 1, &["hold"])).await.unwrap();
    let number = key_rows(ledger, "anne").await[0].number;
    let later = ["release".to_owned(), "hold".to_owned()];
    ledger.owe(number, &later).await.unwrap();
    assert_eq!(key_rows(ledger, "anne").await[0].owed, ["hold", "release"]);
    ledger.owe(number + 1_000, &later).await.unwrap();
}

async fn a_context_runs_until_it_is_stopped_and_runs_again_when_resumed(ledger: &dyn Progress) {
    assert_eq!(ledger.state(CONTEXT).await.unwrap(), ContextState::Running);
    let stopped = ContextState::Stopped {
        why: "11 keys in a row".to_owned(),
        since: time(),
    };
    ledger.set_state(CONTEXT, &stopped).await.unwrap();
    assert_eq!(ledger.state(CONTEXT).await.unwrap(), stopped);
    assert_eq!(ledger.state("order").await.unwrap(), ContextState::Running);
    ledger
        .set_state(CONTEXT, &ContextState::Running)
        .await
        .unwrap();
    assert_eq!(ledger.state(CONTEXT).await.unwrap(), ContextState::Running);
}

/// Nothing about a dead letter can be trusted to be there, or to be text.
async fn a_dead_letter_of_any_shape_is_kept(ledger: &dyn Progress) {
    let bare = LogRecord {
        at: at(0),
        offset: 0,
        key: None,
        value: None,
        headers: Vec::new(),
    };
    let odd = LogRecord {
        key: Some(Bytes::from_static(b"\xff\x00")),
        value: Some(Bytes::from_static(b"\x00\xfe")),
        headers: vec![
            (
                "ce_source\u{0}".to_owned(),
                Some(Bytes::from_static(b"\x00")),
            ),
            (String::new(), None),
        ],
        ..bare.clone()
    };
    for record in [bare, odd] {
        let kept = ledger
            .dead_letter("group", &record, "is no event\u{0}")
            .await;
        kept.unwrap();
    }
}

async fn register(ledger: &dyn Progress, policies: &[(&str, u64)]) {
    let policies: Vec<_> = policies
        .iter()
        .map(|(policy, from)| ((*policy).to_owned(), *from))
        .collect();
    ledger.register(CONTEXT, &policies).await.unwrap();
}

async fn served(ledger: &dyn Progress, number: i64, policies: &[&str]) -> bool {
    let policies: Vec<_> = policies.iter().map(|p| (*p).to_owned()).collect();
    ledger.served(number, &policies).await.unwrap()
}

async fn key_rows(ledger: &dyn Progress, key: &str) -> Vec<Parked> {
    let rows = ledger.parked(CONTEXT, Some((TOPIC, key)), 100).await;
    rows.unwrap()
}

fn at(partition: i32) -> TopicPartition {
    TopicPartition {
        topic: TOPIC.into(),
        partition,
    }
}

fn mark(policy: &str, partition: i32, position: u64, offset: i64) -> Mark {
    Mark {
        policy: policy.to_owned(),
        at: at(partition),
        position,
        offset,
    }
}

fn parked(key: &str, position: u64, owed: &[&str]) -> Parked {
    Parked {
        number: 0,
        context: CONTEXT.to_owned(),
        topic: TOPIC.to_owned(),
        key: key.to_owned(),
        position,
        record: LogRecord {
            at: at(3),
            offset: 70,
            key: Some(Bytes::copy_from_slice(key.as_bytes())),
            value: Some(Bytes::from_static(b"{\"quantity\":1}")),
            headers: vec![
                (
                    "ce_id".to_owned(),
                    Some(Bytes::from(Uuid::nil().to_string())),
                ),
                ("ce_actor".to_owned(), None),
            ],
        },
        error: "policy panicked".to_owned(),
        unknown: false,
        owed: owed.iter().map(|policy| (*policy).to_owned()).collect(),
        parked_at: time(),
    }
}

/// A time that every store can hold: whole microseconds.
fn time() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH.trunc_subsecs(6)
        + chrono::TimeDelta::microseconds(1_700_000_000_123_456)
}
