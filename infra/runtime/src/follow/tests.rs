//! The follower on the memory store.

pub(crate) mod bench;

mod live;
mod restores;
mod storm;
