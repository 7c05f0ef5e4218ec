//! How fast the append is: `cargo run --release -p jangbu-postgres --example append_rate [admin URL]`.
//!
//! New aggregates, events of about 300 bytes, one append in flight, hashing included; a server of its own if none is given.

use std::time::{Duration, Instant};

use bytes::Bytes;
use jangbu_postgres::{Options, Postgres, testing};
use jangbu_runtime::hash;
use jangbu_runtime::ports::{Appender, Entry, EventStore, FastOutcome, NewEvent, Stream};
use uuid::Uuid;

const PER_SIZE: Duration = Duration::from_secs(4);

fn entry(metadata: &Bytes, payload: &Bytes) -> Entry {
    let command_id = Uuid::now_v7();
    let stream = Stream::new("stock", command_id.to_string());
    let mut event = NewEvent {
        stream: stream.clone(),
        sequence: 1,
        name: "StockReceived".into(),
        version: "1".into(),
        payload: payload.clone(),
        metadata: metadata.clone(),
        event_id: Uuid::now_v7(),
        ordinal: 0,
        leaf: [0; 32],
    };
    event.leaf = hash::leaf_of(&event, command_id);
    Entry {
        command_id,
        stream,
        version: 0,
        expected_version: None,
        events: vec![event],
        version_known: true,
    }
}

async fn measure(appender: &mut Box<dyn Appender>, size: usize) {
    let payload = Bytes::from(format!(
        "{{\"quantity\":5,\"note\":\"{}\"}}",
        "x".repeat(150)
    ));
    let metadata = Bytes::from_static(
        br#"{"actor":"someone","correlation_id":"0190a7c2-0000-7000-8000-000000000000","command":"receive","digest":"00"}"#,
    );
    let (mut events, mut times) = (0, Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < PER_SIZE {
        let batch: Vec<_> = (0..size).map(|_| entry(&metadata, &payload)).collect();
        let at = Instant::now();
        let outcome = appender
            .append(&batch)
            .await
            .expect("the append has an answer");
        assert!(
            matches!(outcome, FastOutcome::Appended(_)),
            "new aggregates are stored"
        );
        times.push(at.elapsed());
        events += size;
    }
    let rate = events as f64 / begin.elapsed().as_secs_f64();
    times.sort();
    println!(
        "batch {size:>5}: {rate:>8.0} events/s, p50 {:?}, p99 {:?}",
        times[times.len() / 2],
        times[times.len() * 99 / 100]
    );
}

#[tokio::main]
async fn main() {
    let admin_url = match std::env::args().nth(1) {
        Some(url) => url,
        None => jangbu_local::TestBed::get().await.admin_url(),
    };
    let fresh = testing::fresh(&admin_url, &[]).await;
    let store = Postgres::connect(&fresh.url, Options::default())
        .await
        .expect("a fresh store opens");
    let mut appender = store
        .appender()
        .await
        .expect("a fresh store takes an appender");
    for size in [1, 16, 64, 256, 1_024] {
        measure(&mut appender, size).await;
    }
    store.close().await;
}
