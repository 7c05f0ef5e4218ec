//! The event store, the relay's ledger, progress and documents on PostgreSQL 15 and newer.
//!
//! The only crate that names sqlx and postgres-es. One [`Postgres`] per process is opened with [`Postgres::connect`]
//! and carries every port of `jangbu_runtime` that lives in the database; [`migrate`] makes the room, as the owner.

mod postgres;

mod store;
mod append;
mod turn;
mod arrivals;

mod leadership;
mod progress;
mod documents;
mod repository;

mod session;
mod sessions;
mod known;
mod array;
mod envelope;
mod error;

mod migrate;
mod verify;
mod recent;
mod repair;

#[cfg(feature = "testing")]
pub mod testing;

pub use migrate::{Login, MigrateError, MigrateOptions, Migrated, migrate};
pub use postgres::{Options, Postgres};
pub use repair::repair_fork;
pub use repository::Repository;
pub use verify::{Fault, Report, verify};
