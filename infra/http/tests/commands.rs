//! Commands over HTTP, on the engine: what they answer, once and again.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use jangbu_runtime::ports::EventStore;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Bed, CUSTOMER, ORDER, order_for, position, problem};

#[tokio::test]
async fn what_was_carried_out_is_201_with_its_events() {
    let bed = Bed::new().await;
    let id = "0198c5a0-7b1c-7cc4-9d5c-000000000001";
    let answer = bed
        .post("/commands/stock/tea/receive", &json!({ "quantity": 5 }))
        .header("Idempotency-Key", id)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["position"], "1");
    assert_eq!(answer.headers()["location"], "/events/1");
    let mut body: Value = answer.json().await.unwrap();
    let recorded_at = body["recorded_at"].take();
    assert!(
        recorded_at.as_str().unwrap().ends_with('Z'),
        "{recorded_at}"
    );
    assert_eq!(
        body,
        json!({
            "command_id": id,
            "aggregate": "stock",
            "id": "tea",
            "version": 1,
            "position": 1,
            "recorded_at": null,
            "events": [
                { "type": "StockReceived", "version": "1", "sequence": 1, "position": 1, "data": { "quantity": 5 } },
            ],
        })
    );
}

#[tokio::test]
async fn what_changes_nothing_is_200_with_the_aggregates_version() {
    let bed = Bed::new().await;
    bed.receive("tea", 5).await;
    let hold = json!({ "order": ORDER, "quantity": 2 });
    bed.post("/commands/stock/tea/hold", &hold)
        .send()
        .await
        .unwrap();
    let again = bed
        .post("/commands/stock/tea/hold", &hold)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 200);
    assert_eq!(position(&again), 3);
    assert!(!again.headers().contains_key("location"));
    let body: Value = again.json().await.unwrap();
    assert_eq!((&body["version"], &body["events"]), (&json!(2), &json!([])));
}

#[tokio::test]
async fn a_refusal_is_422_with_its_own_type_and_position_and_stays_one() {
    let bed = Bed::new().await;
    let path = format!("/commands/order/{ORDER}/cancel");
    let ask = || {
        bed.post(&path, &json!({}))
            .header("Idempotency-Key", "first try")
            .send()
    };
    let first = ask().await.unwrap();
    assert_eq!(first.status(), 422);
    assert_eq!(position(&first), 1);
    let first = problem(first).await;
    assert_eq!(first["type"], "order_unknown");
    assert_eq!(first["position"], 1);

    let place = bed.post(
        &format!("/commands/order/{ORDER}/place"),
        &order_for("tea", 1),
    );
    assert_eq!(place.send().await.unwrap().status(), 201);
    let again = problem(ask().await.unwrap()).await;
    assert_eq!(again, first, "the id has its answer, for ever");
}

#[tokio::test]
async fn a_repeated_id_gets_the_first_answer_and_another_command_409() {
    let bed = Bed::new().await;
    let ask = |quantity: u64| {
        bed.post(
            "/commands/stock/tea/receive",
            &json!({ "quantity": quantity }),
        )
        .header("Idempotency-Key", "delivery note 7")
        .send()
    };
    let first: Value = ask(5).await.unwrap().json().await.unwrap();
    bed.receive("tea", 1).await;
    let again = ask(5).await.unwrap();
    assert_eq!(again.status(), 201);
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    let other = ask(6).await.unwrap();
    assert_eq!(other.status(), 409);
    assert_eq!(problem(other).await["type"], "command_id_reused");
}

#[tokio::test]
async fn an_expected_version_that_does_not_stand_is_412_saying_which_does() {
    let bed = Bed::new().await;
    bed.receive("tea", 5).await;
    let expecting = |version: &str| {
        bed.post("/commands/stock/tea/receive", &json!({ "quantity": 1 }))
            .header("Expected-Version", version.to_owned())
            .send()
    };
    let refused = expecting("7").await.unwrap();
    assert_eq!(refused.status(), 412);
    let refused = problem(refused).await;
    assert_eq!(
        (&refused["expected"], &refused["actual"]),
        (&json!(7), &json!(1))
    );
    assert_eq!(expecting("1").await.unwrap().status(), 201);
}

#[tokio::test]
async fn who_asked_and_why_is_kept_with_the_event() {
    let bed = Bed::new().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    bed.post("/commands/stock/tea/receive", &json!({ "quantity": 5 }))
        .header("Actor", "김복순")
        .header("Reason", "맛있는 차")
        .header("Correlation-Id", "morning")
        .header("traceparent", trace)
        .send()
        .await
        .unwrap();
    let metadata = bed.store.read(0, 1).await.unwrap()[0].read_metadata();
    assert_eq!(metadata.actor, "김복순");
    assert_eq!(metadata.reason.as_deref(), Some("맛있는 차"));
    assert_eq!(metadata.correlation_id, "morning");
    let kept = metadata.traceparent.unwrap();
    assert!(
        kept.starts_with(&trace[..36]) && kept != trace,
        "{kept} is a step of the same trace"
    );
}

#[tokio::test]
async fn said_by_nobody_it_is_anonymous_and_its_own_beginning() {
    let bed = Bed::new().await;
    bed.receive("tea", 5).await;
    let told = &bed.store.read(0, 1).await.unwrap()[0];
    let metadata = told.read_metadata();
    assert_eq!(metadata.actor, "anonymous");
    assert_eq!(metadata.correlation_id, told.command_id.to_string());
    assert!(metadata.traceparent.is_some());
}

#[tokio::test]
async fn what_policies_give_nobody_gives_but_the_operator() {
    let bed = Bed::new().await;
    let give = |actor: &'static str| {
        let path = format!("/commands/order/{ORDER}/record-stock-held");
        bed.post(&path, &json!({ "sku": "tea" }))
            .header("Actor", actor)
            .send()
    };
    let refused = give("anne").await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(problem(refused).await["type"], "policy_only");
    assert_eq!(give("operator").await.unwrap().status(), 200);
    let pretended = give("policy:hold_stock").await.unwrap();
    assert_eq!(pretended.status(), 400);
    assert_eq!(problem(pretended).await["type"], "actor_reserved");
}

async fn lines(bed: &Bed, lines: &[String]) -> Vec<Value> {
    let answer = bed
        .request(Method::POST, "/commands")
        .header("Content-Type", "application/x-ndjson")
        .body(lines.join("\n"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let text = answer.text().await.unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_file_of_commands_is_answered_line_by_line_in_order_and_a_bad_line_stops_nothing() {
    let bed = Bed::new().await;
    let receive = |quantity: u64| json!({ "aggregate": "stock", "id": "tea", "command": "receive", "body": { "quantity": quantity } });
    let answers = lines(
        &bed,
        &[
            receive(1).to_string(),
            "no json".to_owned(),
            json!({ "aggregate": "stok", "id": "tea", "command": "receive" }).to_string(),
            String::new(),
            json!({ "aggregate": "order", "id": ORDER, "command": "cancel", "reason": "too late" }).to_string(),
            json!({ "aggregate": "stock", "id": "tea", "command": "receive", "body": { "quantity": 2 }, "wish": 1 }).to_string(),
            json!({ "aggregate": "stock", "id": "tea", "command": "receive", "body": { "quantity": 3 }, "expected_version": 1 }).to_string(),
        ],
    )
    .await;
    let statuses: Vec<_> = answers
        .iter()
        .map(|answer| answer["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 400, 404, 422, 400, 201], "{answers:?}");
    assert_eq!(answers[0]["events"][0]["data"]["quantity"], 1);
    assert_eq!(answers[2]["nearest"], "stock");
    assert_eq!(answers[3]["type"], "order_unknown");
    assert!(answers[4]["detail"].as_str().unwrap().contains("wish"));
    assert_eq!(answers[5]["version"], 2);
}

#[tokio::test]
async fn many_lines_of_one_aggregate_run_in_line_order() {
    let bed = Bed::new().await;
    let many: Vec<_> = (1..=2_000_u64)
        .map(|n| json!({ "command_id": format!("line {n}"), "aggregate": "stock", "id": format!("sku-{}", n % 3), "command": "receive", "body": { "quantity": n } }).to_string())
        .collect();
    let answers = lines(&bed, &many).await;
    assert_eq!(answers.len(), 2_000);
    for (answer, n) in answers.iter().zip(1..) {
        assert_eq!(answer["status"], 201, "{answer}");
        assert_eq!(answer["events"][0]["data"]["quantity"], n);
        assert_eq!(answer["version"], (n + 2) / 3, "{answer}");
    }
    let again = lines(&bed, &many).await;
    assert_eq!(again, answers, "the same file again changes nothing");
}

#[tokio::test]
async fn the_body_of_a_placed_order_is_the_same_whoever_writes_it() {
    let bed = Bed::new().await;
    let path = format!("/commands/order/{ORDER}/place");
    let answer = bed.post(&path, &order_for("tea", 2)).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let body: Value = answer.json().await.unwrap();
    let placed = &body["events"][0]["data"];
    assert_eq!(placed["customer"], CUSTOMER);
    assert_eq!(
        placed["total"],
        json!({ "amount": 2000, "currency": "KRW" })
    );
}
