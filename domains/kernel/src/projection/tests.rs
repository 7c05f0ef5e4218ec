//! How a view folds: each event once, in order, into the documents it touches.

mod board;

use event_schemas::events;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use board::*;

#[test]
fn events_of_a_batch_are_folded_in_order_into_each_document_they_touch() {
    let changes = fold(
        &[written(1, "a", &["x", "y"]), written(2, "b", &["x"])],
        &[],
    );
    assert_eq!(
        changes,
        [change("x", 2, &["a@1", "b@2"]), change("y", 1, &["a@1"])]
    );
}

#[test]
fn a_stored_document_goes_on_from_where_it_was() {
    let changes = fold(&[written(9, "b", &["x"])], &[("x", 4, Some(r#"["a@4"]"#))]);
    assert_eq!(changes, [change("x", 9, &["a@4", "b@9"])]);
}

#[test]
fn what_is_in_a_document_already_is_passed_over() {
    let events = [written(4, "a", &["x"]), written(5, "b", &["x"])];
    let changes = fold(&events, &[("x", 4, Some(r#"["a@4"]"#))]);
    assert_eq!(changes, [change("x", 5, &["a@4", "b@5"])]);
}

#[test]
fn a_document_in_which_everything_is_already_does_not_change() {
    let events = [written(4, "a", &["x"]), written(5, "b", &["x"])];
    assert_eq!(fold(&events, &[("x", 5, Some(r#"["a@4","b@5"]"#))]), []);
}

#[test]
fn a_name_given_twice_by_one_event_is_folded_once() {
    assert_eq!(
        fold(&[written(1, "a", &["x", "x"])], &[]),
        [change("x", 1, &["a@1"])]
    );
}

#[test]
fn an_event_that_touches_nothing_changes_nothing() {
    let view = words();
    let mut batch = view.batch();
    batch.hear(&written(1, "a", &[])).unwrap();
    assert!(batch.keys().is_empty());
    assert_eq!(batch.fold(FoundDocuments::new()).unwrap(), []);
}

#[test]
fn the_keys_are_known_before_anything_is_folded() {
    let view = words();
    let mut batch = view.batch();
    batch.hear(&written(1, "a", &["y", "x"])).unwrap();
    batch.hear(&wiped(2, "z")).unwrap();
    assert_eq!(
        batch.keys().into_iter().collect::<Vec<_>>(),
        ["x", "y", "z"]
    );
}

#[test]
fn a_removed_document_is_gone_with_its_columns() {
    let changes = fold(&[wiped(5, "x")], &[("x", 4, Some(r#"["a@4"]"#))]);
    assert_eq!(changes, [removed("x", 5)]);
}

#[test]
fn after_a_removal_a_document_starts_empty() {
    let events = [
        written(1, "a", &["x"]),
        wiped(2, "x"),
        written(3, "b", &["x"]),
    ];
    assert_eq!(fold(&events, &[]), [change("x", 3, &["b@3"])]);
}

#[test]
fn a_tombstone_passes_over_what_came_before_it() {
    let events = [
        written(4, "a", &["x"]),
        wiped(5, "x"),
        written(6, "b", &["x"]),
    ];
    assert_eq!(fold(&events[..2], &[("x", 5, None)]), []);
    assert_eq!(fold(&events, &[("x", 5, None)]), [change("x", 6, &["b@6"])]);
}

#[test]
fn events_of_others_are_not_listened_to() {
    assert!(words().hears("board") && !words().hears("order"));
    let of_others = Envelope {
        aggregate: "order".into(),
        ..written(1, "a", &["x"])
    };
    assert_eq!(fold(&[of_others], &[]), []);
}

#[test]
fn an_event_that_cannot_be_read_is_not_half_taken() {
    let view = words();
    let mut batch = view.batch();
    let told = written(1, "a", &["x"]);

    let unknown = Envelope {
        name: "WordSung".into(),
        ..told.clone()
    };
    assert!(matches!(batch.hear(&unknown), Err(HearError::Decode(why)) if why.is_unknown()));
    let newer = Envelope {
        version: "2".into(),
        ..told.clone()
    };
    assert!(matches!(batch.hear(&newer), Err(HearError::Decode(why)) if why.is_unknown()));
    let malformed = Envelope {
        payload: "{}".into(),
        ..told.clone()
    };
    assert!(matches!(batch.hear(&malformed), Err(HearError::Decode(why)) if !why.is_unknown()));
    let nameless = Envelope {
        id: String::new(),
        ..told
    };
    assert!(matches!(
        batch.hear(&nameless),
        Err(HearError::Id {
            aggregate: "board",
            ..
        })
    ));

    assert!(batch.keys().is_empty());
}

#[test]
fn a_stored_document_of_another_shape_stops_the_fold() {
    let view = words();
    let mut batch = view.batch();
    batch.hear(&written(5, "a", &["x"])).unwrap();
    let found = Found {
        position: 4,
        document: Some(b"7".to_vec()),
    };
    let refused = batch.fold([("x".to_owned(), found)].into()).unwrap_err();
    assert_eq!((refused.view, refused.key.as_str()), ("words", "x"));
}

#[test]
fn two_lists_may_fold_into_one_document_in_the_stores_order() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub struct BellRung {}
    events! { BellEvent of "bell" by String: BellRung v1 }
    let view = words().on::<BellEvent, _>(|_, _| ["x"], |row, _, _| row.0.push("ding".into()));
    let rung = Envelope {
        aggregate: "bell".into(),
        name: "BellRung".into(),
        payload: "{}".into(),
        ..written(2, "", &[])
    };
    let mut batch = view.batch();
    for told in [written(1, "a", &["x"]), rung, written(3, "b", &["x"])] {
        batch.hear(&told).unwrap();
    }
    let changes = batch.fold(FoundDocuments::new()).unwrap();
    assert_eq!(changes, [change("x", 3, &["a@1", "ding", "b@3"])]);
}
