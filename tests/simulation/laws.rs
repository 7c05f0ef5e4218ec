//! The laws that no run may break (the-mall's, as far as this slice goes), and those of every event store. Each file
//! checks one from what is stored, what was answered and what stands in the topics; none of them trusts the engine.

mod answers;
mod ledger;
mod orders;
mod stock;
mod topics;
mod views;

use std::collections::BTreeMap;

use event_schemas::Envelope;
use jangbu_runtime::ports::EventStore;
use jangbu_runtime::system::Asked;
use serde_json::Value;
use uuid::Uuid;

use super::history::{Attempt, Restore};
use super::world::World;

/// What is checked: everything that is stored, asked and answered.
pub(super) struct Evidence<'w> {
    pub(super) world: &'w World,
    pub(super) events: Vec<Envelope>,
    pub(super) attempts: BTreeMap<Uuid, Vec<Attempt>>,
    pub(super) restores: Vec<Restore>,
}

impl<'w> Evidence<'w> {
    pub(super) async fn gather(world: &'w World) -> Self {
        let store = world.store();
        let events = store.read(0, usize::MAX).await.expect("all is calm");
        Self {
            world,
            events,
            attempts: world.history.by_command(),
            restores: world.history.restores(),
        }
    }

    /// What policies ask for on hearing what is stored, with what they heard.
    fn asked_by_policies(&self) -> Vec<(&Envelope, Asked)> {
        let mut asked = Vec::new();
        for event in &self.events {
            for context in self.world.system.contexts() {
                let policies = context.policies().iter();
                for policy in policies.filter(|one| one.listens(&event.aggregate, &event.name)) {
                    let asks = policy.react(event).expect("a policy of the mall reacts");
                    asked.extend(asks.into_iter().map(|ask| (event, ask)));
                }
            }
        }
        asked
    }

    /// The stored facts by the command that left them.
    fn facts(&self) -> BTreeMap<Uuid, Vec<&Envelope>> {
        let mut facts: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for event in &self.events {
            facts.entry(event.command_id).or_default().push(event);
        }
        facts
    }
}

/// Which laws were broken, and how.
pub(super) async fn broken(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Broken::default();
    ledger::is_one_history(evidence, &mut broken);
    ledger::every_fact_was_decided_on_the_state_before_it(evidence, &mut broken);
    answers::hold(evidence, &mut broken);
    stock::is_never_oversold(evidence, &mut broken);
    orders::all_end(evidence, &mut broken);
    orders::policies_took_effect(evidence, &mut broken);
    views::equal_the_fold(evidence, &mut broken).await;
    topics::hold_every_event(evidence, &mut broken);
    broken.0
}

/// Broken laws, a sentence each.
#[derive(Default)]
pub(super) struct Broken(Vec<String>);

impl Broken {
    /// Notes that something does not hold.
    fn unless(&mut self, holds: bool, sentence: impl FnOnce() -> String) {
        // The first dozen say what is wrong; thousands more would only hide them.
        if !holds && self.0.len() < 12 {
            self.0.push(sentence());
        }
    }
}

/// An event's payload, read without the types that wrote it.
fn payload(event: &Envelope) -> Value {
    serde_json::from_slice(&event.payload).expect("a stored payload is JSON")
}

/// An event in words.
fn tell(event: &Envelope) -> String {
    format!(
        "{} {}/{} #{} at position {}",
        event.name, event.aggregate, event.id, event.sequence, event.position
    )
}
