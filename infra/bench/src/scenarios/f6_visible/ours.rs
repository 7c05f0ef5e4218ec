//! Ours: `jangbu run` with all roles in a process of its own. What was posted is looked for by `GET … Min-Position`, which
//! answers as soon as the view has come so far; each look also tells of everything before it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{LANES, Measured, measured, ticks};
use crate::bench::Bench;
use crate::child::ALL_ROLES;
use crate::http::{Client, Metronome, Version, tick};
use crate::latency::histogram;
use crate::latency::record;
use crate::sampling::Sampler;
use crate::scenarios::asked::{Whom, show_when_built};
use crate::scenarios::site::Site;

/// Looks at the view that wait at the same time.
const LOOKS: usize = 4;
/// So many commands go first, so that the process has done everything once.
const FIRST: u64 = 50;
/// Nothing takes longer to become visible.
const LIMIT: Duration = Duration::from_secs(120);

/// What was stored and has not been seen.
struct Unseen {
    state: Mutex<State>,
    more: Notify,
}

struct State {
    /// By position: when it was meant to be posted, if it counts.
    waiting: BTreeMap<u64, Option<Instant>>,
    /// Positions that somebody looks for.
    looked_for: u64,
    seen: u64,
    /// All that will be there has been posted.
    posted: bool,
    latencies: Histogram<u64>,
}

impl Unseen {
    fn new(seen: u64) -> Result<Self> {
        Ok(Self {
            state: Mutex::new(State {
                waiting: BTreeMap::new(),
                looked_for: seen,
                seen,
                posted: false,
                latencies: histogram()?,
            }),
            more: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A command was answered.
    fn stored(&self, position: u64, meant: Option<Instant>) {
        let mut state = self.state();
        if position <= state.seen {
            state.count(meant);
        } else {
            state.waiting.insert(position, meant);
            self.more.notify_one();
        }
    }

    fn all_posted(&self) {
        self.state().posted = true;
        self.more.notify_waiters();
        self.more.notify_one();
    }

    /// The view was seen as of a position.
    fn seen(&self, position: u64) {
        let mut state = self.state();
        state.seen = state.seen.max(position);
        let later = state.waiting.split_off(&(position + 1));
        for meant in std::mem::replace(&mut state.waiting, later).into_values() {
            state.count(meant);
        }
    }

    /// The next position to look for; none when there will be no more.
    async fn next(&self) -> Option<u64> {
        loop {
            let more = self.more.notified();
            {
                let mut state = self.state();
                let next = state.waiting.range(state.looked_for + 1..).next();
                if let Some((&position, _)) = next {
                    state.looked_for = position;
                    return Some(position);
                }
                if state.posted {
                    // Others who wait must hear of it as well.
                    self.more.notify_one();
                    return None;
                }
            }
            more.await;
        }
    }
}

impl State {
    fn count(&mut self, meant: Option<Instant>) {
        if let Some(meant) = meant {
            record(&mut self.latencies, meant.elapsed());
        }
    }
}

pub(super) async fn round(bench: Bench, rate: u64) -> Result<Measured> {
    let site = Site::fresh(&bench, Whom::Ours).await?;
    let served = site.open(&bench, ALL_ROLES).await?;
    let mut client = Client::one(served.address()).await?;
    let mut newest = 0;
    for number in 0..FIRST {
        newest = post(&mut client, &format!("first-{number}")).await?;
        show_when_built(&mut client, "first-0", newest).await?;
    }
    let (all, warm_up) = ticks(&bench, rate);
    let posting = Client::many(served.address(), Version::One, LANES).await?;
    let looking = Client::many(served.address(), Version::One, LOOKS).await?;
    let unseen = Arc::new(Unseen::new(newest)?);
    let sampler = Sampler::begin(&bench, &[served.pid()]);
    let metronome = tick(rate, all);
    let mut posters = JoinSet::new();
    for client in posting {
        posters.spawn(poster(
            client,
            metronome.clone(),
            Arc::clone(&unseen),
            warm_up,
        ));
    }
    let mut lookers = JoinSet::new();
    for client in looking {
        lookers.spawn(looker(client, Arc::clone(&unseen)));
    }
    let seen = async {
        while let Some(ended) = posters.join_next().await {
            ended??;
        }
        unseen.all_posted();
        while let Some(ended) = lookers.join_next().await {
            ended??;
        }
        Ok::<_, anyhow::Error>(())
    };
    tokio::time::timeout(LIMIT, seen)
        .await
        .with_context(|| format!("not everything was seen within {LIMIT:?}"))??;
    let taken = sampler.end();
    drop(served);
    site.check(&bench, FIRST + all).await?;
    let latencies = unseen.state().latencies.clone();
    ensure!(
        latencies.len() == all - warm_up,
        "{} were seen of {}",
        latencies.len(),
        all - warm_up
    );
    Ok(measured(latencies).and_all(taken))
}

async fn poster(
    mut client: Client,
    metronome: Metronome,
    unseen: Arc<Unseen>,
    warm_up: u64,
) -> Result<()> {
    loop {
        let Some(tick) = metronome.lock().await.recv().await else {
            return Ok(());
        };
        let position = post(&mut client, &format!("sku-{}", tick.number)).await?;
        unseen.stored(position, (tick.number >= warm_up).then_some(tick.meant));
    }
}

async fn post(client: &mut Client, sku: &str) -> Result<u64> {
    let answer = client
        .ask(&Whom::Ours.receive(sku, 1))
        .await?
        .must_be(201)?;
    answer.position.context("an answer has a position")
}

async fn looker(mut client: Client, unseen: Arc<Unseen>) -> Result<()> {
    while let Some(position) = unseen.next().await {
        let show = Whom::Ours.show("first-0").at_least(position);
        let answer = client.ask(&show).await?.must_be(200)?;
        unseen.seen(answer.position.context("a document has a position")?);
    }
    Ok(())
}
