//! `jangbu topics`: creates those that are missing, and lists them.

use std::process::ExitCode;

use jangbu_runtime::ports::{Log, TopicPartition};
use serde::Serialize;

use super::{settings_with_parts, table};
use crate::cli::{Common, Output};
use crate::lifecycle;

#[derive(Serialize)]
struct Topic {
    topic: String,
    partitions: u32,
    records: i64,
}

pub(super) async fn topics(common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    lifecycle::create_topics(&settings).await?;
    let kafka = lifecycle::kafka(&settings)?;
    let names = lifecycle::topic_names(&settings);
    let counts = kafka.partitions(&names).await?;
    let mut topics = Vec::new();
    for (name, partitions) in names.into_iter().zip(counts) {
        let partitions = partitions.unwrap_or(0);
        let all: Vec<TopicPartition> = (0..i32::try_from(partitions)?)
            .map(|partition| TopicPartition {
                topic: name.as_str().into(),
                partition,
            })
            .collect();
        let records = kafka
            .edges(&all)
            .await?
            .iter()
            .map(|edges| edges.high - edges.low)
            .sum();
        topics.push(Topic {
            topic: name,
            partitions,
            records,
        });
    }
    if output.json {
        println!("{}", serde_json::to_string_pretty(&topics)?);
    } else {
        let rows = topics
            .into_iter()
            .map(|t| [t.topic, t.partitions.to_string(), t.records.to_string()]);
        println!("{}", table::table(["topic", "partitions", "records"], rows));
    }
    Ok(ExitCode::SUCCESS)
}
