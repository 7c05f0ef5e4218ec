//! The newest events, kept once for all feeds of a process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_schemas::{Envelope, Source};
use tokio::sync::watch;

use crate::bell::Bell;

/// A bounded run of events without a gap, ending at the newest that was confirmed.
pub(super) struct Ring {
    most_events: usize,
    most_bytes: usize,
    kept: Mutex<Kept>,
    /// Rises whenever something was added or all was dropped.
    news: Bell,
}

struct Kept {
    /// Raised when history forked: feeds of an earlier era must begin anew.
    era: u64,
    /// Which history the events are of; none until the first head is known, and after a fork.
    source: Option<Source>,
    events: VecDeque<Arc<Envelope>>,
    bytes: usize,
    last: u64,
}

/// What a feed gets.
pub(super) enum Taken {
    /// These are next.
    Events(Vec<Arc<Envelope>>),
    /// They are not here any more, or not yet: ask the store.
    AskStore,
    /// The feed has all there is.
    Wait,
    /// History forked since the feed began.
    Forked,
}

impl Ring {
    pub(super) fn new(most_events: usize, most_bytes: usize) -> Self {
        Self {
            most_events,
            most_bytes,
            kept: Mutex::new(Kept {
                era: 0,
                source: None,
                events: VecDeque::new(),
                bytes: 0,
                last: 0,
            }),
            news: Bell::new(0),
        }
    }

    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.listen()
    }

    pub(super) fn era(&self) -> u64 {
        self.kept().era
    }

    /// The newest position that was confirmed; none before the first.
    pub(super) fn last(&self) -> Option<u64> {
        let kept = self.kept();
        kept.source.is_some().then_some(kept.last)
    }

    /// Which history is followed; none before the first head is known.
    pub(super) fn source(&self) -> Option<Source> {
        self.kept().source.clone()
    }

    pub(super) fn capacity(&self) -> usize {
        self.most_events
    }

    /// Goes on at a position with nothing kept; whoever misses what lies before reads the store.
    pub(super) fn jump(&self, source: Source, last: u64) {
        let mut kept = self.kept();
        kept.source = Some(source);
        kept.clear();
        kept.last = last;
        drop(kept);
        self.tell();
    }

    /// Adds events, which must follow the last one without a gap.
    pub(super) fn push(&self, events: impl IntoIterator<Item = Arc<Envelope>>) {
        let mut kept = self.kept();
        for event in events {
            assert_eq!(
                event.position,
                kept.last + 1,
                "events are handed out in order"
            );
            kept.last = event.position;
            kept.bytes += size_of(&event);
            kept.events.push_back(event);
            while kept.events.len() > self.most_events || kept.bytes > self.most_bytes {
                let Some(oldest) = kept.events.pop_front() else {
                    break;
                };
                kept.bytes -= size_of(&oldest);
            }
        }
        drop(kept);
        self.tell();
    }

    /// History forked: nothing that is here can be relied on.
    pub(super) fn fork(&self) {
        let mut kept = self.kept();
        kept.era += 1;
        kept.source = None;
        kept.clear();
        kept.last = 0;
        drop(kept);
        self.tell();
    }

    /// At most `most` events after a position, and about as many bytes; at least one if there is any. What is kept counts
    /// only if it is of the history that the store has now: the follower may not have noticed that it is another one.
    pub(super) fn take(
        &self,
        (era, now): (u64, &Source),
        after: u64,
        most: usize,
        bytes: usize,
    ) -> Taken {
        let kept = self.kept();
        let Some(source) = kept.source.as_ref().filter(|_| kept.era == era) else {
            return if kept.era == era {
                Taken::AskStore
            } else {
                Taken::Forked
            };
        };
        if source != now {
            return Taken::Forked;
        }
        if after >= kept.last {
            return Taken::Wait;
        }
        let Some(from) = kept.index_of(after + 1) else {
            return Taken::AskStore;
        };
        let mut room = bytes;
        let mut events = Vec::with_capacity(most.min(kept.events.len() - from));
        for event in kept.events.range(from..).take(most) {
            let size = size_of(event);
            if size > room && !events.is_empty() {
                break;
            }
            room = room.saturating_sub(size);
            events.push(Arc::clone(event));
        }
        Taken::Events(events)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.news.ring(|count| count + 1);
    }
}

impl Kept {
    fn index_of(&self, position: u64) -> Option<usize> {
        let first = self.events.front()?.position;
        usize::try_from(position.checked_sub(first)?).ok()
    }

    fn clear(&mut self) {
        self.events.clear();
        self.bytes = 0;
    }
}

/// What an event takes in memory, roughly.
pub(super) fn size_of(event: &Envelope) -> usize {
    const FIXED: usize = 256;
    event.payload.len() + event.metadata.len() + event.id.len() + FIXED
}
