//! Where a mall stands: a database, a broker and a prefix of its own; and the subcommands run against them.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use jangbu_local::{OwnServers, TestBed};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::binary::jangbu;

/// The role that may append and read; `migrate` makes it where it is missing.
const APP_ROLE: &str = "jangbu_app";
/// What the application connects as, as it would in production: it owns nothing.
const LOGIN: &str = "mall";

/// Where a mall stands.
pub struct Site {
    owner: String,
    url: String,
    brokers: String,
    prefix: String,
    folder: TempDir,
    logs: AtomicU32,
}

impl Site {
    /// On the servers that all tests of this binary share.
    pub async fn shared() -> Self {
        let bed = TestBed::get().await;
        Self::on(
            bed.fresh_database().await,
            bed.brokers(),
            bed.fresh_prefix(),
        )
        .await
    }

    /// On servers that this test may kill.
    pub async fn of(servers: &OwnServers) -> Self {
        let owner = servers.fresh_database("mall").await;
        Self::on(owner, servers.kafka.brokers(), "mall.".to_owned()).await
    }

    async fn on(owner: String, brokers: String, prefix: String) -> Self {
        make_login(&owner).await;
        let url = owner.replacen("postgres@", &format!("{LOGIN}@"), 1);
        assert_ne!(owner, url, "the superuser is called postgres");
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self {
            owner,
            url,
            brokers,
            prefix,
            folder,
            logs: AtomicU32::new(0),
        }
    }

    /// What clients of Kafka take as `bootstrap.servers`.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The topic of an aggregate type.
    #[must_use]
    pub fn topic(&self, aggregate: &str) -> String {
        format!("{}{aggregate}", self.prefix)
    }

    /// A connection as the superuser: tests look at everything and damage some of it.
    pub async fn sql(&self) -> PgConnection {
        PgConnection::connect(&self.owner)
            .await
            .expect("the database answers")
    }

    /// `jangbu <arguments>` for this site, not started yet. Nothing of the caller's own configuration reaches it.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(jangbu());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("JANGBU_") {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("JANGBU_DATABASE__URL", &self.url)
            .env("JANGBU_DATABASE__OWNER_URL", &self.owner)
            .env("JANGBU_KAFKA__BROKERS", &self.brokers)
            .env("JANGBU_KAFKA__PREFIX", &self.prefix)
            .stdin(Stdio::null());
        command
    }

    /// Runs a subcommand to its end, whatever that is.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("running a command does not panic")
            .expect("jangbu can be run")
    }

    /// Runs a subcommand that must succeed; what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub async fn must_run(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let (said, talked) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "jangbu {arguments:?} failed: {said}\n{talked}"
        );
        said.into_owned()
    }

    /// A new file in this site's folder, for one process to talk into.
    pub(crate) fn log_file(&self) -> std::path::PathBuf {
        let number = self.logs.fetch_add(1, Ordering::Relaxed);
        self.folder().join(format!("jangbu-{number}.log"))
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Roles belong to the whole server, so the tests of one binary share this one.
async fn make_login(owner: &str) {
    let mut connection = PgConnection::connect(owner)
        .await
        .expect("the database answers");
    for role in [format!("{APP_ROLE} NOLOGIN"), format!("{LOGIN} LOGIN")] {
        let sql = format!(
            "DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        connection.execute(sql.as_str()).await.expect("a role");
    }
    let sql = format!(
        "DO $$ BEGIN GRANT {APP_ROLE} TO {LOGIN}; EXCEPTION WHEN unique_violation THEN NULL; END $$"
    );
    connection
        .execute(sql.as_str())
        .await
        .expect("a membership");
}
