//! The real door between stand-ins for everything around it: names, the internet, the
//! audit log and the secrets. Addresses lead to servers of the test on loopback.

use super::super::budget::HttpBudget;
use super::super::dial::Tcp;
use super::super::door::{Door, Errand, Outside};
use super::super::resolve::Resolver;
use super::super::wire::Wire;
use crate::staged::Staged;
use crate::validity::Granted;
use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use rustls::RootCertStore;
use serde_json::{Value, json};
use skynet_core::ports::{Audit, AuditRow, Clock};
use skynet_core::secret::{OpenSecret, SecretFault, SecretValue, Secrets};
use skynet_core::{Generation, PluginId, PluginRef, StoreError};
use skynet_policy::permission::Permissions;
use skynet_policy::scrub::Known;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpStream;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// A public address that the stage leads to the test's own server.
pub(super) const PUBLIC: &str = "93.184.216.34";

/// Answers one after the other, the last one for good; an empty list never answers.
#[derive(Default)]
pub(super) struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let answer = {
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
        };
        match answer {
            Some(addresses) => Ok(addresses),
            None => std::future::pending().await,
        }
    }
}

/// Leads every address to one server, and remembers which were dialled.
pub(super) struct Internet {
    server: SocketAddr,
    dialled: Mutex<Vec<SocketAddr>>,
}

#[async_trait]
impl Wire for Internet {
    async fn open(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        self.dialled.lock().unwrap().push(address);
        Tcp.open(self.server).await
    }
}

/// Keeps rows in memory.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<AuditRow>>);

impl Log {
    /// All of them, oldest first.
    pub(super) fn rows(&self) -> Vec<AuditRow> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Audit for Log {
    async fn record(&self, row: AuditRow) -> Result<(), StoreError> {
        self.0.lock().unwrap().push(row);
        Ok(())
    }

    async fn tail(&self, _: usize) -> Result<Vec<(u64, u64, AuditRow)>, StoreError> {
        Ok(Vec::new())
    }
}

/// Time that stands still.
struct Stopped;

#[async_trait]
impl Clock for Stopped {
    fn now_ms(&self) -> u64 {
        0
    }

    async fn sleep(&self, _: Duration) {}
}

/// One value for each name.
struct OneSecret;

#[async_trait]
impl Secrets for OneSecret {
    async fn open(&self, _: &PluginId, _: &str) -> Result<OpenSecret, SecretFault> {
        Ok(OpenSecret { value: SecretValue::new("hunter2".to_owned()), version: 1, servers: Vec::new() })
    }
}

/// The door and what is around it.
pub(super) struct Stage {
    pub(super) door: Door,
    pub(super) log: Arc<Log>,
    /// The values that the door knows.
    pub(super) known: Known,
    names: Arc<Names>,
    net: Arc<Internet>,
    permissions: Arc<Permissions>,
}

impl Stage {
    /// All names resolve to `answers`, one after the other; `granted` is as in a grant.
    pub(super) fn new(server: SocketAddr, answers: &[&[&str]], granted: Value) -> Self {
        Self::trusting(RootCertStore::empty(), server, answers, granted)
    }

    /// With any public server granted over plain HTTP, and all names at `PUBLIC`.
    pub(super) fn open(server: SocketAddr) -> Self {
        Self::new(server, &[&[PUBLIC]], json!({"net": [{"url": "http://*"}]}))
    }

    pub(super) fn trusting(roots: RootCertStore, server: SocketAddr, answers: &[&[&str]], granted: Value) -> Self {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        let names = Arc::new(Names { answers: Mutex::new(answers.collect()), asked: Mutex::default() });
        let net = Arc::new(Internet { server, dialled: Mutex::default() });
        let log = Arc::<Log>::default();
        let outside = Outside { resolver: names.clone(), wire: net.clone(), roots: Arc::new(move || roots.clone()) };
        let known = Known::default();
        let door = Door::new(outside, Arc::new(OneSecret), known.clone(), log.clone());
        Self { door, log, known, names, net, permissions: Arc::new(serde_json::from_value(granted).unwrap()) }
    }

    /// With a tape in place of servers, or beside them.
    pub(super) fn on_tape(mut self, staged: &Arc<Staged>) -> Self {
        self.door = self.door.staged(Some(Arc::clone(staged)));
        self
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.names.asked.lock().unwrap().clone()
    }

    pub(super) fn dialled(&self) -> Vec<SocketAddr> {
        self.net.dialled.lock().unwrap().clone()
    }

    /// Audit rows of one kind, oldest first.
    pub(super) fn rows(&self, kind: &str) -> Vec<AuditRow> {
        self.log.rows().into_iter().filter(|row| row.kind == kind).collect()
    }

    /// A new call of `acme/NAME`.
    pub(super) fn errand(&self, name: &str) -> Errand {
        let id = PluginId::new(&format!("acme/{name}")).unwrap();
        let plugin = PluginRef { id, version: semver::Version::new(1, 0, 0), generation: Generation(7) };
        let (permissions, budget) = (Arc::clone(&self.permissions), Arc::<HttpBudget>::default());
        let granted = Arc::new(Granted { validity: Arc::default(), withheld: Arc::default(), clock: Arc::new(Stopped) });
        Errand { plugin, permissions, budget, granted, options: RequestOptions::default() }
    }

    /// Sends in a call of its own.
    pub(super) async fn send(&self, request: http::Request<WasiBody>) -> Result<http::Response<WasiBody>, Error> {
        self.door.send(self.errand("tool"), request).await
    }

    /// Gets a page in a call of its own: status and body.
    pub(super) async fn get(&self, url: &str) -> Result<String, Error> {
        self.get_in(self.errand("tool"), url).await
    }

    pub(super) async fn get_in(&self, errand: Errand, url: &str) -> Result<String, Error> {
        text(self.door.send(errand, get(url)).await?).await
    }

    /// Gets a page; the error must be the one of this text.
    pub(super) async fn fails(&self, url: &str, error: &str) {
        let found = self.get(url).await.unwrap_err().to_string();
        assert!(found.contains(error), "{url}: {found}, not {error}");
    }
}

/// Status and body.
pub(super) async fn text(response: http::Response<WasiBody>) -> Result<String, Error> {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?;
    assert!(body.trailers().is_none(), "trailers came through");
    Ok(format!("{status} {}", String::from_utf8_lossy(&body.to_bytes())))
}

pub(super) fn get(url: &str) -> http::Request<WasiBody> {
    http::Request::get(url).body(no_body()).unwrap()
}

pub(super) fn no_body() -> WasiBody {
    Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn body(text: &'static str) -> WasiBody {
    Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync()
}
