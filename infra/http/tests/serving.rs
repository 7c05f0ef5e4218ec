//! How requests are served: versions of HTTP, limits, failures, and the end of the process.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use jangbu_http::{Component, Condition, Health, HttpOptions, ServeOptions};
use jangbu_runtime::execute::{Execute, Failure, Pending, Submission};
use reqwest::{Client, Method, Version};
use serde_json::{Value, json};
use support::{Bed, Failing, Silent, Wishes, problem};
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

/// Whoever writes all before reading anything must still hear why.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_has_come_and_the_answer_arrives() {
    let bed = Bed::new().await;
    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    let head = "POST /commands/stock/tea/receive HTTP/1.1\r\nHost: mall\r\nContent-Length: 2097152\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = vec![0; 4096];
    let length = timeout(SOON, stream.read(&mut read))
        .await
        .unwrap()
        .unwrap();
    assert!(
        read[..length].starts_with(b"HTTP/1.1 413 "),
        "before any of it was sent"
    );
    let told = String::from_utf8_lossy(&read[..length]).to_lowercase();
    assert!(
        told.contains("connection: close"),
        "what comes after it on this connection cannot be read: {told}"
    );

    let mut stream = TcpStream::connect(bed.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 2 << 20]).await.unwrap();
    let mut answer = Vec::new();
    timeout(SOON, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("\"type\":\"too_large\""), "{answer}");
}

#[tokio::test]
async fn a_body_without_a_length_is_read_no_further_than_its_limit() {
    let bed = Bed::new().await;
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 16 << 10]));
    let request = bed.request(Method::POST, "/commands/stock/tea/receive");
    let answer = request.body(reqwest::Body::wrap_stream(endless)).send();
    let answer = timeout(SOON, answer)
        .await
        .expect("it is not read for ever")
        .unwrap();
    assert_eq!(answer.status(), 413);
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

async fn failing(failure: Failure) -> (u16, Value, bool) {
    let bed = Bed::with(Wishes {
        execute: Some(Arc::new(Failing(failure))),
        ..Wishes::default()
    })
    .await;
    let answer = bed
        .post("/commands/stock/tea/receive", &json!({ "quantity": 1 }))
        .header("Expected-Version", "3")
        .send()
        .await
        .unwrap();
    let retry = answer.headers().contains_key("retry-after");
    (answer.status().as_u16(), problem(answer).await, retry)
}

#[tokio::test]
async fn each_failure_of_the_engine_has_its_own_words() {
    let rejected = jangbu_runtime::Problem::new("no", "no");
    for (failure, status, kind, retry, told) in [
        (
            Failure::Overloaded,
            503,
            "overloaded",
            true,
            "nothing was done",
        ),
        (
            Failure::Unavailable,
            503,
            "unavailable",
            true,
            "nothing was done",
        ),
        (Failure::Late, 503, "late", true, "nothing was done"),
        (
            Failure::ShuttingDown,
            503,
            "shutting_down",
            true,
            "nothing was done",
        ),
        (
            Failure::OutcomeUnknown,
            503,
            "outcome_unknown",
            true,
            "Idempotency-Key",
        ),
        (
            Failure::CommandIdReused,
            409,
            "command_id_reused",
            false,
            "new Idempotency-Key",
        ),
        (
            Failure::VersionMismatch { actual: 8 },
            412,
            "version_mismatch",
            false,
            "Expected-Version 8",
        ),
        (
            Failure::RefusedAsData("too long".to_owned()),
            400,
            "refused_as_data",
            false,
            "too long",
        ),
        (
            Failure::Forked("position 7".to_owned()),
            503,
            "history_forked",
            false,
            "jangbu repair fork",
        ),
        (
            Failure::Defect("secret".to_owned()),
            500,
            "internal",
            false,
            "reference",
        ),
        (
            Failure::PolicyRefused(rejected),
            500,
            "internal",
            false,
            "reference",
        ),
        (Failure::Revoked, 500, "internal", false, "reference"),
    ] {
        let (answered, problem, retried) = failing(failure.clone()).await;
        assert_eq!(
            (answered, problem["type"].as_str(), retried),
            (status, Some(kind), retry),
            "{failure:?}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(told) && !detail.contains("secret"),
            "{detail}"
        );
    }
}

struct Panicking;

impl Execute for Panicking {
    fn submit(&self, _: Submission) -> Pending {
        panic!("the cat sat on the ledger")
    }
}

#[tokio::test]
async fn a_panic_is_500_without_its_words_and_the_process_goes_on() {
    let bed = Bed::with(Wishes {
        execute: Some(Arc::new(Panicking)),
        ..Wishes::default()
    })
    .await;
    let ask = || {
        bed.post("/commands/stock/tea/receive", &json!({ "quantity": 1 }))
            .send()
    };
    for _ in 0..2 {
        let problem = problem(ask().await.unwrap()).await;
        assert_eq!(problem["type"], "internal");
        assert!(!problem.to_string().contains("cat"));
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
