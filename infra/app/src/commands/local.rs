//! `jangbu local` (and `cargo run`): real PostgreSQL, real Kafka and the whole mall on this machine.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jangbu_local::{Local, LocalOptions, Port, to_stderr};
use jangbu_postgres::Login;
use serde::Deserialize;

use super::settings;
use crate::cli::{Common, LocalArgs, Role};
use crate::config::Settings;
use crate::lifecycle::{self, Mall, Options};

/// The database made for the mall in its own PostgreSQL.
const DATABASE: &str = "mall";
/// The login of the application: it may append and read, and owns nothing.
const LOGIN: &str = "jangbu";

pub(super) async fn local(common: &Common, args: LocalArgs) -> anyhow::Result<ExitCode> {
    let mut settings = settings(common, Vec::new())?;
    let telemetry = lifecycle::telemetry(&settings)?;
    if args.fresh && !args.yes && !asked_to_wipe(&args)? {
        eprintln!("nothing was wiped");
        return Ok(ExitCode::SUCCESS);
    }
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let options = LocalOptions {
        data: args.data.clone(),
        fresh: args.fresh,
        kafka: port(args.kafka)?,
        postgres: port(args.postgres)?,
        given_database: given(&settings.database.url),
        given_brokers: given(&settings.kafka.brokers),
    };
    let local = Local::start(options, to_stderr()).await?;
    let outcome = run_on(&local, &mut settings, args.http, telemetry).await;
    if !local.stop().await {
        eprintln!("a server did not stop in time and was ended");
    }
    outcome
}

async fn run_on(
    local: &Local,
    settings: &mut Settings,
    http: Option<SocketAddr>,
    telemetry: jangbu_telemetry::Guard,
) -> anyhow::Result<ExitCode> {
    settings.kafka.brokers = local.brokers().to_owned();
    let mut login = None;
    if let Some(postgres) = local.postgres() {
        let there = postgres
            .query(
                "postgres",
                &format!("SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"),
            )
            .await?;
        if there.is_empty() {
            postgres
                .query("postgres", &format!("CREATE DATABASE {DATABASE}"))
                .await?;
        }
        settings.database.owner_url = postgres.url_of(DATABASE);
        settings.database.url = url_of_login(&settings.database.owner_url);
        login = Some(Login {
            name: LOGIN.to_owned(),
            password: None,
        });
    } else {
        settings.database.url = local.database_url().to_owned();
    }
    lifecycle::migrate(settings, login).await?;
    lifecycle::create_topics(settings).await?;
    let options = Options {
        roles: vec![Role::Http, Role::Relay, Role::Policies, Role::Views],
        listen: http.unwrap_or(settings.http.listen),
        give_way: http.is_none(),
        self_heal: true,
    };
    let mall = Mall::start(settings, options, telemetry).await?;
    let address = mall.address().context("the mall listens")?;
    local.note_http(address)?;
    welcome(address, settings);
    let code = tokio::select! {
        code = mall.run_until_signal() => code?,
        (server, log) = local.server_lost() => bail!("{server} ended; its log is {}", log.display()),
    };
    Ok(code)
}

fn port(address: Option<SocketAddr>) -> anyhow::Result<Option<Port>> {
    Ok(match address {
        Some(address) => Some(address.to_string().parse::<Port>()?),
        None => None,
    })
}

/// Asks before everything is lost; without a terminal nobody can answer.
fn asked_to_wipe(args: &LocalArgs) -> anyhow::Result<bool> {
    let folder = match &args.data {
        Some(folder) => folder.clone(),
        None => Local::default_folder()?,
    };
    if !std::io::stdin().is_terminal() {
        bail!(
            "--fresh wipes {}; add --yes where nobody can be asked",
            folder.display()
        );
    }
    eprint!("Wipe everything in {}? [y/N] ", folder.display());
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// The same database as another user.
fn url_of_login(url: &str) -> String {
    match url
        .split_once("://")
        .and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)))
    {
        Some((scheme, (_, host))) => format!("{scheme}://{LOGIN}@{host}"),
        None => url.to_owned(),
    }
}

/// Where everything is, and four lines to paste.
fn welcome(address: SocketAddr, settings: &Settings) {
    let order = uuid::Uuid::now_v7();
    let customer = uuid::Uuid::now_v7();
    eprintln!(
        "
The mall is open.
  HTTP      http://{address}
  Kafka     {brokers}   (topics {prefix}order, {prefix}stock, {prefix}command)
  Postgres  {database}

Receive stock, place an order, read it, follow the events:

curl -i http://{address}/commands/stock/TEA-1/receive -d '{{\"quantity\": 10}}' -H 'Content-Type: application/json'
curl -i http://{address}/commands/order/{order}/place -H 'Content-Type: application/json' -d '{{\"customer\": \"{customer}\", \"lines\": [{{\"sku\": \"TEA-1\", \"quantity\": 2, \"unit_price\": {{\"amount\": 12000, \"currency\": \"KRW\"}}}}], \"ship_to\": {{\"recipient\": \"Anne\", \"street\": \"1 Sejong-daero\", \"city\": \"Seoul\", \"postcode\": \"04524\", \"country\": \"KR\"}}}}'
curl -i http://{address}/views/order_status/{order}
curl -N -H 'Accept: text/event-stream' 'http://{address}/events?from=0'

Ctrl-C stops everything; what was stored is there again at the next start.
",
        brokers = settings.kafka.brokers,
        prefix = settings.kafka.prefix,
        database = settings.database.url,
    );
}

/// What a running `local` wrote down.
#[derive(Deserialize)]
struct Running {
    kafka: String,
    postgres: String,
}

/// Fills in what is not given from the `local` that runs in the default folder, if one does.
pub(super) fn find_running(settings: &mut Settings) -> anyhow::Result<()> {
    let file = Local::default_folder()?.join("local.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Ok(());
    };
    let running: Running = serde_json::from_str(&text)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    if settings.database.url.is_empty() {
        let owner = match running.postgres.rsplit_once('/') {
            Some((server, "postgres")) => format!("{server}/{DATABASE}"),
            _ => running.postgres,
        };
        settings.database.url = url_of_login(&owner);
        settings.database.owner_url = owner;
    }
    if settings.kafka.brokers.is_empty() {
        settings.kafka.brokers = running.kafka;
    }
    Ok(())
}
