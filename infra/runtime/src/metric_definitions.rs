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
];
