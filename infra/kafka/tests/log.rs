//! A real Kafka keeps every rule of a log, and what only it can show.

mod support;

use jangbu_runtime::conformance;
use support::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn kafka_keeps_every_rule_of_a_log() {
    let bench = Bench::new().await;
    conformance::log::all(&bench).await;
}
