//! Opening the log at its end, and whether what it brings can be waited for.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::{REOPEN_AFTER, Tail};
use crate::follow::{FollowError, Follower, Following};
use crate::ports::{Log, LogError, LogReader, TopicPartition};

/// However often it fails, it is tried again after so long.
const REOPEN_AT_LAST_AFTER: Duration = Duration::from_secs(30);

pub(super) type Opening<'f> = BoxFuture<'f, Result<Opened, String>>;

/// A reader from the end of every partition.
pub(super) struct Opened {
    reader: Box<dyn LogReader>,
    /// Partitions of each topic.
    counts: Vec<u32>,
}

/// Notes where each partition ends, and opens a reader there.
async fn open(follower: &Follower) -> Result<Opened, String> {
    let told = |error: LogError| error.to_string();
    let log: &dyn Log = follower.log.as_deref().ok_or("there is no log")?;
    let topics = follower.topics.iter();
    let names: Vec<String> = topics.map(|topic| topic.topic.clone()).collect();
    let counts = log.partitions(&names).await.map_err(told)?;
    let counts: Option<Vec<u32>> = counts.into_iter().collect();
    let counts = counts.ok_or("a topic is missing")?;
    let partitions = all_partitions(&names, &counts);
    let edges = log.edges(&partitions).await.map_err(told)?;
    let ends = partitions.into_iter().zip(edges);
    let ends: Vec<_> = ends.map(|(at, edges)| (at, edges.high)).collect();
    let reader = log.reader(&ends).await.map_err(told)?;
    Ok(Opened { reader, counts })
}

fn all_partitions(topics: &[String], counts: &[u32]) -> Vec<TopicPartition> {
    let of = |topic: &String, count: u32| {
        let topic: Arc<str> = topic.as_str().into();
        (0..count).map(move |partition| TopicPartition {
            topic: Arc::clone(&topic),
            partition: i32::try_from(partition).expect("the protocol counts partitions in i32"),
        })
    };
    topics
        .iter()
        .zip(counts)
        .flat_map(|(topic, count)| of(topic, *count))
        .collect()
}

impl<'f> Tail<'f> {
    /// Begins to open the log, if there is one and its time has come.
    pub(super) fn open_when_due(&mut self, now: Instant) {
        if self.opening.is_none() && self.follower.log.is_some() && now >= self.reopen_at {
            self.reader = None;
            self.opening = Some(Box::pin(open(self.follower)));
        }
    }

    /// The ends were noted: whatever is stored after the store's head that is read now comes by the log.
    pub(super) async fn opened(
        &mut self,
        opened: Result<Opened, String>,
    ) -> Result<(), FollowError> {
        self.opening = None;
        match opened {
            Ok(Opened { reader, counts }) => {
                self.reader = Some(reader);
                self.intake.expect(&self.follower.topics, &counts);
                self.errors = 0;
                self.reopen_later();
            }
            Err(why) => self.without_log(why),
        }
        self.fill().await?;
        if self.trusted {
            self.follower.says(Following::Log);
        }
        Ok(())
    }

    pub(super) fn without_log(&mut self, why: String) {
        self.reader = None;
        self.reopen_later();
        if self.follower.log.is_some() {
            tracing::warn!(
                why,
                "the log cannot be followed; the store is followed instead"
            );
        }
        self.distrust(why);
    }

    fn reopen_later(&mut self) {
        self.reopen_at = Instant::now() + self.reopen_after;
        self.reopen_after = (self.reopen_after * 2).min(REOPEN_AT_LAST_AFTER);
    }

    /// The log brought something stored.
    pub(super) fn trust(&mut self) {
        self.reopen_after = REOPEN_AFTER;
        if !self.trusted {
            self.trusted = true;
            self.follower.says(Following::Log);
        }
    }

    /// The log is behind, or away: until it has caught up the store is read whenever something arrives there.
    pub(super) fn distrust(&mut self, why: String) {
        self.trusted = false;
        self.milestone = (self.last(), Instant::now());
        self.follower.says(Following::Store { why });
    }
}
