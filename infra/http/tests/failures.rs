//! Failures of the engine, and handlers that panic: each is answered with its own words.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use std::sync::Arc;

use jangbu_runtime::execute::{Execute, Failure, Pending, Submission};
use serde_json::{Value, json};
use support::{Bed, Failing, Wishes, problem};

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
