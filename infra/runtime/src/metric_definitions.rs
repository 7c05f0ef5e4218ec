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
/// Commands of policies by how they ended.
pub const REACTIONS: &str = "jangbu_reactions_total";
/// Records that policies have not finished.
pub const POLICY_LAG: &str = "jangbu_policy_lag_events";
/// Events that policies parked.
pub const PARKED: &str = "jangbu_parked_total";
/// Keys of which something is parked.
pub const PARKED_KEYS: &str = "jangbu_parked_keys";
/// Whether a context stopped reacting.
pub const CONTEXT_STOPPED: &str = "jangbu_context_stopped";
/// Records that were nothing of ours.
pub const DEAD_LETTERS: &str = "jangbu_dead_letters_total";
/// Records that policies had seen before.
pub const DUPLICATES: &str = "jangbu_policy_duplicates_total";
/// Records of another incarnation.
pub const OTHER_HISTORY: &str = "jangbu_policy_other_history_total";
/// Times that events were missing in the log.
pub const LOG_LOSSES: &str = "jangbu_policy_log_losses_total";
/// Events that were read from the store instead.
pub const REFILLED: &str = "jangbu_policy_refilled_events_total";

/// The newest position handed out to views.
pub const FOLLOW_POSITION: &str = "jangbu_follow_position";

/// A view's checkpoint.
pub const VIEW_POSITION: &str = "jangbu_view_position";
/// How far a view is behind the store.
pub const VIEW_BEHIND: &str = "jangbu_view_behind_events";
/// Whether a view stopped at an event that it cannot fold.
pub const VIEW_STOPPED: &str = "jangbu_view_stopped";
/// Events that went into a view.
pub const VIEW_EVENTS: &str = "jangbu_view_events_total";
/// Time from taking a batch of events to its commit.
pub const VIEW_BATCH_TIME: &str = "jangbu_view_batch_seconds";

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
    Definition {
        name: REACTIONS,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "commands of policies by how they ended [policy, outcome]",
    },
    Definition {
        name: POLICY_LAG,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "events that the relay sent and this process's policies have not finished [context]",
    },
    Definition {
        name: PARKED,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "events that were parked because they failed or are unknown here [context, why]",
    },
    Definition {
        name: PARKED_KEYS,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "keys of which something is parked [context]",
    },
    Definition {
        name: CONTEXT_STOPPED,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "1 while the context has stopped reacting and waits to be resumed [context]",
    },
    Definition {
        name: DEAD_LETTERS,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "records on our topics that are not ours [context]",
    },
    Definition {
        name: DUPLICATES,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "records that had been seen before [context]",
    },
    Definition {
        name: OTHER_HISTORY,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "records of another incarnation of the store, passed over [context]",
    },
    Definition {
        name: LOG_LOSSES,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "times that events were missing in the log [context]",
    },
    Definition {
        name: REFILLED,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "events that were missing in the log and read from the store [context]",
    },
    Definition {
        name: FOLLOW_POSITION,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "newest position of the store that is handed out to views",
    },
    Definition {
        name: VIEW_POSITION,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "checkpoint of a view that this process writes [view, version]",
    },
    Definition {
        name: VIEW_BEHIND,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "events that are stored and not yet in a view [view, version]",
    },
    Definition {
        name: VIEW_STOPPED,
        shape: Shape::Gauge,
        unit: Unit::Count,
        description: "1 while a view is stopped at an event that it cannot fold [view, version]",
    },
    Definition {
        name: VIEW_EVENTS,
        shape: Shape::Counter,
        unit: Unit::Count,
        description: "events that went into a view, heard by it or not [view, version]",
    },
    Definition {
        name: VIEW_BATCH_TIME,
        shape: Shape::Histogram,
        unit: Unit::Seconds,
        description: "time from taking a batch of events to its commit [view, version]",
    },
];
