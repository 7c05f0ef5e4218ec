//! A real PostgreSQL: made, started, asked whether it answers.

mod data;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

pub(crate) use wire::Wire;

use crate::account::Account;
use crate::fetch::Parts;
use crate::folders;
use crate::log_file::LogFile;
use crate::news::Teller;
use crate::ports::Port;
use crate::process;
use crate::server::{Kind, Server, ServerError};
use crate::supervisor::{Ending, Order};

const NAME: &str = "PostgreSQL";
const DATA: &str = "data";

/// Enough for a test binary with a pool per test, and for a developer's dozen processes.
const MAX_CONNECTIONS: u32 = 200;

/// What to start.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Where everything of this server lies: data, log, pid file.
    pub folder: PathBuf,
    /// Where it listens.
    pub port: Port,
    /// Off only where nothing is to survive; tests keep it on, they test durability.
    pub fsync: bool,
    /// The folder is removed when this process is gone.
    pub temporary: bool,
}

/// A running PostgreSQL of ours. It ends when the last clone is dropped, or with this process.
#[derive(Clone)]
pub struct Postgres {
    server: Server,
}

impl Postgres {
    /// Starts a PostgreSQL, making its data first where there are none. Blocks for a second or two.
    pub fn start(
        parts: &Parts,
        options: PostgresOptions,
        tell: &Teller,
    ) -> Result<Self, ServerError> {
        let account = Account::to_drop_to()?;
        let folder = folders::make(&options.folder)?;
        folders::check_reach(&folder)?;
        if let Some(account) = account {
            account.own(&folder).map_err(ServerError::doing(format!(
                "hand over {}",
                folder.display()
            )))?;
        }
        let kind = PostgresKind {
            parts: parts.clone(),
            folder,
            account,
            fsync: options.fsync,
            temporary: options.temporary,
        };
        Ok(Self {
            server: Server::start(Box::new(kind), options.port, tell)?,
        })
    }

    /// Where clients connect, as the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// Where clients connect to `database`, as the superuser.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port())
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// The postmaster's process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.server.pid()
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.server.log()
    }

    /// Whether the postmaster lives.
    pub async fn is_running(&self) -> bool {
        self.server.is_running().await
    }

    /// Ends it in order: sessions are ended, everything is written. Whether it ended by itself within the limit.
    pub async fn stop(&self) -> bool {
        self.server.stop().await
    }

    /// kill -9 of the postmaster, as a crash would be. Its sessions notice by themselves, a moment later.
    pub async fn kill(&self) {
        self.server.kill().await;
    }

    /// Starts it after [`Self::kill`] or [`Self::stop`], on the same port and data.
    pub async fn start_again(&self) -> Result<(), ServerError> {
        self.server.start_again().await
    }

    /// Runs one statement of SQL in `database` and returns its rows as text: enough to make a database without a driver.
    pub async fn query(
        &self,
        database: &str,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>, ServerError> {
        let (port, database, sql) = (self.port(), database.to_owned(), sql.to_owned());
        let asked =
            tokio::task::spawn_blocking(move || Wire::connect(port, &database)?.query(&sql)).await;
        asked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
    }
}

/// Ends a PostgreSQL that an earlier run left alive on `folder`. For whoever is about to remove the folder.
pub(crate) fn end_orphan(folder: &Path) -> Result<Option<u32>, ServerError> {
    let data = folder.join(DATA);
    let ended = process::end_stale(folder, &data, Signal::INT)
        .map_err(|pid| ServerError::Stale { server: NAME, pid })?;
    data::judge_postmaster_pid(&data)?;
    Ok(ended)
}

struct PostgresKind {
    parts: Parts,
    folder: PathBuf,
    account: Option<Account>,
    fsync: bool,
    temporary: bool,
}

impl Kind for PostgresKind {
    fn name(&self) -> &'static str {
        NAME
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    /// Fast shutdown. SIGTERM would wait for clients to leave.
    fn gentle(&self) -> Signal {
        Signal::INT
    }

    fn end_stale(&self) -> Result<Option<u32>, ServerError> {
        end_orphan(&self.folder)
    }

    fn prepare(&self) -> Result<(), ServerError> {
        let initdb = self.parts.postgres_program("initdb");
        data::make(
            &initdb,
            &self.data(),
            self.account,
            self.fsync && !self.temporary,
        )
    }

    fn order(&self, port: u16, log: std::fs::File) -> Result<Order, ServerError> {
        let settings = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            // No socket in the file system: its path has a limit of length, and nobody needs it.
            "unix_socket_directories=".to_owned(),
            format!("max_connections={MAX_CONNECTIONS}"),
            format!("fsync={}", if self.fsync { "on" } else { "off" }),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
            "logging_collector=off".to_owned(),
        ];
        let mut arguments = vec!["-D".into(), self.data().into()];
        arguments.extend(
            settings
                .into_iter()
                .flat_map(|setting| ["-c".into(), setting.into()]),
        );
        let ending = if self.temporary {
            // Immediate shutdown: nothing is written, but shared memory is given back.
            Ending {
                signal: "QUIT",
                grace: Duration::from_secs(2),
                remove: Some(self.folder.clone()),
            }
        } else {
            Ending {
                signal: "INT",
                grace: Duration::from_secs(4),
                remove: None,
            }
        };
        let program = self.parts.postgres_program("postgres");
        Ok(Order {
            program,
            arguments,
            folder: self.folder.clone(),
            log,
            account: self.account,
            ending,
        })
    }

    fn answers(&self, port: u16, pid: u32) -> bool {
        data::says_ready(&self.data(), pid) && Wire::connect(port, "postgres").is_ok()
    }

    /// Sessions of a killed postmaster hold its shared memory until they notice.
    fn met_remains(&self, log: &LogFile) -> bool {
        log.says("pre-existing shared memory block")
    }
}

impl PostgresKind {
    fn data(&self) -> PathBuf {
        self.folder.join(DATA)
    }
}
