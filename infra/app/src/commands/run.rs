//! `jangbu run`: the mall, or some roles of it, against a given PostgreSQL and Kafka.

use std::process::ExitCode;

use anyhow::bail;

use super::settings;
use crate::cli::{Common, RunArgs};
use crate::config::Flags;
use crate::lifecycle::{self, Mall, Options};

pub(super) async fn run(common: &Common, args: RunArgs) -> anyhow::Result<ExitCode> {
    let mut own = Flags::new();
    if let Some(address) = args.http {
        own.push(("http.listen", address.to_string()));
    }
    if args.listen_without_authentication {
        own.push(("http.listen_without_authentication", "true".to_owned()));
    }
    let settings = settings(common, own)?;
    if settings.database.url.is_empty() {
        bail!(
            "no database is given: set JANGBU_DATABASE__URL or --database-url, or use `jangbu local`"
        );
    }
    if settings.kafka.brokers.is_empty() {
        bail!("no Kafka is given: set JANGBU_KAFKA__BROKERS or --brokers, or use `jangbu local`");
    }
    let telemetry = lifecycle::telemetry(&settings)?;
    if args.migrate {
        lifecycle::migrate(&settings, None).await?;
        lifecycle::create_topics(&settings).await?;
    }
    let options = Options {
        roles: args.roles,
        listen: settings.http.listen,
        give_way: false,
        self_heal: false,
    };
    let mall = Mall::start(&settings, options, telemetry).await?;
    match mall.address() {
        Some(address) => eprintln!("ready; listening on http://{address}"),
        None => eprintln!("ready"),
    }
    mall.run_until_signal().await
}
