//! From settings to running parts, and back in order.

mod mall;
mod parts;
mod progress;
mod stages;

pub use mall::{Mall, Options};
pub use parts::{
    create_topics, kafka, migrate, postgres, telemetry, topic_names, view_definitions,
};
pub use progress::{ProgressBar, progress_bar};
