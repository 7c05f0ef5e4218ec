//! A running mall: which parts a process runs, in which order they begin and end.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use jangbu_http::{Http, HttpOptions, ServeOptions, check_listen_address, router, serve};
use jangbu_kafka::Kafka;
use jangbu_postgres::Postgres;
use jangbu_runtime::execute::{Engine, EngineOptions};
use jangbu_runtime::follow::{FollowOptions, Follower};
use jangbu_runtime::ports::{Clock, EventStore, SystemClock};
use jangbu_runtime::project::{ProjectOptions, Projector};
use jangbu_runtime::react::{Dependencies, ReactOptions, Reactor};
use jangbu_runtime::relay::{Relay, RelayOptions};
use jangbu_runtime::system::System;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::stages::Stage;
use super::{kafka, postgres};
use crate::cli::Role;
use crate::config::Settings;
use crate::health::MallHealth;
use crate::mall::mall;

/// How long each stage may take to end; together below a supervisor's usual 30 s … 60 s.
const HTTP_ENDS_WITHIN: Duration = Duration::from_secs(10);
const REACTING_ENDS_WITHIN: Duration = Duration::from_secs(25);
const ENGINE_ENDS_WITHIN: Duration = Duration::from_secs(12);
const RELAY_ENDS_WITHIN: Duration = Duration::from_secs(12);

/// What a process is to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its roles.
    pub roles: Vec<Role>,
    /// Where HTTP listens.
    pub listen: SocketAddr,
    /// If that is taken, listen on any free port of the same address.
    pub give_way: bool,
    /// Refill wiped topics without being asked.
    pub self_heal: bool,
}

/// A running mall.
pub struct Mall {
    address: Option<SocketAddr>,
    /// In the order in which they end.
    stages: Vec<Stage>,
    store: Postgres,
    _telemetry: jangbu_telemetry::Guard,
}

/// What all parts of a process lean on.
struct Base {
    system: Arc<System>,
    store: Arc<Postgres>,
    kafka: Arc<Kafka>,
    clock: Arc<dyn Clock>,
    prefix: String,
    health: MallHealth,
}

impl Mall {
    /// Opens the parts and starts the roles.
    ///
    /// # Errors
    /// A part cannot be reached, or the address cannot be had.
    pub async fn start(
        settings: &Settings,
        options: Options,
        telemetry: jangbu_telemetry::Guard,
    ) -> anyhow::Result<Self> {
        // The address first: what cannot be listened on should not have started anything.
        let listener = match options.roles.contains(&Role::Http) {
            true => Some(listen(settings, &options).await?),
            false => None,
        };
        let store = postgres(settings).await?;
        let base = Base {
            system: Arc::new(mall()),
            store: Arc::new(store.clone()),
            kafka: Arc::new(kafka(settings)?),
            clock: Arc::new(SystemClock),
            prefix: settings.kafka.prefix.clone(),
            health: MallHealth::default(),
        };
        let mut http = Stage::new("http", HTTP_ENDS_WITHIN * 2);
        let mut reacting = Stage::new("policies and views", REACTING_ENDS_WITHIN);
        let mut engine = Stage::new("engine", ENGINE_ENDS_WITHIN);
        let mut relay = Stage::new("relay", RELAY_ENDS_WITHIN);

        let execute = base.start_engine(settings, &mut engine);
        for role in &options.roles {
            match role {
                Role::Relay => base.start_relay(settings, &options, &mut relay),
                Role::Policies => base.start_policies(&execute, &mut reacting),
                Role::Views => base.start_views(&mut reacting),
                Role::Http => {}
            }
        }
        let mut address = None;
        if let Some(listener) = listener {
            address = Some(listener.local_addr().context("a listener has an address")?);
            base.start_http(listener, &execute, &telemetry, &mut http);
        }
        base.health.started();
        Ok(Self {
            address,
            stages: vec![http, reacting, engine, relay],
            store,
            _telemetry: telemetry,
        })
    }

    /// Where HTTP listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Runs until the first signal, then drains and ends in order; a second signal ends it at once.
    ///
    /// # Errors
    /// A part broke down.
    pub async fn run_until_signal(mut self) -> anyhow::Result<ExitCode> {
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be heard")?;
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be heard")?;
        let broke = tokio::select! {
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
            () = broken(&mut self.stages) => true,
        };
        eprintln!("ending in order; once more ends at once");
        tokio::select! {
            () = self.end() => {}
            _ = interrupt.recv() => return Ok(ExitCode::FAILURE),
            _ = terminate.recv() => return Ok(ExitCode::FAILURE),
        }
        if broke {
            bail!("a part of the mall broke down; see the log above");
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Ends everything in order: no new requests, then no new reactions, then what is under way, then the relay.
    async fn end(self) {
        for stage in self.stages {
            stage.end().await;
        }
        self.store.close().await;
    }
}

async fn broken(stages: &mut [Stage]) {
    let waits = stages.iter_mut().map(|stage| Box::pin(stage.broken()));
    futures::future::select_all(waits).await;
}

async fn listen(settings: &Settings, options: &Options) -> anyhow::Result<TcpListener> {
    check_listen_address(options.listen, settings.http.listen_without_authentication)?;
    match TcpListener::bind(options.listen).await {
        Ok(listener) => Ok(listener),
        Err(error) if options.give_way && error.kind() == std::io::ErrorKind::AddrInUse => {
            eprintln!(
                "{} is taken; HTTP takes a free port instead",
                options.listen
            );
            let free = SocketAddr::new(options.listen.ip(), 0);
            TcpListener::bind(free).await.context("no port is free")
        }
        Err(error) => {
            Err(error).with_context(|| format!("HTTP cannot listen on {}", options.listen))
        }
    }
}

impl Base {
    fn start_engine(&self, settings: &Settings, stage: &mut Stage) -> Engine {
        let mut options = EngineOptions {
            waiting: settings.engine.waiting.max(1),
            cached: settings.engine.cached_aggregates.max(1),
            snapshot_every: settings.engine.snapshot_every.max(1),
            ..EngineOptions::default()
        };
        if settings.engine.workers > 0 {
            options.workers = settings.engine.workers;
        }
        let (engine, running) = Engine::new(
            Arc::clone(&self.system),
            Arc::clone(&self.store) as Arc<dyn EventStore>,
            Arc::clone(&self.clock),
            options,
            stage.cancel(),
        );
        stage.spawn(running);
        self.health.engine(engine.status());
        engine
    }

    fn start_relay(&self, settings: &Settings, options: &Options, stage: &mut Stage) {
        let mut relaying = RelayOptions::new(&self.prefix, self.system.aggregates());
        relaying.partitions = settings.kafka.partitions;
        relaying.self_heal = options.self_heal;
        let relay = Relay::new(
            self.store.clone(),
            self.kafka.clone(),
            self.store.clone(),
            relaying,
        );
        self.health.relay(relay.status());
        let cancel = stage.cancel();
        stage.spawn(async move { relay.run(cancel).await });
    }

    fn start_policies(&self, engine: &Engine, stage: &mut Stage) {
        let with = Dependencies {
            log: self.kafka.clone(),
            progress: self.store.clone(),
            store: self.store.clone(),
            ledger: self.store.clone(),
            execute: Arc::new(engine.clone()),
            clock: Arc::clone(&self.clock),
        };
        for context in self.system.contexts() {
            let options = ReactOptions {
                prefix: self.prefix.clone(),
                ..ReactOptions::default()
            };
            let reactor = Reactor::new(context, with.clone(), options);
            let cancel = stage.cancel();
            stage.spawn(async move { reactor.run(cancel).await });
        }
    }

    fn start_views(&self, stage: &mut Stage) {
        let follower = Follower::new(self.store.clone(), &FollowOptions::default());
        let projector = Projector::new(
            self.system.views().to_vec(),
            self.store.clone(),
            Arc::clone(&follower),
            ProjectOptions::default(),
        );
        self.health.views(&projector, follower.following());
        let cancel = stage.cancel();
        stage.spawn({
            let cancel = cancel.clone();
            async move { follower.run(cancel).await }
        });
        stage.spawn(async move { projector.run(cancel).await });
    }

    fn start_http(
        &self,
        listener: TcpListener,
        engine: &Engine,
        telemetry: &jangbu_telemetry::Guard,
        stage: &mut Stage,
    ) {
        let cancel = stage.cancel();
        let router = router(Http {
            system: Arc::clone(&self.system),
            execute: Arc::new(engine.clone()),
            store: self.store.clone(),
            documents: self.store.clone(),
            health: Arc::new(self.health.clone()),
            metrics: Arc::new(telemetry.renderer()),
            clock: Arc::clone(&self.clock),
            options: HttpOptions::default(),
            closing: cancel.clone(),
        });
        let options = ServeOptions {
            drain: HTTP_ENDS_WITHIN,
            ..ServeOptions::default()
        };
        stage.spawn(serve(listener, router, cancel, options));
    }
}
