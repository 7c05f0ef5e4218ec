//! The parts, opened from the settings.

use anyhow::Context;
use jangbu_kafka::{Kafka, KafkaOptions};
use jangbu_postgres::{Login, MigrateOptions, Migrated, Postgres};
use jangbu_runtime::ports::{Log, TopicSpec, ViewDefinition};
use jangbu_runtime::project::definition_of;
use jangbu_telemetry::{Guard, LogFormat, Telemetry, TelemetryOptions};

use crate::config::Settings;
use crate::mall::mall;

/// Logs and metrics, from now until the guard is dropped.
///
/// # Errors
/// The log filter cannot be read.
pub fn telemetry(settings: &Settings) -> anyhow::Result<Guard> {
    let options = TelemetryOptions {
        log: settings.log.filter.clone(),
        format: LogFormat::Auto,
    };
    Telemetry::init(&options).context("log.filter")
}

/// The event store.
///
/// # Errors
/// It cannot be reached, or is not migrated.
pub async fn postgres(settings: &Settings) -> anyhow::Result<Postgres> {
    let options = jangbu_postgres::Options {
        store: Some(settings.store.name.clone()),
        ..jangbu_postgres::Options::default()
    };
    Postgres::connect(&settings.database.url, options)
        .await
        .context("the event store cannot be opened (is it migrated? see `jangbu migrate`)")
}

/// The log.
///
/// # Errors
/// The configuration is not one that librdkafka takes.
pub fn kafka(settings: &Settings) -> anyhow::Result<Kafka> {
    let hours = settings.kafka.retention_hours;
    let options = KafkaOptions {
        brokers: settings.kafka.brokers.clone(),
        client_id: "jangbu".to_owned(),
        replication_factor: u16::try_from(settings.kafka.replication_factor)
            .context("kafka.replication_factor is a small number, 1 or more")?,
        retention_ms: if hours < 0 {
            -1
        } else {
            hours.saturating_mul(3_600_000)
        },
        extra: settings.kafka.properties.clone(),
    };
    Kafka::new(options).context("Kafka's settings are not taken")
}

/// What the store of documents must know of every view.
#[must_use]
pub fn view_definitions() -> Vec<ViewDefinition> {
    mall()
        .views()
        .iter()
        .map(|view| definition_of(&**view))
        .collect()
}

/// Tables, functions, roles, views; as the owner.
///
/// # Errors
/// Nothing was changed then.
pub async fn migrate(settings: &Settings, login: Option<Login>) -> anyhow::Result<Migrated> {
    let owner = match &settings.database.owner_url {
        owner if owner.is_empty() => &settings.database.url,
        owner => owner,
    };
    let options = MigrateOptions {
        store: settings.store.name.clone(),
        login,
        views: view_definitions(),
        ..MigrateOptions::default()
    };
    jangbu_postgres::migrate(owner, &options)
        .await
        .context("the database cannot be migrated")
}

/// The topics of all aggregates.
#[must_use]
pub fn topic_names(settings: &Settings) -> Vec<String> {
    mall()
        .aggregates()
        .map(|aggregate| format!("{}{aggregate}", settings.kafka.prefix))
        .collect()
}

/// Creates the topics that are missing.
///
/// # Errors
/// Kafka cannot be reached or refuses.
pub async fn create_topics(settings: &Settings) -> anyhow::Result<()> {
    let partitions = settings.kafka.partitions;
    let topics: Vec<TopicSpec> = topic_names(settings)
        .into_iter()
        .map(|name| TopicSpec { name, partitions })
        .collect();
    kafka(settings)?
        .create(&topics)
        .await
        .context("topics cannot be created")
}
