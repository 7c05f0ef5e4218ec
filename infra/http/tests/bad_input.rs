//! Every bad input is a problem with a stable type and a detail that says what to do.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use reqwest::Method;
use serde_json::{Value, json};
use support::{Bed, ORDER, order_for, problem};

struct Bad {
    what: &'static str,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    kind: &'static str,
    told: &'static str,
}

fn command(
    what: &'static str,
    path: &str,
    body: impl Into<Vec<u8>>,
    status: u16,
    kind: &'static str,
    told: &'static str,
) -> Bad {
    Bad {
        what,
        method: Method::POST,
        path: path.to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.into(),
        status,
        kind,
        told,
    }
}

fn question(
    what: &'static str,
    path: &str,
    status: u16,
    kind: &'static str,
    told: &'static str,
) -> Bad {
    Bad {
        method: Method::GET,
        headers: Vec::new(),
        ..command(what, path, "", status, kind, told)
    }
}

impl Bad {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    fn by(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    async fn must_be_refused_by(self, bed: &Bed) {
        let mut request = bed.request(self.method, &self.path).body(self.body);
        for (name, value) in &self.headers {
            request = request.header(*name, value.as_bytes());
        }
        let answer = request
            .send()
            .await
            .unwrap_or_else(|error| panic!("{}: {error:?}", self.what));
        assert_eq!(answer.status(), self.status, "{}", self.what);
        let problem = problem(answer).await;
        assert_eq!(problem["type"], self.kind, "{}: {problem}", self.what);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(self.told), "{}: {detail}", self.what);
    }
}

fn place() -> String {
    format!("/commands/order/{ORDER}/place")
}

fn placed_with(change: impl FnOnce(&mut Value)) -> String {
    let mut body = order_for("tea", 1);
    change(&mut body);
    body.to_string()
}

const RECEIVE: &str = "/commands/stock/tea/receive";
const FIVE: &str = r#"{"quantity":5}"#;

#[rustfmt::skip] // A table.
#[tokio::test]
async fn bodies() {
    let bed = Bed::new().await;
    let place = place();
    for bad in [
        command("no JSON", RECEIVE, "quantity=5", 400, "malformed", "the body is no JSON"),
        command("half of one", RECEIVE, r#"{"quantity":"#, 400, "malformed", "the body is no JSON"),
        command("two of them", RECEIVE, r#"{"quantity":5} {}"#, 400, "malformed", "no JSON"),
        command("an array", RECEIVE, "[5]", 400, "malformed", "by name"),
        command("no UTF-8", RECEIVE, b"{\"quantity\xff\":5}".to_vec(), 400, "malformed", ""),
        command("an unknown field", RECEIVE, r#"{"quantity":5,"color":"red"}"#, 400, "malformed", "color"),
        command("a field twice", RECEIVE, r#"{"quantity":5,"quantity":6}"#, 400, "malformed", "quantity"),
        command("a missing field", RECEIVE, "{}", 400, "malformed", "quantity"),
        command("nothing", RECEIVE, "", 400, "malformed", "quantity"),
        command("a wrong type", RECEIVE, r#"{"quantity":"five"}"#, 400, "malformed", "quantity"),
        command("no quantity", RECEIVE, r#"{"quantity":0}"#, 400, "malformed", "from 1 to"),
        command("a negative one", RECEIVE, r#"{"quantity":-1}"#, 400, "malformed", "from 1 to"),
        command("a fraction", RECEIVE, r#"{"quantity":1.5}"#, 400, "malformed", "from 1 to"),
        command("2^53", RECEIVE, r#"{"quantity":9007199254740992}"#, 400, "malformed", "2^53"),
        command("far more", RECEIVE, r#"{"quantity":99999999999999999999999}"#, 400, "malformed", "2^53"),
        command("U+0000", &place, placed_with(|b| b["ship_to"]["city"] = "Se\0oul".into()), 400, "malformed", "U+0000"),
        command("U+0000 raw", RECEIVE, "{\"quantity\0\":5}", 400, "malformed", "U+0000"),
        command("an unknown field, deep", &place, placed_with(|b| b["lines"][0]["color"] = 1.into()), 400, "malformed", "lines[0]"),
        command("a wrong customer", &place, placed_with(|b| b["customer"] = "anne".into()), 400, "malformed", "customer"),
        command("a wrong currency", &place, placed_with(|b| b["lines"][0]["unit_price"]["currency"] = "won".into()), 400, "malformed", "currency"),
        command("deeper than anybody reads", RECEIVE, "{\"quantity\":".repeat(10_000), 400, "malformed", ""),
        command("2 MB", RECEIVE, vec![b' '; 2 << 20], 413, "too_large", "262144"),
        command("one byte too much", RECEIVE, vec![b' '; (256 << 10) + 1], 413, "too_large", "262144"),
        command("another content type", RECEIVE, FIVE, 415, "unsupported_media_type", "application/json").with("content-type", "text/plain"),
    ] {
        bad.must_be_refused_by(&bed).await;
    }
    for (what, quantity, kind) in [("an absurd quantity", 1_000_000, "quantity_too_large")] {
        let body = order_for("tea", quantity).to_string();
        command(what, &place, body, 422, kind, "1 to 999")
            .must_be_refused_by(&bed)
            .await;
    }
}

#[rustfmt::skip] // A table.
#[tokio::test]
async fn names_and_headers_of_commands() {
    let bed = Bed::new().await;
    let long = "x".repeat(256);
    for bad in [
        command("an id that is no UUID", "/commands/order/7/place", FIVE, 400, "malformed", "use a UUID"),
        command("an id that is no SKU", "/commands/stock/te%20a/receive", FIVE, 400, "malformed", "SKU"),
        command("U+0000 in the id", "/commands/stock/te%00a/receive", FIVE, 400, "malformed", "U+0000"),
        command("an id that is no text", "/commands/stock/%ff/receive", FIVE, 400, "malformed", "UTF-8"),
        command("a long id", &format!("/commands/stock/{long}/receive"), FIVE, 400, "malformed", "255"),
        command("an unknown aggregate", "/commands/stok/tea/receive", FIVE, 404, "unknown_aggregate", "did you mean stock?"),
        command("the ledger's own aggregate", "/commands/command/tea/receive", FIVE, 404, "unknown_aggregate", "order, stock"),
        command("an unknown command", "/commands/stock/tea/recieve", FIVE, 404, "unknown_command", "did you mean receive?"),
        command("a long key", RECEIVE, FIVE, 400, "malformed", "1 to 255 bytes").with("idempotency-key", long.clone()),
        command("an empty key", RECEIVE, FIVE, 400, "malformed", "1 to 255 bytes").with("idempotency-key", ""),
        command("no version", RECEIVE, FIVE, 400, "malformed", "expected-version").with("expected-version", "two"),
        command("a version out of range", RECEIVE, FIVE, 400, "malformed", "expected version").with("expected-version", "9223372036854775808"),
        command("a long reason", RECEIVE, FIVE, 400, "malformed", "1000").with("reason", "x".repeat(1_001)),
        command("an empty actor", RECEIVE, FIVE, 400, "malformed", "Actor").with("actor", ""),
        command("a timer's name", RECEIVE, FIVE, 400, "actor_reserved", "Actor").with("actor", "timer:expiry"),
        command("a long correlation", RECEIVE, FIVE, 400, "malformed", "Correlation-Id").with("correlation-id", long.clone()),
        command("what nobody can give", RECEIVE, FIVE, 406, "not_acceptable", "application/json").with("accept", "image/png"),
        command("lines of another type", "/commands", FIVE, 415, "unsupported_media_type", "application/x-ndjson"),
        command("another method", RECEIVE, FIVE, 405, "method_not_allowed", "use POST").by(Method::DELETE),
        command("half an address", "/commands/stock/tea", FIVE, 404, "unknown_route", "GET /"),
    ] {
        bad.must_be_refused_by(&bed).await;
    }
}

#[rustfmt::skip] // A table.
#[tokio::test]
async fn questions() {
    let bed = Bed::new().await;
    bed.receive("tea", 5).await;
    bed.carry_views().await;
    for bad in [
        question("an unknown view", "/views/stock_level", 404, "unknown_view", "did you mean stock_levels?"),
        question("an unknown view's document", "/views/nothing/tea", 404, "unknown_view", "order_status, stock_levels"),
        question("an unknown document", "/views/stock_levels/coffee", 404, "unknown_key", "Min-Position"),
        question("an unknown column", "/views/stock_levels?availble=3", 400, "unknown_column", "did you mean available?"),
        question("an unknown order", "/views/stock_levels?sort=price", 400, "unknown_column", "available"),
        question("a text for a number", "/views/stock_levels?available=much", 400, "malformed", "whole number"),
        question("a limit of nothing", "/views/stock_levels?limit=0", 400, "malformed", "1 to 1000"),
        question("a made-up place", "/views/stock_levels?after=abc", 400, "malformed", "after"),
        question("a parameter twice", "/views/stock_levels?held=1&held=2", 400, "malformed", "twice"),
        question("a query of a document", "/views/stock_levels/tea?x=1", 400, "unknown_parameter", "leave it out"),
        question("beyond the head", "/views/stock_levels/tea", 400, "position_beyond_head", "reaches to 1").with("min-position", "99"),
        question("no position", "/views/stock_levels/tea", 400, "malformed", "min-position").with("min-position", "soon"),
        question("no wait", "/views/stock_levels/tea", 400, "malformed", "wait=5").with("prefer", "wait=long"),
        question("an unknown parameter", "/events?form=3", 400, "unknown_parameter", "did you mean from?"),
        question("an unknown kind", "/events?type=StockRecieved", 400, "unknown_event", "did you mean StockReceived?"),
        question("events of nothing", "/events?aggregate=ordr", 404, "unknown_aggregate", "did you mean order?"),
        question("from nowhere", "/events?from=-1", 400, "malformed", "from"),
        question("from beyond the head", "/events?from=7", 400, "position_beyond_head", "reaches to 1"),
        question("a page that follows", "/events?follow=true", 400, "malformed", "application/x-ndjson"),
        question("U+0000", "/events?actor=%00", 400, "malformed", "U+0000"),
        question("no event there", "/events/99", 404, "unknown_position", "1 to 1"),
        question("no event before the first", "/events/0", 404, "unknown_position", "1 to 1"),
        question("no position at all", "/events/first", 400, "malformed", "whole number"),
        question("a picture of events", "/events", 406, "not_acceptable", "text/event-stream").with("accept", "image/png"),
        question("where the reader never was", "/events", 400, "malformed", "Last-Event-ID").with("accept", "text/event-stream").with("last-event-id", "yesterday"),
        question("nothing there", "/admin", 404, "unknown_route", "GET /"),
        question("to put an event", "/events/1", 405, "method_not_allowed", "use GET").by(Method::PUT),
    ] {
        bad.must_be_refused_by(&bed).await;
    }
    let refused = bed
        .request(Method::PUT, "/views/stock_levels")
        .send()
        .await
        .unwrap();
    assert_eq!(refused.headers()["allow"], "GET,HEAD");
}

#[tokio::test]
async fn a_bad_command_leaves_no_fact() {
    use jangbu_runtime::ports::EventStore;
    let bed = Bed::new().await;
    for (path, body) in [
        (RECEIVE, json!({ "quantity": 0 })),
        ("/commands/stock/tea/sell", json!({})),
    ] {
        bed.post(path, &body).send().await.unwrap();
    }
    assert_eq!(bed.store.head().await.unwrap().position, 0);
}
