//! The headers of a Kafka record, written into one reusable piece of text: this runs once per event sent.

use std::fmt::Write;
use std::ops::Deref;

use super::{CONTENT_TYPE, SPEC_VERSION, TYPE_PREFIX, names, write_time};
use crate::envelope::Travelling;
use crate::{Envelope, Source};

/// How many headers a record has at most.
const MOST: usize = 16;

/// The headers of one record. Written anew for each event, it allocates only until it has grown to the longest.
#[derive(Debug, Default)]
pub struct Headers {
    text: String,
    /// Name, and where in `text` the value ends.
    ends: Vec<(&'static str, usize)>,
}

/// Names and values; a slice of pairs.
#[derive(Debug)]
pub struct Pairs<'h> {
    pairs: [(&'h str, &'h str); MOST],
    count: usize,
}

impl<'h> Deref for Pairs<'h> {
    type Target = [(&'h str, &'h str)];

    fn deref(&self) -> &Self::Target {
        &self.pairs[..self.count]
    }
}

impl Headers {
    /// Room for the headers of one record after another.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes an event's headers over those that were here. `previous` is the position of the record before it in its
    /// partition, 0 for the first.
    pub fn write(&mut self, told: &Envelope, source: &Source, previous: u64) -> Pairs<'_> {
        self.text.clear();
        self.ends.clear();
        let Envelope {
            aggregate,
            id,
            name,
            version,
            ..
        } = told;
        self.add(names::CONTENT_TYPE, format_args!("{CONTENT_TYPE}"));
        self.add(names::SPEC_VERSION, format_args!("{SPEC_VERSION}"));
        self.add(names::ID, format_args!("{}", told.event_id.hyphenated()));
        write_time(&mut self.text, told.recorded_at);
        self.end(names::TIME);
        self.add(names::SOURCE, format_args!("{source}"));
        self.add(
            names::TYPE,
            format_args!("{TYPE_PREFIX}{aggregate}.{name}.v{version}"),
        );
        self.add(names::SUBJECT, format_args!("{aggregate}/{id}"));
        self.add(
            names::DATA_SCHEMA,
            format_args!("urn:jangbu:schema:{aggregate}:{name}:{version}"),
        );
        self.add(names::SEQUENCE, format_args!("{}", told.sequence));
        self.add(names::POSITION, format_args!("{}", told.position));
        self.add(names::PREVIOUS, format_args!("{previous}"));
        self.add(
            names::COMMAND_ID,
            format_args!("{}", told.command_id.hyphenated()),
        );
        let Travelling {
            actor,
            correlation_id,
            causation_id,
            traceparent,
        } = told.travelling();
        self.add_some(names::CORRELATION_ID, &correlation_id);
        self.add_some(names::CAUSATION_ID, &causation_id);
        self.add_some(names::ACTOR, &actor);
        self.add_some(names::TRACEPARENT, &traceparent);
        self.pairs()
    }

    fn add(&mut self, name: &'static str, value: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(value)
            .expect("writing to a String does not fail");
        self.end(name);
    }

    /// An empty text is none: an adopted event has no actor.
    fn add_some(&mut self, name: &'static str, value: &str) {
        if !value.is_empty() {
            self.text.push_str(value);
            self.end(name);
        }
    }

    fn end(&mut self, name: &'static str) {
        self.ends.push((name, self.text.len()));
    }

    fn pairs(&self) -> Pairs<'_> {
        let mut pairs = [("", ""); MOST];
        let mut from = 0;
        for (pair, (name, to)) in pairs.iter_mut().zip(&self.ends) {
            *pair = (name, &self.text[from..*to]);
            from = *to;
        }
        Pairs {
            pairs,
            count: self.ends.len(),
        }
    }
}
