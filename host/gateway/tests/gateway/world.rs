//! A gateway that runs, with all that it stands on in reach of the test.

use crate::fakes::*;
use crate::jobs::FakeJobs;
use crate::proposals::FakeDesk;
use crate::recall::{FakeArticles, FakeFacts};
use crate::terminal::FakeConsole;
use crate::wire::{Hello, Socket};
use sha2::{Digest as _, Sha256};
use skynet_agent::{Agent, Planner, Ports, Settings, prompt::Workspace};
use skynet_core::access::TokenRow;
use skynet_core::config::{AgentConfig, GatewayConfig, RatesConfig};
use skynet_gateway::{Gateway, GatewayParts, Herald, Readiness};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The owner's token.
pub(crate) const OWNER: &str = "owner-token-0123456789abcdefghijklmnopqrstu";
/// A token that may only read.
pub(crate) const READER: &str = "reader-token-0123456789abcdefghijklmnopqrs";

pub(crate) const START_MS: u64 = 1_772_456_700_000;

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) snapshot: Arc<FakeSnapshot>,
    pub(crate) memory: Arc<FakeMemory>,
    pub(crate) facts: Arc<FakeFacts>,
    pub(crate) articles: Arc<FakeArticles>,
    pub(crate) access: Arc<FakeAccess>,
    pub(crate) admin: Arc<FakeAdmin>,
    pub(crate) audit: Arc<FakeAudit>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) jobs: Arc<FakeJobs>,
    pub(crate) herald: Herald,
    pub(crate) desk: Arc<FakeDesk>,
    pub(crate) console: Arc<FakeConsole>,
    pub(crate) readiness: Arc<Mutex<Readiness>>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) served: Option<JoinHandle<()>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        Self::of(RatesConfig::default(), change).await
    }

    pub(crate) async fn of(rates: RatesConfig, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let mut config = GatewayConfig { port: 0, ..GatewayConfig::default() };
        change(&mut config);
        let snapshot = FakeSnapshot::new();
        let memory = Arc::new(FakeMemory::default());
        let (facts, articles) = (Arc::new(FakeFacts::default()), Arc::new(FakeArticles::default()));
        let access = Arc::new(FakeAccess::default());
        let audit = Arc::new(FakeAudit::default());
        let admin = Arc::new(FakeAdmin::default());
        let clock = Arc::new(FakeClock(AtomicU64::new(START_MS)));
        let jobs = Arc::new(FakeJobs::default());
        let desk = Arc::new(FakeDesk::default());
        let console = Arc::new(FakeConsole::default());
        let planner = Planner::new(jobs.clone(), clock.clone(), Some("Europe/Berlin".into()));
        for (name, token, scopes) in [("owner", OWNER, "operator.admin"), ("reader", READER, "operator.read")] {
            let row = TokenRow { name: name.into(), scopes: vec![scopes.into()], created_ms: 0 };
            access.tokens.lock().unwrap().push((Sha256::digest(token).into(), row));
        }
        let ports = Ports {
            registry: Arc::new(FakeRegistry(snapshot.clone())),
            memory: memory.clone(),
            facts: facts.clone(),
            audit: audit.clone(),
            clock: clock.clone(),
        };
        let agent = Agent::new(ports, Settings { agent: AgentConfig::default(), prompt: Arc::new(Workspace::from_files(vec![])) });
        let readiness = Arc::new(Mutex::new(Readiness::default()));
        let ready = readiness.clone();
        let parts = GatewayParts {
            agent,
            memory: memory.clone(),
            facts: facts.clone(),
            articles: articles.clone(),
            access: access.clone(),
            admin: admin.clone(),
            approvals: desk.clone(),
            console: console.clone(),
            schedule: Arc::new(planner),
            audit: audit.clone(),
            clock: clock.clone(),
            config,
            rates,
            version: "9.9.9".into(),
            commit: Some("c0ffee".into()),
            ready: Arc::new(move || ready.lock().unwrap().clone()),
            state_dir: Some("state".into()),
        };
        let gateway = Gateway::bind(parts).await.unwrap();
        let (address, herald) = (gateway.local_addr(), gateway.herald());
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.await;
            };
            gateway.serve(shutdown).await.unwrap();
        });
        Self {
            address,
            snapshot,
            memory,
            facts,
            articles,
            access,
            admin,
            audit,
            clock,
            jobs,
            herald,
            desk,
            console,
            readiness,
            stop: Some(stop),
            served: Some(served),
        }
    }

    /// The next answers of the model.
    pub(crate) fn script(&self, answers: impl IntoIterator<Item = Vec<Say>>) {
        self.snapshot.script.lock().unwrap().extend(answers);
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.clock.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// A socket before its handshake.
    pub(crate) async fn dial(&self) -> Socket {
        Socket::dial(self.address, "/", &[]).await.unwrap()
    }

    /// The owner, with every scope.
    pub(crate) async fn owner(&self) -> Socket {
        self.connect(Hello::new()).await.0
    }

    /// A backend client with these scopes.
    pub(crate) async fn scoped(&self, scopes: &[&str]) -> Socket {
        self.connect(Hello::new().scopes(scopes)).await.0
    }

    /// A client that must get in; gives the payload of its hello.
    pub(crate) async fn connect(&self, hello: Hello) -> (Socket, serde_json::Value) {
        let mut socket = self.dial().await;
        let answer = socket.hello(hello).await;
        assert_eq!(answer["ok"], true, "{answer}");
        (socket, answer["payload"].clone())
    }

    /// Ends the gateway and waits for it.
    pub(crate) async fn shutdown(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.served.take().unwrap().await.unwrap();
    }
}
