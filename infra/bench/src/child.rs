//! A mall in a process of its own, ours or the peer's: started, waited for until it says where it listens, and killed when
//! dropped.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jangbu_postgres::testing::Fresh;

use crate::acting::{AS_JANGBU, AS_PEER};
use crate::bench::Bench;
use crate::http::{Client, get};

/// A first start migrates, makes topics and joins groups, on a machine that may be busy.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks whether it is ready.
const LOOK: Duration = Duration::from_millis(20);
/// Lines of its talk that are kept for a failure.
const KEPT_LINES: usize = 30;
/// With it every process says where it listens.
const LISTENS: &str = "listening on http://";

/// Every role there is.
pub const ALL_ROLES: &str = "http,relay,policies,views";

/// A process that serves HTTP.
pub struct Served {
    child: Child,
    address: SocketAddr,
    said: Said,
}

type Said = Arc<Mutex<VecDeque<String>>>;

impl Served {
    /// `jangbu run` with some roles on a store, ready to serve.
    pub async fn ours(bench: &Bench, store: &Fresh, prefix: &str, roles: &str) -> Result<Self> {
        let mut command = command(AS_JANGBU)?;
        command
            .args([
                "run",
                "--migrate",
                "--http",
                "127.0.0.1:0",
                "--roles",
                roles,
            ])
            .env("JANGBU_DATABASE__URL", &store.url)
            .env("JANGBU_DATABASE__OWNER_URL", &store.owner_url)
            .env("JANGBU_KAFKA__BROKERS", bench.servers.brokers())
            .env("JANGBU_KAFKA__PREFIX", prefix);
        let served = Self::start(command).await?;
        served.ready().await?;
        Ok(served)
    }

    /// The peer's mall on a database whose tables stand.
    pub async fn peer(url: &str) -> Result<Self> {
        let mut command = command(AS_PEER)?;
        command.arg(url);
        Self::start(command).await
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn start(mut command: Command) -> Result<Self> {
        let mut child = command.spawn().context("the harness cannot start itself")?;
        let said = Said::default();
        let talk = child.stderr.take().context("its stderr is ours")?;
        let kept = Arc::clone(&said);
        let (told, address) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || listen(talk, &kept, told));
        let address = match tokio::time::timeout(START_LIMIT, address).await {
            Ok(Ok(address)) => address,
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                bail!("a mall did not start; it said last:\n{}", last_words(&said))
            }
        };
        Ok(Self {
            child,
            address,
            said,
        })
    }

    /// Waits until its health says that it is ready.
    async fn ready(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let answer = async {
                let mut client = Client::one(self.address).await?;
                client.ask(&get("/health/ready")).await
            };
            match answer.await {
                Ok(answer) if answer.status == 200 => return Ok(()),
                _ if begun.elapsed() < START_LIMIT => tokio::time::sleep(LOOK).await,
                Ok(answer) => bail!(
                    "the mall is not ready: {} {}; it said last:\n{}",
                    answer.status,
                    String::from_utf8_lossy(&answer.body),
                    last_words(&self.said)
                ),
                Err(error) => return Err(error.context(last_words(&self.said))),
            }
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This program as another one, without the settings of whoever runs the harness.
fn command(role: &str) -> Result<Command> {
    let this = std::env::current_exe().context("the harness does not know where it lies")?;
    let mut command = Command::new(this);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("JANGBU_") {
            command.env_remove(name);
        }
    }
    command
        .arg(role)
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Ok(command)
}

fn listen(
    talk: impl std::io::Read,
    said: &Mutex<VecDeque<String>>,
    told: tokio::sync::oneshot::Sender<SocketAddr>,
) {
    let mut told = Some(told);
    for line in BufReader::new(talk).lines().map_while(Result::ok) {
        let address = line.split_once(LISTENS).map(|(_, rest)| rest.trim());
        if let Some(Ok(address)) = address.map(str::parse)
            && let Some(told) = told.take()
        {
            let _ = told.send(address);
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() == KEPT_LINES {
            said.pop_front();
        }
        said.push_back(line);
    }
}

fn last_words(said: &Said) -> String {
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    said.iter().cloned().collect::<Vec<_>>().join("\n")
}
