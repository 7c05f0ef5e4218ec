//! The relay on the memory adapters: what it promises of the log, whatever happens to it.

mod support;

mod order;
mod crashes;
mod strangers;
mod forks;
mod topics;
