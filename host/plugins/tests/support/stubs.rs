//! Stand-ins for the host's surroundings.

use async_trait::async_trait;
use skynet_core::PluginId;
use skynet_core::secret::{OpenSecret, SecretFault, SecretValue, Secrets};
use skynet_plugins::Resolver;
use skynet_plugins::compile::{CompileError, Compiler, InProcess};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;

/// Secrets by `plugin/name`, with the servers that they are bound to. Whoever asks for the
/// one named `pause` waits at the gate first.
#[derive(Default)]
pub(crate) struct SetSecrets {
    pub(crate) set: BTreeMap<(PluginId, String), (String, Vec<String>)>,
    pub(crate) gate: Option<Arc<Gate>>,
}

/// Where something waits until a test lets it go on.
pub(crate) struct Gate {
    arrived: Semaphore,
    go: Semaphore,
}

impl Gate {
    pub(crate) fn closed() -> Arc<Self> {
        Arc::new(Self { arrived: Semaphore::new(0), go: Semaphore::new(0) })
    }

    pub(super) async fn pass(&self) {
        self.arrived.add_permits(1);
        self.go.acquire().await.unwrap().forget();
    }

    /// Returns once somebody waits there.
    pub(crate) async fn arrived(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }

    /// Lets one go on.
    pub(crate) fn open(&self) {
        self.go.add_permits(1);
    }
}

impl SetSecrets {
    /// One secret that may go wherever a grant says.
    pub(crate) fn one(plugin: &PluginId, name: &str, value: &str) -> Self {
        let set = BTreeMap::from([((plugin.clone(), name.to_owned()), (value.to_owned(), Vec::new()))]);
        Self { set, gate: None }
    }
}

#[async_trait]
impl Secrets for SetSecrets {
    async fn open(&self, plugin: &PluginId, name: &str) -> Result<OpenSecret, SecretFault> {
        if let (Some(gate), "pause") = (&self.gate, name) {
            gate.pass().await;
        }
        let (value, servers) = self.set.get(&(plugin.clone(), name.to_owned())).cloned().ok_or(SecretFault::NotSet)?;
        Ok(OpenSecret { value: SecretValue::new(value), version: 1, servers })
    }
}

/// Answers what a test told it, one answer after the other, the last one for good;
/// remembers what it was asked.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn answering(answers: &[&[&str]]) -> Self {
        let answers = answers.iter().map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        Self { answers: Mutex::new(answers.collect()), asked: Mutex::default() }
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let last = answers.len() == 1;
        let answer = if last { answers.front().cloned() } else { answers.pop_front() };
        answer.ok_or_else(|| std::io::Error::other("no such name"))
    }
}

/// Compiles nothing: whoever calls it fails the test's claim that nobody had to.
pub(crate) struct NoCompiler;

#[async_trait]
impl Compiler for NoCompiler {
    async fn compile(&self, _: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        Err(CompileError::Broken("this test has no compiler".into()))
    }
}

/// Compiles once a test lets it: `arrived` is given a permit for each component that
/// waits, `go` is asked for one.
pub(crate) struct SlowCompiler {
    pub(crate) arrived: Semaphore,
    pub(crate) go: Semaphore,
}

impl SlowCompiler {
    pub(crate) fn new() -> Self {
        Self { arrived: Semaphore::new(0), go: Semaphore::new(0) }
    }
}

#[async_trait]
impl Compiler for SlowCompiler {
    async fn compile(&self, component: Vec<u8>) -> Result<Vec<u8>, CompileError> {
        self.arrived.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        InProcess.compile(component).await
    }
}
