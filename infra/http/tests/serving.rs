//! How requests are served: versions of HTTP, limits, health, and the end of the process.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use jangbu_http::{Component, Condition, Health, HttpOptions, ServeOptions};
use reqwest::{Client, Version};
use serde_json::{Value, json};
use support::{Bed, Silent, Wishes, problem};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SOON: Duration = Duration::from_secs(10);

#[tokio::test]
async fn http_2_is_spoken_with_whoever_begins_with_it() {
    let bed = Bed::new().await;
    let client = Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let send = |n: u64| {
        let url = bed.url("/commands/stock/tea/receive");
        client.post(url).json(&json!({ "quantity": n })).send()
    };
    let answers = futures::future::join_all((1..=50).map(send)).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.version()),
            (201, Version::HTTP_2)
        );
    }
    let page = bed.get("/events?limit=1000").send().await.unwrap();
    assert_eq!(page.version(), Version::HTTP_11);
    assert_eq!(page.json::<Value>().await.unwrap()["head"], 50);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let bed = Bed::new().await;
    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    for _ in 0..3 {
        stream
            .write_all(b"GET /health/live HTTP/1.1\r\nHost: mall\r\n\r\n")
            .await
            .unwrap();
        let mut read = vec![0; 4096];
        let length = timeout(SOON, stream.read(&mut read))
            .await
            .unwrap()
            .unwrap();
        assert!(read[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

#[tokio::test]
async fn whoever_does_not_finish_their_headers_is_given_up() {
    let bed = Bed::with(Wishes {
        serving: ServeOptions {
            head_time: Duration::from_millis(200),
            ..ServeOptions::default()
        },
        ..Wishes::default()
    })
    .await;
    for begun in ["", "P", "PRI * HTTP", "GET / HTTP/1.1\r\nHost: ma"] {
        let mut stream = TcpStream::connect(bed.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let ended = timeout(SOON, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{begun:?} holds a connection for ever");
    }
}

#[tokio::test]
async fn more_requests_than_can_be_taken_on_are_refused_but_health_is_heard() {
    let silent = Silent::new();
    let bed = Bed::with(Wishes {
        execute: Some(silent.clone()),
        options: HttpOptions {
            requests: 2,
            ..HttpOptions::default()
        },
        ..Wishes::default()
    })
    .await;
    let ask = || {
        bed.post("/commands/stock/tea/receive", &json!({ "quantity": 1 }))
            .send()
    };
    let held = [tokio::spawn(ask()), tokio::spawn(ask())];
    timeout(SOON, async {
        while silent.0.lock().unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("two are under way");
    let refused = ask().await.unwrap();
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(problem(refused).await["type"], "overloaded");
    assert_eq!(bed.get("/health/live").send().await.unwrap().status(), 200);
    silent.0.lock().unwrap().clear();
    for held in held {
        let answer = held.await.unwrap().unwrap();
        assert_eq!(problem(answer).await["type"], "outcome_unknown");
    }
    assert_eq!(
        bed.get("/events").send().await.unwrap().status(),
        200,
        "there is room again"
    );
}

#[tokio::test]
async fn streams_are_bounded_too() {
    let bed = Bed::with(Wishes {
        options: HttpOptions {
            streams: 1,
            ..HttpOptions::default()
        },
        ..Wishes::default()
    })
    .await;
    let follow = || {
        bed.get("/events")
            .header("Accept", "text/event-stream")
            .send()
    };
    let first = follow().await.unwrap();
    assert_eq!(problem(follow().await.unwrap()).await["type"], "overloaded");
    drop(first);
    let freed = async {
        while follow().await.unwrap().status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, freed)
        .await
        .expect("a reader that left makes room");
}

#[tokio::test]
async fn requests_under_way_are_answered_before_the_end() {
    let silent = Silent::new();
    let bed = Bed::with(Wishes {
        execute: Some(silent.clone()),
        ..Wishes::default()
    })
    .await;
    let held = tokio::spawn(
        bed.post("/commands/stock/tea/receive", &json!({ "quantity": 1 }))
            .send(),
    );
    timeout(SOON, async {
        while silent.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it is under way");
    bed.cancel.cancel();
    let ended = timeout(SOON, async {
        while TcpStream::connect(bed.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    ended.await.expect("nothing new is taken");
    assert!(!bed.served.is_finished(), "one is still under way");
    silent.0.lock().unwrap().clear();
    assert_eq!(held.await.unwrap().unwrap().status(), 503);
    timeout(SOON, bed.served).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_off() {
    let bed = Bed::with(Wishes {
        execute: Some(Silent::new()),
        serving: ServeOptions {
            drain: Duration::from_millis(100),
            ..ServeOptions::default()
        },
        ..Wishes::default()
    })
    .await;
    let held = tokio::spawn(
        bed.post("/commands/stock/tea/receive", &json!({ "quantity": 1 }))
            .send(),
    );
    assert_eq!(bed.get("/health/live").send().await.unwrap().status(), 200);
    bed.cancel.cancel();
    timeout(SOON, bed.served).await.expect("it ends").unwrap();
    // It was cut off under way, or never taken; it is not held for ever.
    assert!(timeout(SOON, held).await.is_ok());
}

struct Ill;

impl Health for Ill {
    fn components(&self) -> Vec<Component> {
        vec![
            Component::new("store", Condition::Down, "does not answer"),
            Component::new("relay", Condition::Up, "leads"),
        ]
    }

    fn has_started(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn health_says_what_is_wrong() {
    let well = Bed::new().await;
    for path in ["/health/live", "/health/ready", "/health/startup"] {
        assert_eq!(well.get(path).send().await.unwrap().status(), 200, "{path}");
    }
    let ill = Bed::with(Wishes {
        health: Arc::new(Ill),
        ..Wishes::default()
    })
    .await;
    assert_eq!(ill.get("/health/live").send().await.unwrap().status(), 200);
    let ready = problem(ill.get("/health/ready").send().await.unwrap()).await;
    assert_eq!(ready["type"], "not_ready");
    assert!(
        ready["detail"]
            .as_str()
            .unwrap()
            .contains("store: does not answer")
    );
    assert_eq!(ready["components"][1]["condition"], "up");
    let startup = problem(ill.get("/health/startup").send().await.unwrap()).await;
    assert_eq!(startup["status"], 503);
}

#[tokio::test]
async fn metrics_and_index_are_there() {
    let bed = Bed::new().await;
    let metrics = bed.get("/metrics").send().await.unwrap();
    assert!(
        metrics.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(metrics.text().await.unwrap(), "# nothing yet\n");
    let index: Value = bed.get("/").send().await.unwrap().json().await.unwrap();
    assert_eq!(index["system"], "mall");
}
