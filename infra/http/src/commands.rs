//! Commands over HTTP: one at a time, or a file of them.

mod answer;
mod ask;
mod batch;
mod lines;
mod one;

pub(crate) use batch::batch;
pub(crate) use one::one;
