//! `jangbu replay`: history once more, for an audit. To stdout as one CloudEvent a line, or into a topic of one
//! subscription, with the very headers and bytes of the first time, for a consumer that reads Kafka.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use event_schemas::cloud_event::{Headers, Structured};
use event_schemas::{Envelope, Source};
use jangbu_runtime::partition::partition_of;
use jangbu_runtime::ports::{
    Delivery, EventStore, Log, OutRecord, PublishError, Publisher, TopicSpec,
};

use super::events::{PAGE, filter};
use super::settings_with_parts;
use crate::cli::{Common, ReplayArgs};
use crate::lifecycle;

/// How long to wait for deliveries before looking again.
const DELIVERY_WAIT: Duration = Duration::from_millis(100);

pub(super) async fn replay(common: &Common, args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let settings = settings_with_parts(common, Vec::new())?;
    let store = lifecycle::postgres(&settings).await?;
    let mut out = match &args.subscription {
        None => Out::Stdout,
        Some(name) => Out::Topic(Box::new(Topic::open(&settings, name).await?)),
    };
    let mut filter = filter(&args.choice);
    let head = store.head().await?.position;
    let until = filter.until.unwrap_or(head).min(head);
    filter.until = Some(until);
    let progress = lifecycle::progress_bar("replaying");
    let (mut after, mut count) = (args.choice.from, 0_u64);
    let source = store.source();
    while after < until {
        let (events, looked) = store.search(&filter, after, PAGE).await?;
        count += events.len() as u64;
        out.write(&events, &source).await?;
        after = looked;
        progress.at(after, until);
    }
    out.flush().await?;
    progress.done();
    eprintln!("{count} events up to position {until}");
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

enum Out {
    Stdout,
    Topic(Box<Topic>),
}

impl Out {
    async fn write(&mut self, events: &[Envelope], source: &Source) -> anyhow::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = std::io::stdout().lock();
                for event in events {
                    serde_json::to_writer(&mut stdout, &Structured::new(event, source, None))?;
                    stdout.write_all(b"\n")?;
                }
                Ok(())
            }
            Self::Topic(topic) => {
                for event in events {
                    topic.send(event, source).await?;
                }
                Ok(())
            }
        }
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Stdout => Ok(()),
            Self::Topic(topic) => topic.drain(0).await,
        }
    }
}

/// A subscription's replay topic. Its records keep the one-integer rule among themselves.
struct Topic {
    name: String,
    publisher: Box<dyn Publisher>,
    previous: Vec<u64>,
    under_way: usize,
    headers: Headers,
    deliveries: Vec<Delivery>,
}

impl Topic {
    async fn open(settings: &crate::config::Settings, subscription: &str) -> anyhow::Result<Self> {
        let valid = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if subscription.is_empty() || subscription.len() > 100 || !subscription.chars().all(valid) {
            bail!("a subscription's name has 1 to 100 of A-Z a-z 0-9 . _ -");
        }
        let kafka = lifecycle::kafka(settings)?;
        let name = format!("{}_replay.{subscription}", settings.kafka.prefix);
        kafka
            .create(&[TopicSpec {
                name: name.clone(),
                partitions: settings.kafka.partitions,
            }])
            .await?;
        let partitions = kafka.partitions(std::slice::from_ref(&name)).await?;
        let partitions = partitions
            .first()
            .copied()
            .flatten()
            .context("the replay topic was not created")?;
        Ok(Self {
            name,
            publisher: kafka.publisher().await?,
            previous: vec![0; partitions as usize],
            under_way: 0,
            headers: Headers::new(),
            deliveries: Vec::new(),
        })
    }

    async fn send(&mut self, event: &Envelope, source: &Source) -> anyhow::Result<()> {
        let partition = partition_of(event.id.as_bytes(), u32::try_from(self.previous.len())?);
        let previous = &mut self.previous[usize::try_from(partition)?];
        let before = std::mem::replace(previous, event.position);
        loop {
            let headers = self.headers.write(event, source, before);
            let record = OutRecord {
                topic: &self.name,
                partition,
                key: event.id.as_bytes(),
                value: &event.payload,
                headers: &headers,
            };
            match self.publisher.publish(&record, 0) {
                Ok(()) => break,
                Err(PublishError::Full) => {}
                Err(PublishError::Failed(error)) => return Err(error.into()),
            }
            self.drain(self.under_way / 2).await?;
        }
        self.under_way += 1;
        Ok(())
    }

    /// Waits until at most so many records are under way.
    async fn drain(&mut self, most: usize) -> anyhow::Result<()> {
        while self.under_way > most {
            self.publisher
                .deliveries(&mut self.deliveries, DELIVERY_WAIT)
                .await;
            for delivery in self.deliveries.drain(..) {
                delivery.outcome?;
                self.under_way -= 1;
            }
        }
        Ok(())
    }
}
