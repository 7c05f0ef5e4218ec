//! A stand-in for the engine: it carries commands out one after the other, each id once, and goes wrong as it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use uuid::Uuid;

use super::bell::EchoCommand;
use crate::execute::{Answer, Answered, Execute, Failure, Origin, Outcome, Pending, Submission};

/// What becomes of a submission.
pub(super) enum Fate {
    /// It is stored.
    Stored,
    /// It ends in this, at once.
    Fails(Failure),
    /// It is stored, and nobody hears of it.
    Unheard,
    /// It is stored only when the hands are let go.
    Held,
}

type Script = dyn Fn(&str, u32) -> Fate + Send + Sync;

/// The hands; clones are the same ones.
#[derive(Clone)]
pub(super) struct Hands {
    shared: Arc<Mutex<Shared>>,
    queue: mpsc::UnboundedSender<(Submission, oneshot::Sender<Outcome>)>,
}

struct Shared {
    script: Arc<Script>,
    done: BTreeSet<Uuid>,
    /// `<id> <command> <n>`, in the order in which they took effect.
    effects: Vec<String>,
    submitted: Vec<Submission>,
    attempts: BTreeMap<Uuid, u32>,
    held: Vec<(Submission, oneshot::Sender<Outcome>)>,
    in_hand: usize,
    most_in_hand: usize,
}

impl Hands {
    pub(super) fn new() -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            script: Arc::new(|_, _| Fate::Stored),
            done: BTreeSet::new(),
            effects: Vec::new(),
            submitted: Vec::new(),
            attempts: BTreeMap::new(),
            held: Vec::new(),
            in_hand: 0,
            most_in_hand: 0,
        }));
        let (queue, mut incoming) = mpsc::unbounded_channel();
        let hands = Self { shared, queue };
        let working = hands.clone();
        tokio::spawn(async move {
            while let Some((submission, answer)) = incoming.recv().await {
                sleep(Duration::from_millis(1)).await;
                working.work(submission, answer);
            }
        });
        hands
    }

    /// From now on it goes like this: what is asked (`<id> <command> <n>`) and the how-manieth time, from 1.
    pub(super) fn follow(&self, script: impl Fn(&str, u32) -> Fate + Send + Sync + 'static) {
        self.lock().script = Arc::new(script);
    }

    /// Stores everything that is held, and holds nothing more.
    pub(super) fn let_go(&self) {
        self.follow(|_, _| Fate::Stored);
        let held = std::mem::take(&mut self.lock().held);
        for (submission, answer) in held {
            self.work(submission, answer);
        }
    }

    pub(super) fn effects(&self) -> Vec<String> {
        self.lock().effects.clone()
    }

    /// The effects on one echo, without its id.
    pub(super) fn effects_on(&self, id: &str) -> Vec<String> {
        let prefix = format!("{id} ");
        self.effects()
            .iter()
            .filter_map(|effect| effect.strip_prefix(&prefix).map(str::to_owned))
            .collect()
    }

    pub(super) fn submitted(&self) -> Vec<Submission> {
        self.lock().submitted.clone()
    }

    pub(super) fn held(&self) -> usize {
        self.lock().held.len()
    }

    pub(super) fn most_in_hand(&self) -> usize {
        self.lock().most_in_hand
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, submission: Submission, answer: oneshot::Sender<Outcome>) {
        let mut shared = self.lock();
        let what = say(&submission);
        let attempt = {
            let attempts = shared.attempts.entry(submission.command_id).or_default();
            *attempts += 1;
            *attempts
        };
        let Origin::Policy(token) = &submission.origin else {
            panic!("only policies ask here");
        };
        let outcome = if token.is_revoked() {
            Err(Failure::Revoked)
        } else {
            match (shared.script)(&what, attempt) {
                Fate::Held => {
                    shared.held.push((submission, answer));
                    return;
                }
                Fate::Fails(failure) => {
                    token.revoke();
                    Err(failure)
                }
                Fate::Unheard => {
                    shared.carry_out(submission.command_id, what);
                    token.revoke();
                    Err(Failure::OutcomeUnknown)
                }
                Fate::Stored => {
                    shared.carry_out(submission.command_id, what);
                    Ok(stored())
                }
            }
        };
        shared.in_hand -= 1;
        // Whoever asked may have crashed.
        let _ = answer.send(outcome);
    }
}

impl Shared {
    fn carry_out(&mut self, id: Uuid, what: String) {
        if self.done.insert(id) {
            self.effects.push(what);
        }
    }
}

impl Execute for Hands {
    fn submit(&self, submission: Submission) -> Pending {
        let (answer, pending) = Pending::channel();
        let mut shared = self.lock();
        shared.submitted.push(submission.clone());
        shared.in_hand += 1;
        shared.most_in_hand = shared.most_in_hand.max(shared.in_hand);
        self.queue
            .send((submission, answer))
            .expect("the hands work on");
        pending
    }
}

/// `<id> <command> <n>`
pub(super) fn say(submission: &Submission) -> String {
    let command: &EchoCommand = submission
        .command
        .body
        .downcast_ref()
        .expect("an echo is asked");
    let n = match command {
        EchoCommand::Sound { n } | EchoCommand::Hush { n } | EchoCommand::Mourn { n } => n,
    };
    format!("{} {} {n}", submission.stream.id, submission.command.name)
}

fn stored() -> Answer {
    Answer {
        outcome: Answered::Nothing,
        version: 1,
        position: 1,
        recorded_at: DateTime::<Utc>::UNIX_EPOCH,
    }
}
