//! Starts what was not given.

use std::path::Path;

use super::record::Ports;
use super::{LocalError, LocalOptions};
use crate::fetch::{Parts, fetch};
use crate::folders;
use crate::kafka::{Kafka, KafkaOptions};
use crate::news::Teller;
use crate::ports::{self, Port};
use crate::postgres::{Postgres, PostgresOptions};
use crate::server::ServerError;

const DEFAULT_POSTGRES_PORT: u16 = 5433;
const DEFAULT_KAFKA_PORT: u16 = 9092;

/// Starts what was not given, both at the same time.
pub(super) fn start(
    options: &LocalOptions,
    before: &Ports,
    folder: &Path,
    tell: &Teller,
) -> Result<(Option<Postgres>, Option<Kafka>), LocalError> {
    let (want_postgres, want_kafka) = (
        options.given_database.is_none(),
        options.given_brokers.is_none(),
    );
    if !want_postgres && !want_kafka {
        return Ok((None, None));
    }
    if want_postgres {
        // Before anything is fetched or started for a folder that will not do.
        folders::check_reach(folder)?;
    }
    let parts = fetch(tell)?;
    let postgres = || {
        let port = options
            .postgres
            .unwrap_or_else(|| usual(before.postgres, DEFAULT_POSTGRES_PORT));
        want_postgres
            .then(|| start_postgres(&parts, folder, port, tell))
            .transpose()
    };
    let kafka = || {
        let port = options
            .kafka
            .unwrap_or_else(|| usual(before.kafka, DEFAULT_KAFKA_PORT));
        want_kafka
            .then(|| start_kafka(&parts, folder, port, tell))
            .transpose()
    };
    let (postgres, kafka) = std::thread::scope(|scope| {
        let postgres = scope.spawn(postgres);
        let kafka = kafka();
        (
            postgres
                .join()
                .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked)),
            kafka,
        )
    });
    Ok((postgres?, kafka?))
}

fn start_postgres(
    parts: &Parts,
    folder: &Path,
    port: Port,
    tell: &Teller,
) -> Result<Postgres, ServerError> {
    let options = PostgresOptions {
        folder: folder.join("postgres"),
        port,
        fsync: true,
        temporary: false,
    };
    Postgres::start(parts, options, tell)
}

fn start_kafka(
    parts: &Parts,
    folder: &Path,
    port: Port,
    tell: &Teller,
) -> Result<Kafka, ServerError> {
    Kafka::start(
        parts,
        KafkaOptions {
            folder: folder.join("kafka"),
            port,
            temporary: false,
        },
        tell,
    )
}

/// The port of before if it can be had, so that what was configured with it still works.
fn usual(before: Option<u16>, default: u16) -> Port {
    Port::Prefer(
        before
            .filter(|port| ports::is_free(*port))
            .unwrap_or(default),
    )
}
