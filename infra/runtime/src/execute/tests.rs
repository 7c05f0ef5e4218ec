//! The rules of the engine, on the memory store.

mod assuming;
mod bench;
mod faults;
mod judgement;
mod plain;
mod shelf;
mod two_processes;
