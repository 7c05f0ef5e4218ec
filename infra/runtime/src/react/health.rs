//! When failures mean that the handler is broken and not the events: then the context stops instead of parking all.

use std::collections::{BTreeSet, VecDeque};

/// More different keys than this parked one after another stop the context.
const KEYS_IN_A_ROW: usize = 10;
/// Over so many events the share of parked ones is looked at …
const WINDOW: usize = 1_000;
/// … once so many were seen …
const ENOUGH_SEEN: usize = 200;
/// … and one in so many (5 %) stops the context.
const ONE_IN: usize = 20;

/// How the last events of a context went. Events that wait for a newer binary, and those that merely stand behind a
/// parked one, do not count.
#[derive(Debug, Default)]
pub(super) struct Health {
    in_a_row: BTreeSet<String>,
    last: VecDeque<bool>,
    parked: usize,
}

impl Health {
    /// An event was reacted to.
    pub(super) fn reacted(&mut self) {
        self.in_a_row.clear();
        self.count(false);
    }

    /// An event was parked. Why the context must stop, if it must.
    pub(super) fn parked(&mut self, topic: &str, key: &str) -> Option<String> {
        self.in_a_row.insert(format!("{topic} {key}"));
        self.count(true);
        if self.in_a_row.len() > KEYS_IN_A_ROW {
            return Some(format!(
                "the events of {} different keys in a row were parked",
                self.in_a_row.len()
            ));
        }
        (self.last.len() >= ENOUGH_SEEN && self.parked * ONE_IN >= self.last.len()).then(|| {
            format!(
                "{} of the last {} events were parked",
                self.parked,
                self.last.len()
            )
        })
    }

    fn count(&mut self, is_parked: bool) {
        if self.last.len() == WINDOW
            && let Some(true) = self.last.pop_front()
        {
            self.parked -= 1;
        }
        self.last.push_back(is_parked);
        self.parked += usize::from(is_parked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn park(health: &mut Health, key: usize) -> bool {
        health.parked("jangbu.order", &key.to_string()).is_some()
    }

    #[test]
    fn the_eleventh_different_key_in_a_row_stops_it() {
        let mut health = Health::default();
        assert!((0..10).all(|key| !park(&mut health, key)));
        assert!(!park(&mut health, 3), "a key that was there is not another");
        assert!(park(&mut health, 10));
    }

    #[test]
    fn one_good_event_begins_the_row_anew() {
        let mut health = Health::default();
        assert!((0..10).all(|key| !park(&mut health, key)));
        health.reacted();
        assert!((20..30).all(|key| !park(&mut health, key)));
        assert!(park(&mut health, 30));
    }

    #[test]
    fn one_in_twenty_stops_it_once_two_hundred_were_seen() {
        let mut health = Health::default();
        for seen in 1..200 {
            if seen % 20 == 0 {
                assert!(!park(&mut health, seen), "after {seen}");
            } else {
                health.reacted();
            }
        }
        assert!(park(&mut health, 200));
    }

    #[test]
    fn what_lies_a_thousand_events_back_is_forgotten() {
        let mut health = Health::default();
        for round in 0..40 {
            // 49 in every thousand: just below the share, for ever.
            for seen in 0..1_000 {
                if seen % 20 == 1 && seen > 20 {
                    assert!(!park(&mut health, seen), "round {round}, {seen}");
                } else {
                    health.reacted();
                }
            }
        }
    }
}
