//! Positions are dense, and so are the sequences of each aggregate; a command's events stand together.

use std::collections::HashMap;

use super::Complaints;
use crate::stored::Stored;

pub(super) fn complaints(stored: &Stored) -> Complaints {
    let mut complaints = Vec::new();
    let mut sequences: HashMap<(&str, &str), u64> = HashMap::new();
    let mut before: Option<&event_schemas::Envelope> = None;
    for (place, event) in (1..).zip(&stored.events) {
        if event.position != place {
            complaints.push(format!(
                "position {} stands at place {place}",
                event.position
            ));
        }
        let sequence = sequences.entry((&event.aggregate, &event.id)).or_default();
        *sequence += 1;
        if event.sequence != *sequence {
            complaints.push(format!(
                "position {place} is number {}, not {sequence}",
                event.sequence
            ));
        }
        let follows = before.is_some_and(|before| {
            before.command_id == event.command_id
                && before.command_ordinal + 1 == event.command_ordinal
        });
        if event.command_ordinal > 0 && !follows {
            complaints.push(format!(
                "position {place} does not follow its command's events"
            ));
        }
        before = Some(event);
    }
    complaints
}
