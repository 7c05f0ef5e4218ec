//! Execute: commands are decided in memory, one after the other per aggregate, and committed in groups.
//!
//! A command goes to the [`worker`] that owns its aggregate. The worker decides it on the aggregate's *speculative*
//! state, which counts on everything decided before it being stored, and hands the resulting entry to the one
//! [`batcher`], which has one append in flight while the next batch fills. What the store says comes back to the
//! worker, which alone answers callers. If the store says anything but "appended", the aggregate's speculation was
//! wrong: its number is raised, the batcher sends back whatever was decided under the old one, and the worker decides
//! those commands again once all of them are back. So correctness never depends on memory: the store decides.

mod submission;

mod engine;

mod worker;

mod cache;
mod decide;
mod flight;
mod slot;

mod batcher;
mod speculation;

mod answer;
mod backoff;
mod load;
mod snapshots;

#[cfg(test)]
mod tests;

pub use engine::{Engine, EngineOptions, EngineStatus};
pub use submission::{
    Answer, Answered, Command, Execute, Fact, Failure, Origin, Outcome, Pending, RunToken,
    Submission,
};
