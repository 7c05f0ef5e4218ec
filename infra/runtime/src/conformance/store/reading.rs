//! Rules of reading: the head, the tail, searches, and hearing that there is more.

use std::time::Duration;

use super::Opened;
use super::given::{appender, changes_nothing, everything, says, stock, store};
use crate::ports::{EventFilter, Head, Stream};

/// For what comes by itself.
const PATIENCE: Duration = Duration::from_secs(20);
const NONE: [u64; 0] = [];

pub(super) async fn an_empty_store_has_no_head(opened: Opened) {
    assert_eq!(opened.one.head().await.expect("an answer"), Head::default());
    assert_eq!(opened.one.read(0, 10).await.expect("an answer"), []);
    let (found, looked) = opened
        .one
        .search(&EventFilter::default(), 0, 10)
        .await
        .expect("an answer");
    assert_eq!((found.len(), looked), (0, 0));
}

pub(super) async fn the_head_is_the_newest_event(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch = [says(&stock("a"), 0, 2), says(&stock("b"), 0, 1)];
    let appended = store(&mut one, &batch).await;
    let head = opened.other.head().await.expect("an answer");
    assert_eq!(head.position, 3);
    assert_eq!(head.event_id, Some(batch[1].events[0].event_id));
    assert_eq!(head.recorded_at, Some(appended.recorded_at));
    assert_eq!(
        opened.one.source(),
        opened.other.source(),
        "both are of one incarnation"
    );
}

pub(super) async fn the_tail_comes_in_order_and_bounded(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    store(
        &mut one,
        &[says(&stock("a"), 0, 3), says(&stock("b"), 0, 4)],
    )
    .await;
    let positions = async |after, limit| {
        let events = opened.other.read(after, limit).await.expect("an answer");
        events
            .iter()
            .map(|event| event.position)
            .collect::<Vec<_>>()
    };
    assert_eq!(positions(0, 3).await, [1, 2, 3]);
    assert_eq!(positions(3, 3).await, [4, 5, 6]);
    assert_eq!(positions(6, 3).await, [7]);
    assert_eq!(positions(7, 3).await, NONE);
    assert_eq!(positions(u64::MAX, 3).await, NONE);
}

pub(super) async fn every_filter_filters(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch = [
        says(&stock("a"), 0, 2),
        says(&Stream::new("shelf", "a"), 0, 1),
        changes_nothing(&stock("b"), 0),
        says(&stock("a"), 2, 1),
    ];
    store(&mut one, &batch).await;
    let found = async |filter: EventFilter| {
        let (events, looked) = opened
            .other
            .search(&filter, 0, 100)
            .await
            .expect("an answer");
        assert_eq!(
            looked,
            filter.until.unwrap_or(5),
            "all of it was looked through"
        );
        events
            .iter()
            .map(|event| event.position)
            .collect::<Vec<_>>()
    };
    let all = EventFilter::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(found(all()).await, [1, 2, 3, 4, 5]);
    assert_eq!(
        found(EventFilter {
            aggregate: text("stock"),
            ..all()
        })
        .await,
        [1, 2, 5]
    );
    assert_eq!(
        found(EventFilter {
            aggregate_id: text("a"),
            ..all()
        })
        .await,
        [1, 2, 3, 5]
    );
    assert_eq!(
        found(EventFilter {
            aggregate: text("stock"),
            aggregate_id: text("a"),
            ..all()
        })
        .await,
        [1, 2, 5]
    );
    assert_eq!(
        found(EventFilter {
            names: vec!["CommandChangedNothing".into(), "No".into()],
            ..all()
        })
        .await,
        [4]
    );
    assert_eq!(
        found(EventFilter {
            actor: text("b"),
            ..all()
        })
        .await,
        [4]
    );
    let correlation_id = Some(format!("of {}", batch[0].command_id));
    assert_eq!(
        found(EventFilter {
            correlation_id,
            ..all()
        })
        .await,
        [1, 2]
    );
    let command_id = Some(batch[0].command_id);
    assert_eq!(
        found(EventFilter {
            command_id,
            ..all()
        })
        .await,
        [1, 2]
    );
    assert_eq!(
        found(EventFilter {
            command_id,
            until: Some(1),
            ..all()
        })
        .await,
        [1]
    );
    assert_eq!(
        found(EventFilter {
            command_id,
            aggregate: text("shelf"),
            ..all()
        })
        .await,
        NONE
    );
    assert_eq!(
        found(EventFilter {
            aggregate: text("stock"),
            until: Some(4),
            ..all()
        })
        .await,
        [1, 2]
    );
    assert_eq!(
        found(EventFilter {
            actor: text("\0"),
            ..all()
        })
        .await,
        NONE,
        "what cannot be stored is not found"
    );
}

pub(super) async fn a_search_goes_on_where_it_stopped(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let batch: Vec<_> = (0..30)
        .map(|n| {
            says(
                &Stream::new(if n % 3 == 0 { "stock" } else { "shelf" }, format!("{n}")),
                0,
                1,
            )
        })
        .collect();
    store(&mut one, &batch).await;
    let filter = EventFilter {
        aggregate: Some("stock".to_owned()),
        ..EventFilter::default()
    };
    let (mut after, mut found) = (0, Vec::new());
    while after < 30 {
        let (events, looked) = opened
            .one
            .search(&filter, after, 4)
            .await
            .expect("an answer");
        assert!(
            events.len() <= 4 && looked > after,
            "it gets on, a page at a time"
        );
        assert!(
            events
                .iter()
                .all(|event| event.position > after && event.position <= looked)
        );
        found.extend(events.iter().map(|event| event.position));
        after = looked;
    }
    assert_eq!(found, (0..10).map(|n| n * 3 + 1).collect::<Vec<_>>());
    let (events, looked) = opened.one.search(&filter, 30, 4).await.expect("an answer");
    assert_eq!((events.len(), looked), (0, 30), "the end is where it ends");
}

pub(super) async fn an_announcement_wakes_every_process(opened: Opened) {
    let mut one = appender(&*opened.one).await;
    let (mut here, mut there) = (opened.one.arrivals(), opened.other.arrivals());
    for version in 0..3 {
        let appended = store(&mut one, &[says(&stock("a"), version, 1)]).await;
        opened.one.announce(appended.first);
        for arrivals in [&mut here, &mut there] {
            let arrived = tokio::time::timeout(
                PATIENCE,
                arrivals.wait_for(|newest| *newest >= appended.first),
            )
            .await;
            assert_eq!(
                *arrived.expect("in good time").expect("the store is open"),
                appended.first
            );
        }
    }
    opened.one.announce(1);
    assert_eq!(*here.borrow(), 3, "it never falls");
    assert_eq!(everything(&*opened.other).await.len(), 3);
}
