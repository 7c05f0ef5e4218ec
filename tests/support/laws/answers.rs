//! What was answered is stored, once and as it was said; and what is stored, somebody asked for.

use std::collections::HashMap;

use event_schemas::Envelope;
use uuid::Uuid;

use super::Complaints;
use crate::shop::Answer;
use crate::stored::Stored;
use crate::wish::Wish;

pub(super) fn complaints(stored: &Stored, told: &[(Wish, Answer)]) -> Complaints {
    let mut complaints = Vec::new();
    let mut by_command: HashMap<Uuid, Vec<&Envelope>> = HashMap::new();
    for event in &stored.events {
        by_command.entry(event.command_id).or_default().push(event);
    }
    let mut answers: HashMap<Uuid, &Answer> = HashMap::new();
    for (wish, answer) in told {
        if answer.status >= 500 {
            complaints.push(format!("{wish:?} was answered {answer:?}"));
        }
        if !answer.left_a_fact() {
            continue;
        }
        let first = answers.entry(wish.key).or_insert(answer);
        if *first != answer {
            complaints.push(format!(
                "{wish:?} was answered {first:?} and then {answer:?}"
            ));
        }
        let facts = by_command
            .get(&wish.key)
            .map(Vec::as_slice)
            .unwrap_or_default();
        complaints.extend(compare(wish, answer, facts));
    }
    complaints
}

fn compare(wish: &Wish, answer: &Answer, facts: &[&Envelope]) -> Option<String> {
    let firsts = facts
        .iter()
        .filter(|fact| fact.command_ordinal == 0)
        .count();
    let last = facts.last().map_or(0, |fact| fact.position);
    let names: Vec<_> = facts.iter().map(|fact| &*fact.name).collect();
    let said = match answer.status {
        201 => names == answer.events(),
        200 => names == ["CommandChangedNothing"],
        _ => names == ["CommandRefused"],
    };
    let is_right = firsts == 1 && last == answer.fact() && said;
    (!is_right)
        .then(|| format!("{wish:?} was answered {answer:?}, but {names:?} are stored up to {last}"))
}
