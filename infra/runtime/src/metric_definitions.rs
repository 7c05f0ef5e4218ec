//! Every metric of the chassis, each with its unit and what it means. Add yours to the constants and to [`ALL`].

use metrics::Unit;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Only rises.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One metric, described.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its name; a counter's ends in `_total`.
    pub name: &'static str,
    /// What it is.
    pub shape: Shape,
    /// What it counts in.
    pub unit: Unit,
    /// What it means; labels in brackets.
    pub description: &'static str,
}

/// Commands by how they ended.
pub const COMMANDS: &str = "jangbu_commands_total";
/// Events in an append.
pub const APPEND_BATCH_SIZE: &str = "jangbu_append_batch_events";
/// Time of an append.
pub const APPEND_TIME: &str = "jangbu_append_seconds";
/// Appends that had to be judged command by command.
pub const APPENDS_CHECKED: &str = "jangbu_appends_checked_total";
/// Commands waiting for their turn.
pub const COMMANDS_WAITING: &str = "jangbu_commands_waiting";
/// HTTP requests by route and status.
pub const HTTP_REQUESTS: &str = "jangbu_http_requests_total";
/// Time of an HTTP request, until its answer begins.
pub const HTTP_TIME: &str = "jangbu_http_request_seconds";

/// Events that are stored and not yet known to be in the log.
pub const RELAY_LAG_EVENTS: &str = "jangbu_relay_lag_events";
/// Age of the oldest of them.
pub const RELAY_LAG_TIME: &str = "jangbu_relay_lag_seconds";
/// The relay's checkpoint.
pub const RELAY_POSITION: &str = "jangbu_relay_position";
/// Whether this process leads the relay.
pub const RELAY_LEADING: &str = "jangbu_relay_leading";
/// Whether the relay is stopped until it is repaired.
pub const RELAY_STOPPED: &str = "jangbu_relay_stopped";
/// Events handed to the log.
pub const RELAY_PUBLISHED: &str = "jangbu_relay_published_total";
/// Events that were found in the log already.
pub const RELAY_FOUND: &str = "jangbu_relay_found_total";
/// Times the publisher was thrown away.
pub const RELAY_REBUILDS: &str = "jangbu_relay_rebuilds_total";
/// Records in our topics that are not ours.
pub const RELAY_STEPPED_OVER: &str = "jangbu_relay_stepped_over_total";

/// All of them.
pub const ALL: &[Definition] = &[
    Definition {
        name: COMMANDS,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "commands by how they ended [aggregate, outcome]",
    },
    Definition {
        name: APPEND_BATCH_SIZE,
        shape: Shape::Histogram,
        unit: Unit::Count,
        description: "events in one append",
    },
    Definition {
        name: APPEND_TIME,
        shape: Shape::Histogram,
        unit: Unit::Seconds,
        description: "time from handing an append to the store to its answer",
    },
    Definition {
        name: APPENDS_CHECKED,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "appends whose fast call failed, so that they were judged command by command",
    },
    Definition {
        name: COMMANDS_WAITING,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "commands of this process that have no answer yet",
    },
    Definition {
        name: HTTP_REQUESTS,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "HTTP requests [route, status]",
    },
    Definition {
        name: HTTP_TIME,
        shape: Shape::Histogram,
        unit: Unit::Seconds,
        description: "time from an HTTP request's headers to those of its answer [route]",
    },
    Definition {
        name: RELAY_LAG_EVENTS,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "events that are stored and not yet known to be in the log, as the leader sees it",
    },
    Definition {
        name: RELAY_LAG_TIME,
        shape: Shape::Gauge,
        unit: Unit::Seconds,
        description: "age of the oldest event that is stored and not yet known to be in the log",
    },
    Definition {
        name: RELAY_POSITION,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "every event up to this position is in the log",
    },
    Definition {
        name: RELAY_LEADING,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "1 while this process leads the relay",
    },
    Definition {
        name: RELAY_STOPPED,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "1 while the relay is stopped until somebody repairs it",
    },
    Definition {
        name: RELAY_PUBLISHED,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "events handed to the log, again after a failure included",
    },
    Definition {
        name: RELAY_FOUND,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "events that the relay found in the log after a failure or a change of leader",
    },
    Definition {
        name: RELAY_REBUILDS,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "times the log failed and the relay began again at its checkpoint",
    },
    Definition {
        name: RELAY_STEPPED_OVER,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "records in our topics that are not ours or malformed, met at the start of the relay",
    },
];
