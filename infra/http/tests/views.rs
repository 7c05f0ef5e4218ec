//! Views over HTTP: each answer is the state as of the position it tells.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use std::time::{Duration, Instant};

use jangbu_runtime::ports::Documents;
use jangbu_runtime::project::definition_of;
use serde_json::{Value, json};
use support::{Bed, position, problem};

#[tokio::test]
async fn a_document_comes_with_its_position_and_is_not_sent_twice() {
    let bed = Bed::new().await;
    bed.receive("tea", 5).await;
    bed.carry_views().await;
    let answer = bed.get("/views/stock_levels/tea").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(position(&answer), 1);
    let tag = answer.headers()["etag"].clone();
    let body: Value = answer.json().await.unwrap();
    let data = json!({ "on_hand": 5, "held": 0, "available": 5 });
    assert_eq!(body, json!({ "key": "tea", "position": 1, "data": data }));

    let again = || {
        bed.get("/views/stock_levels/tea")
            .header("If-None-Match", &tag)
            .send()
    };
    let unchanged = again().await.unwrap();
    assert_eq!(
        (unchanged.status().as_u16(), position(&unchanged)),
        (304, 1)
    );
    bed.receive("tea", 5).await;
    bed.carry_views().await;
    assert_eq!(again().await.unwrap().status(), 200, "the state is another");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let bed = Bed::new().await;
    for n in 0..25_u64 {
        // Ties, so that the key has to break them.
        bed.receive(&format!("sku-{n:02}"), 1 + n % 4).await;
    }
    bed.carry_views().await;
    let page = |query: String| {
        let request = bed.get(&format!("/views/stock_levels?{query}"));
        async { request.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    for sort in ["key", "-key", "available", "-available"] {
        let all = page(format!("sort={sort}&limit=1000")).await;
        assert!(all.get("next").is_none(), "a last page has no next");
        let all = all["rows"].as_array().unwrap().clone();
        assert_eq!(all.len(), 25);
        let mut rows = Vec::new();
        let mut query = format!("sort={sort}&limit=7");
        loop {
            let read = page(query).await;
            assert_eq!(read["position"], 25);
            rows.extend(read["rows"].as_array().unwrap().clone());
            let Some(next) = read["next"].as_str() else {
                break;
            };
            query = format!("sort={sort}&limit=7&after={next}");
        }
        assert_eq!(rows, all, "sorted by {sort}");
    }
}

#[tokio::test]
async fn a_page_holds_what_was_asked_for() {
    let bed = Bed::new().await;
    for (sku, quantity) in [("a", 1), ("b", 5), ("c", 9)] {
        bed.receive(sku, quantity).await;
    }
    bed.carry_views().await;
    for (query, keys) in [
        ("", "a b c"),
        ("available=5", "b"),
        ("available.gte=5", "b c"),
        ("available.lt=5", "a"),
        ("available.gte=2&available.lt=9", "b"),
        ("sort=-available&limit=2", "c b"),
        ("held=1", ""),
    ] {
        let answer = bed
            .get(&format!("/views/stock_levels?{query}"))
            .send()
            .await
            .unwrap();
        let body: Value = answer.json().await.unwrap();
        let rows = body["rows"].as_array().unwrap();
        let found: Vec<_> = rows
            .iter()
            .map(|row| row["key"].as_str().unwrap())
            .collect();
        assert_eq!(found.join(" "), keys, "{query}");
    }
}

#[tokio::test]
async fn who_wrote_waits_until_the_view_has_it() {
    let bed = Bed::new().await;
    let written = bed.receive("tea", 5).await;
    let request = bed
        .get("/views/stock_levels/tea")
        .header("Min-Position", written);
    let (answer, ()) = tokio::join!(request.send(), bed.carry_views());
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(position(&answer), written);
}

#[tokio::test]
async fn a_view_that_does_not_come_is_504_saying_how_far_it_is() {
    let bed = Bed::new().await;
    bed.receive("tea", 5).await;
    bed.carry_views().await;
    let written = bed.receive("tea", 5).await;
    let began = Instant::now();
    let request = bed
        .get("/views/stock_levels/tea")
        .header("Min-Position", written);
    let late = request.header("Prefer", "wait=0").send().await.unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "no longer than was said"
    );
    assert_eq!(late.status(), 504);
    let late = problem(late).await;
    assert_eq!(late["type"], "view_behind");
    assert_eq!((&late["position"], &late["behind"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_view_that_stopped_says_so() {
    let bed = Bed::new().await;
    bed.receive("tea", 5).await;
    bed.carry_views().await;
    let view = bed
        .system
        .views()
        .iter()
        .find(|view| view.name() == "stock_levels")
        .unwrap();
    let mut lease = bed
        .documents
        .lease(&definition_of(&**view))
        .await
        .unwrap()
        .unwrap();
    lease
        .note_stopped(Some((2, "it cannot be read")))
        .await
        .unwrap();
    let answer = bed.get("/views/stock_levels/tea").send().await.unwrap();
    assert_eq!(answer.headers()["stale"], "stopped; position=2");
    let missing = bed.get("/views/stock_levels/coffee").send().await.unwrap();
    assert_eq!(missing.headers()["stale"], "stopped; position=2");
}
