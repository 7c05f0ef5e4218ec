//! The follower on the memory store and log.

pub(crate) mod bench;

mod live;
mod lies;
mod storm;
