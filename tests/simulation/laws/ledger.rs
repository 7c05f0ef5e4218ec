//! The ledger is one history: dense, each stream without gaps, and each fact is what its aggregate decides when all that
//! stands before it is told to it one after the other.

use std::collections::{BTreeMap, BTreeSet};

use event_schemas::Envelope;
use jangbu_runtime::execute::Command;
use jangbu_runtime::ports::Stream;
use jangbu_runtime::system::{Decided, Deciding, Instance};
use kernel::{Actor, Context};
use uuid::Uuid;

use super::{Broken, Evidence, payload, tell};

pub(super) fn is_one_history(evidence: &Evidence<'_>, broken: &mut Broken) {
    let mut versions: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let mut before = None;
    for (position, event) in (1..).zip(&evidence.events) {
        broken.unless(event.position == position, || {
            format!("position {position} holds {}", tell(event))
        });
        let version = versions.entry((&event.aggregate, &event.id)).or_default();
        *version += 1;
        broken.unless(event.sequence == *version, || {
            format!("{} should be number {version}", tell(event))
        });
        broken.unless(ids.insert(event.event_id), || {
            format!("{} bears an id that was used before", tell(event))
        });
        broken.unless(before <= Some(event.recorded_at), || {
            format!("{} was recorded before the one before it", tell(event))
        });
        before = Some(event.recorded_at);
    }
}

/// The engine decides ahead, in groups, from caches, in two processes; none of it may show. So the whole history is
/// decided again here, one command after the other, and must say the same to the byte.
pub(super) fn every_fact_was_decided_on_the_state_before_it(
    evidence: &Evidence<'_>,
    broken: &mut Broken,
) {
    let asked = everything_asked(evidence);
    let mut aggregates = Aggregates::new(evidence);
    for facts in evidence
        .events
        .chunk_by(|a, b| a.command_id == b.command_id)
    {
        let first = &facts[0];
        let in_order = facts
            .iter()
            .map(|fact| fact.command_ordinal)
            .eq(0..facts.len() as u32);
        broken.unless(in_order, || {
            format!("the facts of {}'s command stand apart", tell(first))
        });
        let digest = first.read_metadata().digest;
        match asked.get(&(first.command_id, digest)) {
            Some((stream, command)) => {
                let (version, decided) = aggregates.decide(stream, command, first.command_id);
                says_so(facts, stream, version, &decided, broken);
            }
            None => broken.unless(false, || format!("nobody asked for {}", tell(first))),
        }
    }
}

/// Every command by its id and the digest of its meaning: those of people as they asked, those of policies as the
/// stored events make them ask.
fn everything_asked(evidence: &Evidence<'_>) -> BTreeMap<(Uuid, String), (Stream, Command)> {
    let mut asked = BTreeMap::new();
    let mut add = |id, stream: &Stream, command: &Command| {
        let meaning = (id, hex(&command.digest));
        asked.insert(meaning, (stream.clone(), command.clone()));
    };
    for attempt in evidence.attempts.values().flatten() {
        add(
            attempt.command_id,
            &attempt.submission.stream,
            &attempt.submission.command,
        );
    }
    for (_, asked) in evidence.asked_by_policies() {
        add(asked.command_id, &asked.stream, &asked.command);
    }
    asked
}

fn says_so(
    facts: &[Envelope],
    stream: &Stream,
    version: u64,
    decided: &Decided,
    broken: &mut Broken,
) {
    let first = &facts[0];
    let names: Vec<_> = facts.iter().map(|fact| &*fact.name).collect();
    let is_so = match decided {
        Decided::Said(said) => {
            said.len() == facts.len()
                && said.iter().zip(facts).all(|(said, fact)| {
                    *said.name == *fact.name
                        && said.payload == fact.payload
                        && *stream.aggregate == *fact.aggregate
                        && *stream.id == fact.id
                })
        }
        Decided::Nothing => names == ["CommandChangedNothing"] && rests_on(first, stream, version),
        Decided::Refused(problem) => {
            names == ["CommandRefused"]
                && rests_on(first, stream, version)
                && payload(first)["problem"]
                    == serde_json::to_value(problem).expect("a problem is JSON")
        }
        Decided::Defect(_) => false,
    };
    broken.unless(is_so, || {
        format!(
            "{} ({names:?}) is not what {stream} decides at version {version}: {decided:?}",
            tell(first)
        )
    });
}

/// Whether a fact that changes nothing names what it was decided on.
fn rests_on(fact: &Envelope, stream: &Stream, version: u64) -> bool {
    let said = payload(fact);
    said["aggregate"] == *stream.aggregate && said["id"] == *stream.id && said["version"] == version
}

/// All aggregates, each told one event after the other.
struct Aggregates<'e> {
    evidence: &'e Evidence<'e>,
    states: BTreeMap<Stream, (u64, Box<dyn Instance>)>,
}

impl<'e> Aggregates<'e> {
    fn new(evidence: &'e Evidence<'e>) -> Self {
        Self {
            evidence,
            states: BTreeMap::new(),
        }
    }

    /// Lets an aggregate decide; it takes in what it says. The version is the one it stood at before.
    fn decide(&mut self, stream: &Stream, command: &Command, id: Uuid) -> (u64, Decided) {
        let (version, aggregate) = self.states.remove(stream).unwrap_or_else(|| {
            let kind = self.evidence.world.system.kind(&stream.aggregate);
            (0, kind.expect("the mall has it").blank())
        });
        let context = Context {
            now: self.evidence.events[0].recorded_at,
            actor: Actor::new("anybody"),
            command_id: id,
        };
        let Deciding::Now(aggregate, decided) = aggregate.decide(command, context) else {
            panic!("an aggregate of the mall decides without waiting")
        };
        let said = match &decided {
            Decided::Said(said) => said.len() as u64,
            _ => 0,
        };
        self.states
            .insert(stream.clone(), (version + said, aggregate));
        (version, decided)
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
