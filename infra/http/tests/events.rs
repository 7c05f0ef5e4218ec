//! Events over HTTP: as pages, as lines and as server-sent events, always the same events in the same order.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use std::time::Duration;

use futures::StreamExt;
use reqwest::Response;
use serde_json::{Value, json};
use support::{Bed, ORDER, problem};
use tokio::time::timeout;

async fn filled() -> Bed {
    let bed = Bed::new().await;
    for n in 1..=5 {
        bed.receive("tea", n).await;
    }
    let path = format!("/commands/order/{ORDER}/cancel");
    let refused = bed
        .post(&path, &json!({}))
        .header("Actor", "anne")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), 422);
    bed
}

async fn page(bed: &Bed, query: &str) -> Value {
    let answer = bed.get(&format!("/events?{query}")).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{query}");
    answer.json().await.unwrap()
}

fn positions(page: &Value) -> Vec<u64> {
    let events = page["events"].as_array().unwrap();
    events
        .iter()
        .map(|event| event["position"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[tokio::test]
async fn an_event_is_a_cloud_event_wherever_it_is_read() {
    let bed = filled().await;
    let answer = bed
        .get("/events/1")
        .header("Accept", "application/cloudevents+json")
        .send()
        .await
        .unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "application/cloudevents+json"
    );
    let event: Value = answer.json().await.unwrap();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "jangbu.stock.StockReceived.v1");
    assert_eq!(event["subject"], "stock/tea");
    assert_eq!(
        (&event["position"], &event["sequence"]),
        (&json!("1"), &json!("1"))
    );
    assert_eq!(event["data"], json!({ "quantity": 1 }));
    assert!(
        event["source"]
            .as_str()
            .unwrap()
            .starts_with("/jangbu/mall/")
    );
    assert_eq!(page(&bed, "limit=1").await["events"][0], event);
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let bed = filled().await;
    let first = page(&bed, "limit=4").await;
    assert_eq!(
        (positions(&first), &first["next"], &first["head"]),
        (vec![1, 2, 3, 4], &json!(4), &json!(6))
    );
    let second = page(&bed, "limit=4&from=4").await;
    assert_eq!(
        (positions(&second), &second["next"]),
        (vec![5, 6], &json!(6))
    );
    let end = page(&bed, "from=6").await;
    assert_eq!((positions(&end), &end["next"]), (vec![], &json!(6)));
    assert_eq!(positions(&page(&bed, "from=1&until=3").await), [2, 3]);
}

#[tokio::test]
async fn filters_let_through_what_was_asked_for() {
    let bed = filled().await;
    for (query, expected) in [
        ("aggregate=stock", vec![1, 2, 3, 4, 5]),
        ("aggregate=command", vec![6]),
        ("aggregate=stock&aggregate_id=coffee", vec![]),
        ("aggregate_id=tea&from=3", vec![4, 5]),
        ("type=CommandRefused,StockHeld", vec![6]),
        ("actor=anne", vec![6]),
        ("actor=anonymous&limit=2", vec![1, 2]),
    ] {
        assert_eq!(positions(&page(&bed, query).await), expected, "{query}");
    }
    let sixth = page(&bed, "from=5").await;
    let correlation = sixth["events"][0]["correlationid"].as_str().unwrap();
    assert_eq!(
        positions(&page(&bed, &format!("correlation_id={correlation}")).await),
        [6]
    );
    assert_eq!(
        positions(&page(&bed, &format!("command_id={correlation}")).await),
        [6]
    );
}

async fn lines(bed: &Bed, query: &str) -> Response {
    let request = bed
        .get(&format!("/events?{query}"))
        .header("Accept", "application/x-ndjson");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    answer
}

fn line_positions(text: &str) -> Vec<u64> {
    let read = |line| {
        serde_json::from_str::<Value>(line).unwrap()["position"]
            .as_str()
            .unwrap()
            .parse()
    };
    text.lines().map(|line| read(line).unwrap()).collect()
}

#[tokio::test]
async fn a_stream_of_lines_ends_at_the_head() {
    let bed = filled().await;
    for (query, expected) in [
        ("from=2", vec![3, 4, 5, 6]),
        ("until=2", vec![1, 2]),
        ("until=99", vec![1, 2, 3, 4, 5, 6]),
        ("limit=3", vec![1, 2, 3]),
        ("aggregate=stock&from=3", vec![4, 5]),
        ("from=6", vec![]),
    ] {
        let text = lines(&bed, query).await.text().await.unwrap();
        assert_eq!(line_positions(&text), expected, "{query}");
    }
}

/// Reads a stream until it holds so many of something.
async fn read_until(
    stream: &mut (impl StreamExt<Item = reqwest::Result<bytes::Bytes>> + Unpin),
    text: &mut String,
    done: impl Fn(&str) -> bool,
) {
    while !done(text) {
        let piece = timeout(Duration::from_secs(10), stream.next())
            .await
            .expect("the stream goes on");
        text.push_str(std::str::from_utf8(&piece.unwrap().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn a_stream_that_follows_goes_on_and_ends_with_the_process() {
    let bed = filled().await;
    let mut stream = lines(&bed, "from=4&follow=true").await.bytes_stream();
    let mut text = String::new();
    read_until(&mut stream, &mut text, |text| text.lines().count() == 2).await;
    bed.receive("tea", 6).await;
    read_until(&mut stream, &mut text, |text| text.lines().count() == 3).await;
    assert_eq!(line_positions(&text), [5, 6, 7]);
    bed.cancel.cancel();
    let end = timeout(Duration::from_secs(10), stream.next())
        .await
        .expect("it ends");
    assert!(end.is_none(), "in order: {end:?}");
    bed.served.await.unwrap();
}

#[tokio::test]
async fn server_sent_events_go_on_after_the_last_one_that_was_seen() {
    let bed = filled().await;
    let request = bed
        .get("/events?from=0&aggregate=stock")
        .header("Accept", "text/event-stream");
    let answer = request.header("Last-Event-ID", "3").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut stream = answer.bytes_stream();
    let mut text = String::new();
    read_until(&mut stream, &mut text, |text| {
        text.contains("id: 5\n") && text.ends_with("\n\n")
    })
    .await;
    bed.receive("tea", 9).await;
    read_until(&mut stream, &mut text, |text| {
        text.contains("id: 7\n") && text.ends_with("\n\n")
    })
    .await;
    let ids: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    assert_eq!(ids, ["4", "5", "7"]);
    let data: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(data.len(), 3);
    assert_eq!(data[2]["data"], json!({ "quantity": 9 }));
}

#[tokio::test]
async fn a_reader_of_another_history_is_told_so() {
    let bed = filled().await;
    let request = bed.get("/events").header("Accept", "text/event-stream");
    let refused = request.header("Last-Event-ID", "400").send().await.unwrap();
    assert_eq!(problem(refused).await["type"], "position_beyond_head");
}
