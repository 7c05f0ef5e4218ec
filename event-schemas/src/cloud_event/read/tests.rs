//! Reading records: what is ours comes back as it was written, what is not is told from what is broken.

use std::collections::BTreeMap;

use super::*;
use crate::cloud_event::{Headers, Structured};

fn source() -> Source {
    Source {
        store: "mall".into(),
        incarnation: Uuid::from_u128(1),
    }
}

fn told() -> Envelope {
    Envelope {
        position: 42,
        event_id: Uuid::from_u128(2),
        aggregate: "stock".into(),
        id: "tea/green".into(),
        sequence: 3,
        name: "StockHeld".into(),
        version: "1".into(),
        payload: Bytes::from_static(br#"{"order":"x","quantity":1}"#),
        metadata: Bytes::from_static(
            br#"{"actor":"policy:hold \"it\"","correlation_id":"c","causation_id":"e","reason":"r","traceparent":"00-a-b-01","command":"hold","digest":"d"}"#,
        ),
        command_id: Uuid::from_u128(4),
        command_ordinal: 0,
        recorded_at: "2026-11-21T03:04:05.006Z".parse().unwrap(),
    }
}

fn headers(told: &Envelope) -> BTreeMap<String, Vec<u8>> {
    let mut headers = Headers::new();
    let pairs = headers.write(told, &source(), 40);
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect()
}

fn read(told: &Envelope, headers: &BTreeMap<String, Vec<u8>>) -> Result<Received, ReadError> {
    let header = |name: &str| headers.get(name).map(Vec::as_slice);
    Reader::new().read(Some(told.id.as_bytes()), Some(told.payload.clone()), header)
}

#[test]
fn the_headers_are_those_of_the_design_word_by_word() {
    let mut headers = Headers::new();
    let told = told();
    let expected = [
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", "00000000-0000-0000-0000-000000000002"),
        ("ce_time", "2026-11-21T03:04:05.006000Z"),
        (
            "ce_source",
            "/jangbu/mall/00000000-0000-0000-0000-000000000001",
        ),
        ("ce_type", "jangbu.stock.StockHeld.v1"),
        ("ce_subject", "stock/tea/green"),
        ("ce_dataschema", "urn:jangbu:schema:stock:StockHeld:1"),
        ("ce_sequence", "3"),
        ("ce_position", "42"),
        ("ce_previous", "40"),
        ("ce_commandid", "00000000-0000-0000-0000-000000000004"),
        ("ce_correlationid", "c"),
        ("ce_causationid", "e"),
        ("ce_actor", "policy:hold \"it\""),
        ("traceparent", "00-a-b-01"),
    ];
    assert_eq!(*headers.write(&told, &source(), 40), expected);
    // Written again into the same room, nothing of the first is left.
    let bare = Envelope {
        metadata: Bytes::from_static(b"{}"),
        ..told
    };
    assert_eq!(*headers.write(&bare, &source(), 40), expected[..12]);
}

#[test]
fn what_was_sent_is_read_back() {
    let told = told();
    let received = read(&told, &headers(&told)).unwrap();
    assert_eq!(*received.source, source());
    assert_eq!(received.previous, 40);
    let sent = told.read_metadata();
    assert_eq!(
        received.envelope.read_metadata(),
        Metadata {
            reason: None,
            command: String::new(),
            digest: String::new(),
            ..sent
        }
    );
    assert_eq!(
        Envelope {
            metadata: told.metadata.clone(),
            ..received.envelope
        },
        told
    );
}

#[test]
fn an_adopted_version_may_have_dots() {
    let told = Envelope {
        version: "1.0".into(),
        name: "Some.vent".into(),
        ..told()
    };
    let received = read(&told, &headers(&told)).unwrap();
    assert_eq!(
        (&*received.envelope.name, &*received.envelope.version),
        ("Some.vent", "1.0")
    );
}

#[test]
fn names_and_source_are_shared_between_records() {
    let told = told();
    let headers = headers(&told);
    let header = |name: &str| headers.get(name).map(Vec::as_slice);
    let mut reader = Reader::new();
    let mut next = || {
        reader
            .read(Some(told.id.as_bytes()), Some(told.payload.clone()), header)
            .unwrap()
    };
    let (first, second) = (next(), next());
    assert!(Arc::ptr_eq(&first.envelope.name, &second.envelope.name));
    assert!(Arc::ptr_eq(&first.source, &second.source));
}

#[test]
fn a_record_that_does_not_bear_our_name_is_alien() {
    let told = told();
    for (header, wrong) in [
        ("ce_source", None),
        ("ce_source", Some("/other/mall/7")),
        ("ce_source", Some("/jangbu/mall/seven")),
        ("ce_type", None),
        ("ce_type", Some("com.example.thing")),
    ] {
        let mut headers = headers(&told);
        match wrong {
            Some(wrong) => headers.insert(header.into(), wrong.into()),
            None => headers.remove(header),
        };
        let read = read(&told, &headers);
        assert!(
            matches!(read, Err(ReadError::Alien(_))),
            "{header} {wrong:?}: {read:?}"
        );
    }
}

#[test]
fn a_record_that_bears_our_name_and_is_broken_says_where() {
    let told = told();
    for (header, wrong) in [
        ("ce_specversion", "0.3"),
        ("ce_id", "7"),
        ("ce_time", "yesterday"),
        ("ce_type", "jangbu.stock.StockHeld"),
        ("ce_type", "jangbu.order.OrderPlaced.v1"),
        ("ce_type", "jangbu.stock..v1"),
        ("ce_subject", "stock/coffee"),
        ("ce_sequence", "0"),
        ("ce_position", "9007199254740992"),
        ("ce_position", "-1"),
        ("ce_previous", "42"),
        ("ce_commandid", ""),
    ] {
        let mut headers = headers(&told);
        headers.insert(header.into(), wrong.into());
        match read(&told, &headers) {
            Err(ReadError::Malformed(malformed)) => {
                assert_eq!(malformed.header, header, "{wrong}");
                assert_eq!(malformed.claims, source());
                assert_eq!(malformed.position.is_none(), header == "ce_position");
            }
            other => panic!("{header} {wrong}: {other:?}"),
        }
    }
}

#[test]
fn every_header_an_event_needs_is_missed() {
    let told = told();
    for needed in [
        "ce_specversion",
        "ce_id",
        "ce_time",
        "ce_subject",
        "ce_sequence",
        "ce_position",
        "ce_previous",
        "ce_commandid",
    ] {
        let mut headers = headers(&told);
        headers.remove(needed);
        match read(&told, &headers) {
            Err(ReadError::Malformed(malformed)) => {
                assert_eq!((malformed.header, malformed.fault), (needed, "is missing"));
            }
            other => panic!("{needed}: {other:?}"),
        }
    }
}

#[test]
fn a_null_value_or_no_key_or_bytes_that_are_no_text_are_malformed() {
    let told = told();
    let mut headers = headers(&told);
    let fault = |key: Option<&[u8]>, value, headers: &BTreeMap<String, Vec<u8>>| {
        let header = |name: &str| headers.get(name).map(Vec::as_slice);
        match Reader::new().read(key, value, header) {
            Err(ReadError::Malformed(malformed)) => malformed.header,
            other => panic!("{other:?}"),
        }
    };
    let value = || Some(told.payload.clone());
    assert_eq!(fault(Some(b"tea/green"), None, &headers), "value");
    assert_eq!(fault(None, value(), &headers), "key");
    assert_eq!(fault(Some(b"\xff"), value(), &headers), "key");
    headers.insert("ce_actor".into(), vec![0xff]);
    assert_eq!(fault(Some(b"tea/green"), value(), &headers), "ce_actor");
}

#[test]
fn the_structured_form_has_the_same_names_without_ce() {
    let told = told();
    let json = serde_json::to_string(&Structured::new(&told, &source(), Some(40))).unwrap();
    assert!(
        json.ends_with(r#""data":{"order":"x","quantity":1}}"#),
        "{json}"
    );
    let mut json: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
    json.remove("data");
    let in_headers: BTreeMap<String, String> = headers(&told)
        .into_iter()
        .map(|(name, value)| {
            let name = match name.as_str() {
                "content-type" => "datacontenttype",
                name => name.trim_start_matches("ce_"),
            };
            (name.to_owned(), String::from_utf8(value).unwrap())
        })
        .collect();
    let in_json: BTreeMap<String, String> = json
        .into_iter()
        .map(|(name, value)| (name, value.as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(in_json, in_headers);
}
