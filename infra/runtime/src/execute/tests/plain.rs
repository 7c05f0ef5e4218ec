//! An aggregate in plain cqrs-es style: it applies while it handles, and may refuse after that.

use std::time::Duration;

use cqrs_es::DomainEvent;
use cqrs_es::event_sink::EventSink;
use serde::{Deserialize, Serialize};

use super::bench::{Process, command, database, process};
use super::shelf::ShelfCommand;
use crate::execute::{Answered, Failure, Outcome, Submission};
use crate::ports::Stream;
use crate::system::{context, system};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum TillEvent {
    PaidIn { amount: u64 },
}

impl DomainEvent for TillEvent {
    fn event_type(&self) -> String {
        "PaidIn".to_owned()
    }
    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum TillCommand {
    PayIn { amount: u64 },
    PayInAndRegret { amount: u64 },
    PayInSlowly { amount: u64 },
    Fall {},
}

#[derive(Debug, thiserror::Error)]
#[error("regretted at {0}")]
pub(super) struct Regret(u64);

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Till {
    total: u64,
}

impl cqrs_es::Aggregate for Till {
    const TYPE: &'static str = "till";
    type Command = TillCommand;
    type Event = TillEvent;
    type Error = Regret;
    type Services = ();

    async fn handle(
        &mut self,
        command: TillCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Regret> {
        match command {
            TillCommand::PayIn { amount } => sink.write(TillEvent::PaidIn { amount }, self).await,
            TillCommand::PayInAndRegret { amount } => {
                sink.write(TillEvent::PaidIn { amount }, self).await;
                return Err(Regret(self.total));
            }
            TillCommand::PayInSlowly { amount } => {
                tokio::time::sleep(Duration::from_secs(1)).await;
                sink.write(TillEvent::PaidIn { amount }, self).await;
            }
            TillCommand::Fall {} => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                panic!("the till fell down");
            }
        }
        Ok(())
    }

    fn apply(&mut self, event: TillEvent) {
        let TillEvent::PaidIn { amount } = event;
        self.total += amount;
    }
}

fn till(name: &str, body: &str) -> Submission {
    let system = system("test").context(context("shop").plain_aggregate::<Till>(()));
    let mut submission = command("s", ShelfCommand::Put { pieces: 1 });
    submission.command = system
        .kind("till")
        .unwrap()
        .read_command("t", name, body.as_bytes())
        .unwrap();
    submission.stream = Stream::new("till", "t");
    submission
}

async fn ask(process: &Process, name: &str, body: &str) -> Outcome {
    process.submit(till(name, body)).await
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_of_a_plain_aggregate_leaves_no_half_changed_state() {
    let database = database();
    let process = process(&database);
    ask(&process, "PayIn", r#"{"amount": 1}"#).await.unwrap();
    for _ in 0..2 {
        let refused = ask(&process, "PayInAndRegret", r#"{"amount": 10}"#)
            .await
            .unwrap();
        let Answered::Refused(problem) = refused.outcome else {
            panic!("{refused:?}")
        };
        assert_eq!(
            problem.detail, "regretted at 11",
            "it saw the state before, not what was regretted before"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_aggregate_keeps_its_own_json_and_version() {
    let database = database();
    let process = process(&database);
    ask(&process, "PayIn", r#"{"amount": 1}"#).await.unwrap();
    let event = &process.events().await[0];
    assert_eq!(&event.payload[..], br#"{"PaidIn":{"amount":1}}"#);
    assert_eq!((&*event.name, &*event.version), ("PaidIn", "1.0"));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_does_not_hold_up_others_and_keeps_its_place() {
    let database = database();
    let process = process(&database);
    let slow = process.submit(till("PayInSlowly", r#"{"amount": 1}"#));
    let behind = process.submit(till("PayInAndRegret", r#"{"amount": 1}"#));
    let began = tokio::time::Instant::now();
    process
        .ask("s", ShelfCommand::Put { pieces: 1 })
        .await
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_millis(500),
        "a shelf waited for a till"
    );
    assert_eq!(slow.await.unwrap().version, 1);
    let Answered::Refused(problem) = behind.await.unwrap().outcome else {
        panic!("not refused")
    };
    assert_eq!(problem.detail, "regretted at 2");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_is_a_defect_of_that_command_only() {
    let database = database();
    let process = process(&database);
    assert!(matches!(
        ask(&process, "Fall", "{}").await,
        Err(Failure::Defect(_))
    ));
    assert_eq!(
        ask(&process, "PayIn", r#"{"amount": 1}"#)
            .await
            .unwrap()
            .version,
        1
    );
}
