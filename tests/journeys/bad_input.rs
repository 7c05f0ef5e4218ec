//! Whatever is sent, the answer is a problem that says what to do, and nothing is stored of it.

use jangbu_tests::laws;
use jangbu_tests::mall::Mall;
use jangbu_tests::shop::Shop;
use jangbu_tests::site::Site;
use jangbu_tests::stored::Stored;
use jangbu_tests::wish::{place, place_body};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use uuid::Uuid;

const ORDER: &str = "/commands/order/0190a000-0000-7000-8000-000000000001/place";
const RECEIVE: &str = "/commands/stock/tea/receive";

/// What is sent, and what must come back: status, type, and a word of the detail that helps.
struct Case {
    method: Method,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
    told: (u16, &'static str, &'static str),
}

fn post(
    path: &'static str,
    body: impl Into<Vec<u8>>,
    told: (u16, &'static str, &'static str),
) -> Case {
    Case {
        method: Method::POST,
        path,
        headers: &[],
        body: body.into(),
        told,
    }
}

fn get(path: &'static str, told: (u16, &'static str, &'static str)) -> Case {
    Case {
        method: Method::GET,
        path,
        headers: &[],
        body: Vec::new(),
        told,
    }
}

impl Case {
    fn with(self, headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..self }
    }
}

fn order(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut body = place_body(&[("tea", 1)]);
    change(&mut body);
    body.to_string().into_bytes()
}

#[rustfmt::skip]
fn bodies() -> Vec<Case> {
    vec![
        post(RECEIVE, "{\"quantity\": ", (400, "malformed", "no JSON")),
        post(RECEIVE, "", (400, "malformed", "quantity")),
        post(RECEIVE, "[]", (400, "malformed", "/openapi.json")),
        post(RECEIVE, r#"{"quantity": 1, "colour": "red"}"#, (400, "malformed", "colour")),
        post(RECEIVE, r#"{"quantity": "three"}"#, (400, "malformed", "quantity")),
        post(RECEIVE, r#"{"quantity": 0}"#, (400, "malformed", "quantity")),
        post(RECEIVE, r#"{"quantity": -1}"#, (400, "malformed", "quantity")),
        post(RECEIVE, r#"{"quantity": 1.5}"#, (400, "malformed", "quantity")),
        post(RECEIVE, r#"{"quantity": 9007199254740992}"#, (400, "malformed", "2^53")),
        post(RECEIVE, r#"{}"#, (400, "malformed", "quantity")),
        post(RECEIVE, vec![b' '; 2 << 20], (413, "too_large", "262144")),
        post(ORDER, order(|body| body["ship_to"]["street"] = json!("1 Jong\0no")), (400, "malformed", "U+0000")),
        post(ORDER, order(|body| body["ship_to"]["floor"] = json!(3)), (400, "malformed", "floor")),
        post(ORDER, order(|body| body["customer"] = json!("Anne")), (400, "malformed", "customer")),
        post(ORDER, order(|body| body["lines"][0]["unit_price"]["currency"] = json!("won")), (400, "malformed", "currency")),
        post(ORDER, order(|body| body["lines"] = json!([])), (422, "no_lines", "at least one")),
        post(ORDER, order(|body| body["lines"][0]["quantity"] = json!(1000)), (422, "quantity_too_large", "999")),
    ]
}

#[rustfmt::skip]
fn addresses() -> Vec<Case> {
    let one = r#"{"quantity": 1}"#;
    vec![
        post("/commands/order/seven/place", order(|_| {}), (400, "malformed", "order")),
        post("/commands/stock/te%00a/receive", one, (400, "malformed", "U+0000")),
        post("/commands/stock/te%20a/receive", one, (400, "malformed", "stock")),
        post("/commands/stok/tea/receive", one, (404, "unknown_aggregate", "stock")),
        post("/commands/stock/tea/recieve", one, (404, "unknown_command", "receive")),
        post("/commands/stock/tea/take-back", one, (403, "policy_only", "policies")),
        post("/comands", one, (404, "unknown_route", "GET /")),
        get(RECEIVE, (405, "method_not_allowed", "POST")),
        get("/views/stock_level", (404, "unknown_view", "stock_levels")),
        get("/views/stock_levels/nothing", (404, "unknown_key", "nothing")),
        get("/views/stock_levels?colour=red", (400, "unknown_column", "available")),
        get("/views/stock_levels?available=many", (400, "malformed", "number")),
        get("/views/stock_levels?limit=0", (400, "malformed", "limit")),
        get("/events?from=1000000", (400, "position_beyond_head", "reaches to")),
        get("/events?kind=x", (400, "unknown_parameter", "aggregate")),
        get("/events/1000000", (404, "unknown_position", "1000000")),
    ]
}

#[rustfmt::skip]
fn headers() -> Vec<Case> {
    let one = r#"{"quantity": 1}"#;
    vec![
        post(RECEIVE, one, (415, "unsupported_media_type", "application/json")).with(&[("Content-Type", "text/plain")]),
        post(RECEIVE, one, (406, "not_acceptable", "application/json")).with(&[("Accept", "image/png")]),
        post(RECEIVE, one, (400, "malformed", "expected-version")).with(&[("Expected-Version", "three")]),
        post(RECEIVE, one, (412, "version_mismatch", "Expected-Version 1")).with(&[("Expected-Version", "7")]),
        post(RECEIVE, one, (409, "command_id_reused", "new Idempotency-Key")).with(&[("Idempotency-Key", "used before")]),
        post(RECEIVE, one, (400, "actor_reserved", "policy:")).with(&[("Actor", "policy:hold_stock_when_order_placed")]),
        get("/views/stock_levels", (400, "position_beyond_head", "reaches to")).with(&[("Min-Position", "1000000")]),
        get("/views/stock_levels", (400, "malformed", "min-position")).with(&[("Min-Position", "now")]),
        get("/views/stock_levels", (406, "not_acceptable", "application/json")).with(&[("Accept", "text/html")]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_told_what_to_do_and_leaves_nothing() {
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    let client = Client::new();
    let used = client.post(format!("{}/commands/stock/tea/receive", mall.url()));
    let used = used
        .header("Idempotency-Key", "used before")
        .json(&json!({ "quantity": 2 }));
    let _used = shop.send(used).await.expect("an answer").must_be(201);

    // Before that, the answer would be that the views are still being built.
    let _page = shop.get("/views/stock_levels").await;

    let mut wrong = Vec::new();
    for case in bodies().into_iter().chain(addresses()).chain(headers()) {
        let Case {
            method,
            path,
            headers,
            body,
            told: (status, kind, word),
        } = case;
        let what = format!(
            "{method} {path} {headers:?} {}",
            String::from_utf8_lossy(&body[..body.len().min(80)])
        );
        let mut request = client
            .request(method, format!("{}{path}", mall.url()))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer, whatever was sent");
        let answered = answer.status().as_u16();
        let content_type = answer.headers().get("content-type").cloned();
        let text = answer.text().await.expect("a body");
        let problem: Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or_default();
        let is_right = answered == status
            && problem["status"] == status
            && content_type.is_some_and(|given| given == "application/problem+json")
            && problem["type"] == kind
            && detail.contains(word);
        if !is_right {
            wrong.push(format!(
                "{what}\n  should be {status} {kind} … {word} …, but is {answered} {text}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    // Only what an aggregate refused is on record; the mall takes orders as before.
    let stored = Stored::read(&site).await;
    let names: Vec<_> = stored.events.iter().map(|event| &*event.name).collect();
    assert_eq!(names, ["StockReceived", "CommandRefused", "CommandRefused"]);
    let _placed = shop
        .ask(&place(Uuid::now_v7(), &[("tea", 1)]))
        .await
        .must_be(201);
    laws::hold(&site, &shop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_among_many_stops_nothing() {
    let site = Site::shared().await;
    let mall = Mall::open(&site).await;
    let shop = Shop::at([mall.url()]);
    let lines = [
        r#"{"aggregate":"stock","id":"tea","command":"receive","body":{"quantity":3}}"#,
        r#"{"aggregate":"stock","id":"tea","command":"receive","body":{"quantity":"#,
        r#"{"aggregate":"stock","id":"tea","command":"receive","body":{"quantity":"many"}}"#,
        r#"{"aggregate":"stock","id":"tea","command":"receive","body":{"quantity":4},"expected_version":1}"#,
    ];
    let request = Client::new()
        .post(format!("{}/commands", mall.url()))
        .header("Content-Type", "application/x-ndjson")
        .body(lines.join("\n"));
    let answer = request
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("lines");
    let told: Vec<Value> = answer
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let statuses: Vec<_> = told.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [201, 400, 400, 201], "{answer}");
    laws::hold(&site, &shop).await;
}
