//! How the relay is going: for health, for people, and as metrics.

use std::time::Duration;

use metrics::{counter, gauge};
use tokio::sync::watch;

use crate::metric_definitions::{
    RELAY_LAG_EVENTS, RELAY_LAG_TIME, RELAY_LEADING, RELAY_POSITION, RELAY_REBUILDS, RELAY_STOPPED,
};

/// What this process's relay is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Another leads, or nobody can be asked.
    #[default]
    Candidate,
    /// It leads and looks what stands in the log already.
    Starting,
    /// It leads and publishes.
    Leading,
    /// It must not publish until somebody repairs what is said in [`RelayStatus::problem`].
    Stopped,
}

/// The relay as this process sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelayStatus {
    /// What it is doing.
    pub phase: Phase,
    /// Every event up to here is in the log. Only the leader knows.
    pub position: u64,
    /// The newest event it knows of.
    pub head: u64,
    /// Events that are stored and not yet known to be in the log.
    pub lag_events: u64,
    /// Age of the oldest of them.
    pub lag: Duration,
    /// Why it does not lead or does not get on, with what to do about it.
    pub problem: Option<String>,
}

/// Keeps the status and the metrics.
#[derive(Default)]
pub(super) struct Reporter(watch::Sender<RelayStatus>);

impl Reporter {
    pub(super) fn subscribe(&self) -> watch::Receiver<RelayStatus> {
        self.0.subscribe()
    }

    pub(super) fn candidate(&self, problem: Option<String>) {
        self.turn(Phase::Candidate, problem);
    }

    pub(super) fn starting(&self, position: Option<u64>, problem: Option<String>) {
        self.turn(Phase::Starting, problem);
        if let Some(position) = position {
            self.0.send_modify(|status| status.position = position);
        }
    }

    pub(super) fn stopped(&self, why: &str) {
        self.turn(Phase::Stopped, Some(why.to_owned()));
    }

    /// The publisher was thrown away and the term begins again.
    pub(super) fn rebuilt(&self) {
        counter!(RELAY_REBUILDS).increment(1);
    }

    pub(super) fn leading(&self, position: u64, head: u64, lag: Duration) {
        let head = head.max(position);
        let lag_events = head - position;
        gauge!(RELAY_LEADING).set(1.0);
        gauge!(RELAY_STOPPED).set(0.0);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge is a float, and exact far beyond any store's size"
        )]
        {
            gauge!(RELAY_POSITION).set(position as f64);
            gauge!(RELAY_LAG_EVENTS).set(lag_events as f64);
        }
        gauge!(RELAY_LAG_TIME).set(lag.as_secs_f64());
        let status = RelayStatus {
            phase: Phase::Leading,
            position,
            head,
            lag_events,
            lag,
            problem: None,
        };
        self.0.send_if_modified(|shown| {
            let changed = *shown != status;
            *shown = status;
            changed
        });
    }

    fn turn(&self, phase: Phase, problem: Option<String>) {
        let (leads, stopped) = (phase == Phase::Starting, phase == Phase::Stopped);
        gauge!(RELAY_LEADING).set(f64::from(u8::from(leads)));
        gauge!(RELAY_STOPPED).set(f64::from(u8::from(stopped)));
        self.0.send_if_modified(|status| {
            let changed = status.phase != phase || status.problem != problem;
            status.phase = phase;
            status.problem = problem;
            changed
        });
    }
}
