//! What `cargo run` and the tests add on a bare machine: real PostgreSQL and real Apache Kafka, fetched once,
//! started and stopped with the process that wants them.
//!
//! [`Local`] is the pair a developer keeps, its data surviving restarts; [`TestBed`] the pair a test binary shares;
//! [`OwnServers`] a pair that one test may kill. None of them outlives its process, however that dies: each server
//! hangs on a small supervisor that holds the read end of a pipe (`supervisor.sh`).
//!
//! Servers listen on 127.0.0.1 only and trust whoever reaches them there. That is for development and tests.

mod account;
mod fetch;
mod folders;
mod news;
mod ports;

mod hold;
mod log_file;
mod process;
mod server;
mod supervisor;

mod kafka;
mod postgres;

mod local;
mod test_bed;

pub use fetch::{FetchError, Parts, fetch};
pub use folders::FolderError;
pub use kafka::{Kafka, KafkaOptions};
pub use local::{Local, LocalError, LocalOptions};
pub use news::{News, Teller, silent, to_stderr};
pub use ports::{Port, PortError};
pub use postgres::{Postgres, PostgresOptions};
pub use server::ServerError;
pub use test_bed::{OwnServers, TestBed};
