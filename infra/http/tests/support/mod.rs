//! A mall on memory adapters, served over real TCP.

#![expect(dead_code, reason = "each test binary uses its own part of the bed")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use inventory::Stock;
use jangbu_http::{Component, Condition, Health, Http, HttpOptions, ServeOptions, router, serve};
use jangbu_runtime::execute::{Engine, EngineOptions, Execute, Failure, Pending, Submission};
use jangbu_runtime::memory::documents::MemoryDocuments;
use jangbu_runtime::memory::store::{MemoryDatabase, MemoryStore, NoFaults};
use jangbu_runtime::ports::{Documents, EventStore, SystemClock};
use jangbu_runtime::project::definition_of;
use jangbu_runtime::system::{System, context, system};
use order::Order;
use projections::{order_status, stock_levels};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const ORDER: &str = "0198c5a0-7b1c-7cc4-9d5c-2f1f3a0f4a11";
pub const CUSTOMER: &str = "0198c5a0-7b1c-7cc4-9d5c-2f1f3a0f4a22";

pub fn shop() -> System {
    system("mall")
        .context(context("order").core().aggregate::<Order>())
        .context(context("inventory").core().aggregate::<Stock>())
        .view(order_status())
        .view(stock_levels())
}

/// The body of an order for one line.
pub fn order_for(sku: &str, quantity: u64) -> Value {
    json!({
        "customer": CUSTOMER,
        "lines": [{ "sku": sku, "quantity": quantity, "unit_price": { "amount": 1000, "currency": "KRW" } }],
        "ship_to": { "recipient": "Anne", "street": "1 Jongno", "city": "Seoul", "postcode": "03154", "country": "KR" },
    })
}

/// A process that is well, unless its store is not.
pub struct Well;

impl Health for Well {
    fn components(&self) -> Vec<Component> {
        vec![Component::new("store", Condition::Up, "answers")]
    }

    fn has_started(&self) -> bool {
        true
    }
}

/// An engine that always fails in the same way.
pub struct Failing(pub Failure);

impl Execute for Failing {
    fn submit(&self, _: Submission) -> Pending {
        Pending::ready(Err(self.0.clone()))
    }
}

/// An engine that never answers.
pub struct Silent(pub std::sync::Mutex<Vec<Box<dyn std::any::Any + Send>>>);

impl Silent {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(std::sync::Mutex::default()))
    }
}

impl Execute for Silent {
    fn submit(&self, _: Submission) -> Pending {
        let (sender, pending) = Pending::channel();
        self.0.lock().unwrap().push(Box::new(sender));
        pending
    }
}

/// What a test may want to be otherwise.
pub struct Wishes {
    pub execute: Option<Arc<dyn Execute>>,
    pub health: Arc<dyn Health>,
    pub options: HttpOptions,
    pub serving: ServeOptions,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            execute: None,
            health: Arc::new(Well),
            options: HttpOptions::default(),
            serving: ServeOptions {
                drain: Duration::from_secs(2),
                ..ServeOptions::default()
            },
        }
    }
}

/// The mall, served.
pub struct Bed {
    pub address: SocketAddr,
    pub client: Client,
    pub system: Arc<System>,
    pub store: Arc<MemoryStore>,
    pub documents: MemoryDocuments,
    pub cancel: CancellationToken,
    pub served: JoinHandle<()>,
    _engine: JoinHandle<()>,
}

impl Bed {
    pub async fn new() -> Self {
        Self::with(Wishes::default()).await
    }

    pub async fn with(wishes: Wishes) -> Self {
        let system = Arc::new(shop());
        let database = MemoryDatabase::new("mall", Arc::new(SystemClock));
        let store = MemoryStore::connect(&database, Arc::new(NoFaults));
        let documents = MemoryDocuments::new();
        let cancel = CancellationToken::new();
        let (engine, running) = Engine::new(
            Arc::clone(&system),
            store.clone(),
            Arc::new(SystemClock),
            EngineOptions::default(),
            CancellationToken::new(),
        );
        let http = Http {
            system: Arc::clone(&system),
            execute: wishes.execute.unwrap_or_else(|| Arc::new(engine)),
            store: store.clone(),
            documents: Arc::new(documents.clone()),
            health: wishes.health,
            metrics: Arc::new(|| "# nothing yet\n".to_owned()),
            clock: Arc::new(SystemClock),
            options: wishes.options,
            closing: cancel.clone(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = serve(listener, router(http), cancel.clone(), wishes.serving);
        let bed = Self {
            address,
            client: Client::builder().no_proxy().build().unwrap(),
            system,
            store,
            documents,
            cancel,
            served: tokio::spawn(serving),
            _engine: tokio::spawn(running),
        };
        bed.carry_views().await;
        bed
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, path).json(body)
    }

    /// Brings goods in; answers the position.
    pub async fn receive(&self, sku: &str, quantity: u64) -> u64 {
        let path = format!("/commands/stock/{sku}/receive");
        let answer = self
            .post(&path, &json!({ "quantity": quantity }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 201);
        position(&answer)
    }

    /// Folds everything that is stored into the views, as the projector would.
    pub async fn carry_views(&self) {
        for view in self.system.views() {
            let definition = definition_of(&**view);
            self.documents.prepare(&definition).await.unwrap();
            let mut lease = self.documents.lease(&definition).await.unwrap().unwrap();
            let from = lease.position().await.unwrap();
            let events = self.store.read(from, 10_000).await.unwrap();
            let mut batch = view.batch();
            for told in &events {
                batch.hear(told).unwrap();
            }
            let found = lease.documents(&batch.keys()).await.unwrap();
            let changes = batch.fold(found).unwrap();
            let to = from + events.len() as u64;
            lease.commit(from, to, &changes).await.unwrap();
            assert!(self.documents.take_over(&definition).await.unwrap());
            lease.end().await;
        }
    }
}

pub fn position(answer: &Response) -> u64 {
    answer.headers()["position"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap()
}

/// The problem an answer is, checked for what every problem must have.
pub async fn problem(answer: Response) -> Value {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status);
    for field in ["type", "title", "detail"] {
        assert!(
            problem[field].as_str().is_some_and(|text| !text.is_empty()),
            "{problem}"
        );
    }
    problem
}
