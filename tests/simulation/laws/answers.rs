//! Whoever was answered was told the truth: what is answered is stored once, a repeat hears the first answer, a "not
//! done" was not done, and what is asked after an answer stands after it.

use std::collections::BTreeMap;

use event_schemas::Envelope;
use jangbu_runtime::execute::{Answer, Answered, Failure};
use uuid::Uuid;

use super::{Broken, Evidence, payload};
use crate::simulation::history::Attempt;

pub(super) fn hold(evidence: &Evidence<'_>, broken: &mut Broken) {
    let facts = evidence.facts();
    for (id, attempts) in &evidence.attempts {
        let facts = facts.get(id).map_or(&[][..], Vec::as_slice);
        let standing: Vec<_> = attempts
            .iter()
            .filter(|attempt| !attempt.is_undone_by(&evidence.restores))
            .collect();
        for attempt in &standing {
            is_true(*id, attempt, facts, evidence, broken);
        }
        was_as_somebody_expected(*id, &standing, broken);
        all_agree(*id, &standing, broken);
    }
    stand_in_the_order_they_were_given(evidence, broken);
}

fn is_true(
    id: Uuid,
    attempt: &Attempt,
    facts: &[&Envelope],
    evidence: &Evidence<'_>,
    broken: &mut Broken,
) {
    let outcome = &attempt.outcome;
    match outcome {
        Ok(answer) => {
            broken.unless(tells_of(answer, facts), || {
                format!("command {id} was answered {answer:?}, and stored is {facts:?}")
            });
        }
        Err(Failure::CommandIdReused) => {
            let undone = !evidence.restores.is_empty();
            broken.unless(!facts.is_empty() || undone, || {
                format!("command id {id} was said to be used, and nothing is stored under it")
            });
        }
        Err(Failure::VersionMismatch { actual }) => {
            broken.unless(attempt.submission.expected_version != Some(*actual), || {
                format!("command {id} expected version {actual} and was told that it is another")
            });
        }
        // It may have been done, or it was not: the others say.
        Err(
            Failure::OutcomeUnknown
            | Failure::Overloaded
            | Failure::Unavailable
            | Failure::Late
            | Failure::ShuttingDown
            | Failure::Forked(_),
        ) => {}
        Err(
            failure @ (Failure::PolicyRefused(_)
            | Failure::Revoked
            | Failure::RefusedAsData(_)
            | Failure::Defect(_)),
        ) => broken.unless(false, || format!("a person's command {id} heard {failure}")),
    }
    let never_done = evidence.attempts[&id].iter().all(
        |attempt| matches!(&attempt.outcome, Err(failure) if *failure != Failure::OutcomeUnknown),
    );
    broken.unless(!never_done || facts.is_empty(), || {
        format!("command {id} was said not to be done every time, and stored is {facts:?}")
    });
}

/// Whether an answer tells exactly what is stored.
fn tells_of(answer: &Answer, facts: &[&Envelope]) -> bool {
    let Some(last) = facts.last() else {
        return false;
    };
    let is_last = answer.position == last.position && answer.recorded_at == last.recorded_at;
    is_last
        && match &answer.outcome {
            Answered::Said(said) => {
                answer.version == last.sequence
                    && said.len() == facts.len()
                    && said.iter().zip(facts).all(|(said, fact)| {
                        said.position == fact.position
                            && said.sequence == fact.sequence
                            && said.name == *fact.name
                            && said.payload == fact.payload
                    })
            }
            Answered::Nothing => {
                *last.name == *"CommandChangedNothing" && payload(last)["version"] == answer.version
            }
            Answered::Refused(problem) => {
                *last.name == *"CommandRefused"
                    && payload(last)["version"] == answer.version
                    && payload(last)["problem"]["type"] == *problem.kind
            }
        }
}

/// `Expected-Version` held when it was carried out. A repeat hears the first answer, whatever it expects itself.
fn was_as_somebody_expected(id: Uuid, attempts: &[&Attempt], broken: &mut Broken) {
    for answer in attempts
        .iter()
        .filter_map(|attempt| attempt.outcome.as_ref().ok())
    {
        let said = match &answer.outcome {
            Answered::Said(said) => said.len() as u64,
            Answered::Nothing | Answered::Refused(_) => 0,
        };
        let before = answer.version - said;
        let expected = |attempt: &&Attempt| {
            (attempt.submission.expected_version).is_none_or(|expected| expected == before)
        };
        broken.unless(attempts.iter().any(expected), || {
            format!("command {id} was carried out at version {before}, which nobody expected")
        });
    }
}

fn all_agree(id: Uuid, attempts: &[&Attempt], broken: &mut Broken) {
    let mut answers = attempts
        .iter()
        .filter_map(|attempt| attempt.outcome.as_ref().ok());
    if let Some(first) = answers.next() {
        for other in answers {
            broken.unless(first == other, || {
                format!("command {id} was answered {first:?} and then {other:?}")
            });
        }
    }
}

/// A command that was first asked after another was answered stands after it, through whichever process either went.
fn stand_in_the_order_they_were_given(evidence: &Evidence<'_>, broken: &mut Broken) {
    let mut answered: BTreeMap<_, u64> = BTreeMap::new();
    for attempt in evidence.attempts.values().flatten() {
        if let Ok(answer) = &attempt.outcome
            && !attempt.is_undone_by(&evidence.restores)
        {
            let highest = answered.entry(attempt.heard).or_default();
            *highest = answer.position.max(*highest);
        }
    }
    let facts = evidence.facts();
    let mut highest = 0;
    for position in answered.values_mut() {
        highest = highest.max(*position);
        *position = highest;
    }
    for (id, attempts) in &evidence.attempts {
        let first_asked = attempts.iter().map(|attempt| attempt.asked).min();
        let first_fact = facts.get(id).and_then(|facts| facts.first());
        if let (Some(asked), Some(fact)) = (first_asked, first_fact) {
            let before = answered
                .range(..asked)
                .next_back()
                .map_or(0, |(_, highest)| *highest);
            broken.unless(fact.position > before, || {
                format!(
                    "command {id} was asked after position {before} was answered, and stands at {}",
                    fact.position
                )
            });
        }
    }
}
