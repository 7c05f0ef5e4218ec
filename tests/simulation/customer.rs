//! The people: they place and cancel orders, fill the shelves, and ask again when they heard nothing, through either
//! process.

use std::sync::Arc;
use std::time::Duration;

use jangbu_runtime::execute::{Failure, Origin, Outcome, Submission};
use jangbu_runtime::ports::Stream;
use kernel::Actor;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::history::Attempt;
use super::world::World;

/// Somebody who asks `errands` things, one after the other.
pub(super) async fn customer(world: Arc<World>, name: usize, errands: u64) {
    let mut customer = Customer {
        world,
        name,
        orders: Vec::new(),
        asked: Vec::new(),
    };
    for _ in 0..errands {
        customer.errand().await;
        let think = customer.world.dice.pause(0, 120);
        tokio::time::sleep(think).await;
    }
}

/// Asks until there is an answer for good. What the store holds for the command, it holds for ever.
pub(super) async fn insist(world: &World, submission: &Submission) -> Outcome {
    loop {
        let outcome = ask(world, submission).await;
        match outcome {
            Err(
                Failure::Overloaded
                | Failure::Unavailable
                | Failure::Late
                | Failure::OutcomeUnknown
                | Failure::ShuttingDown
                | Failure::Forked(_),
            ) => tokio::time::sleep(world.dice.pause(50, 500)).await,
            settled => return settled,
        }
    }
}

/// Asks once, through whichever process.
pub(super) async fn ask(world: &World, submission: &Submission) -> Outcome {
    let mut submission = submission.clone();
    let patience = Duration::from_millis(world.dice.between(20, 6_000));
    submission.deadline = Instant::now() + patience;
    let asked = Instant::now();
    let process = &world.processes[world.dice.index(world.processes.len())];
    let outcome = match process.submit(submission.clone()) {
        Some(pending) => pending.await,
        // Nobody listens on that port just now.
        None => Err(Failure::Unavailable),
    };
    world
        .history
        .note(Attempt::new(&submission, asked, outcome.clone()));
    outcome
}

struct Customer {
    world: Arc<World>,
    name: usize,
    orders: Vec<Uuid>,
    asked: Vec<Submission>,
}

impl Customer {
    async fn errand(&mut self) {
        let dice = self.world.dice.clone();
        let submission = match dice.between(0, 99) {
            0..40 => self.place(),
            40..55 => self.cancel(),
            55..80 => self.receive(),
            80..86 => self.change_address(),
            86..96 if !self.asked.is_empty() => self.asked[dice.index(self.asked.len())].clone(),
            96.. if !self.asked.is_empty() => self.misuse(),
            _ => self.receive(),
        };
        self.asked.push(submission.clone());
        if dice.per_mille(700) {
            // Most people want to know.
            let _ = insist(&self.world, &submission).await;
        } else {
            let _ = ask(&self.world, &submission).await;
        }
    }

    fn place(&mut self) -> Submission {
        let dice = &self.world.dice;
        // Now and then an order is placed a second time, by another command.
        let order = match self.orders.last() {
            Some(order) if dice.per_mille(60) => *order,
            _ => dice.uuid(),
        };
        let mut skus: Vec<u64> = (0..dice.between(1, 3))
            .map(|_| dice.between(0, 3))
            .collect();
        skus.sort_unstable();
        skus.dedup();
        let lines: Vec<_> = skus
            .iter()
            .map(|sku| {
                json!({
                    "sku": sku_name(*sku),
                    "quantity": dice.between(1, 4),
                    "unit_price": {"amount": 1_000, "currency": "KRW"},
                })
            })
            .collect();
        let body =
            json!({"customer": Uuid::from_u128(7), "lines": lines, "ship_to": address("Jongno 1")});
        self.orders.push(order);
        self.submission("order", &order.to_string(), "place", &body)
    }

    fn cancel(&self) -> Submission {
        let order = self.some_order();
        self.submission(
            "order",
            &order.to_string(),
            "cancel",
            &json!({"note": "too late"}),
        )
    }

    fn change_address(&self) -> Submission {
        let order = self.some_order();
        let body = json!({"ship_to": address("Mapo 2")});
        self.submission("order", &order.to_string(), "change-address", &body)
    }

    fn receive(&self) -> Submission {
        let dice = &self.world.dice;
        let sku = sku_name(dice.between(0, 3));
        let body = json!({"quantity": dice.between(1, 6)});
        self.submission("stock", &sku, "receive", &body)
    }

    /// An id that was used before, for something else.
    fn misuse(&self) -> Submission {
        let used = &self.asked[self.world.dice.index(self.asked.len())];
        Submission {
            command_id: used.command_id,
            ..self.receive()
        }
    }

    /// Mostly one of one's own; now and then one that nobody placed.
    fn some_order(&self) -> Uuid {
        let dice = &self.world.dice;
        match self.orders.len() {
            0 => dice.uuid(),
            count => self.orders[dice.index(count)],
        }
    }

    fn submission(
        &self,
        aggregate: &'static str,
        id: &str,
        name: &str,
        body: &serde_json::Value,
    ) -> Submission {
        let dice = &self.world.dice;
        let kind = self.world.system.kind(aggregate).expect("the mall has it");
        let command = kind
            .read_command(id, name, body.to_string().as_bytes())
            .unwrap_or_else(|error| panic!("{name} {body}: {error}"));
        let command_id = dice.uuid();
        Submission {
            stream: Stream::new(aggregate, id),
            command,
            command_id,
            actor: Actor::new(format!("customer-{}", self.name)),
            correlation_id: command_id.to_string(),
            causation_id: None,
            reason: None,
            traceparent: None,
            expected_version: dice.per_mille(80).then(|| dice.between(0, 4)),
            deadline: Instant::now(),
            origin: Origin::Person,
        }
    }
}

fn sku_name(number: u64) -> String {
    format!("tea-{number}")
}

fn address(street: &str) -> serde_json::Value {
    json!({"recipient": "Anne", "street": street, "city": "Seoul", "postcode": "03000", "country": "KR"})
}
