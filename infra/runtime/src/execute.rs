//! Execute: commands are decided in memory, one after the other per aggregate, and committed in groups.

mod submission;

pub use submission::{
    Answer, Answered, Command, Execute, Fact, Failure, Origin, Outcome, Pending, RunToken,
    Submission,
};
