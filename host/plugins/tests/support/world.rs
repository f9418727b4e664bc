//! A host with all that surrounds it, in a folder that vanishes with the test.

use super::clock::TestClock;
use super::fuse::{Fuse, Fused};
use super::neighbourhood::Neighbourhood;
use super::package::{self, trust};
use super::stubs::{Names, SetSecrets};
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin as _;
use skynet_core::articles::Articles as _;
use skynet_core::config::{PluginsConfig, RatesConfig};
use skynet_core::facts::Facts as _;
use skynet_core::plugin::PluginState;
use skynet_core::ports::{Audit as _, AuditRow, CallContext, Progress, Registry as _, Snapshot};
use skynet_core::{PluginError, PluginId, PluginRef, ResultPart, SessionKey, TurnId, UserId};
use skynet_plugins::compile::{Compiler, InProcess};
use skynet_plugins::{Parts, PluginHost, Root, Settings};
use skynet_policy::scrub::Known;
use skynet_policy::trust::TrustStore;
use skynet_store::Store;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What a test may want otherwise.
#[derive(Clone)]
pub(crate) struct Worldly {
    pub(crate) config: PluginsConfig,
    pub(crate) rates: RatesConfig,
    pub(crate) roots: BTreeMap<String, Root>,
    pub(crate) settings: BTreeMap<PluginId, Settings>,
    pub(crate) ceiling: Option<skynet_policy::permission::Permissions>,
    pub(crate) trust: Arc<Mutex<Result<TrustStore, String>>>,
    pub(crate) secrets: Arc<SetSecrets>,
    /// What guests are scrubbed of.
    pub(crate) known: Known,
    pub(crate) neighbours: Arc<Neighbourhood>,
    pub(crate) names: Arc<Names>,
    pub(crate) compiler: Arc<dyn Compiler>,
    /// Where the store breaks.
    pub(crate) fuse: Arc<Fuse>,
}

impl Default for Worldly {
    fn default() -> Self {
        Self {
            config: PluginsConfig { watch: false, ..PluginsConfig::default() },
            rates: RatesConfig::default(),
            roots: BTreeMap::new(),
            ceiling: None,
            settings: BTreeMap::new(),
            trust: Arc::new(Mutex::new(Ok(trust()))),
            secrets: Arc::default(),
            known: Known::default(),
            neighbours: Arc::default(),
            names: Arc::default(),
            compiler: Arc::new(InProcess),
            fuse: Arc::default(),
        }
    }
}

/// A running host.
pub(crate) struct World {
    pub(crate) host: PluginHost,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) store: Store,
    folder: tempfile::TempDir,
    worldly: Worldly,
    stop: oneshot::Sender<()>,
    runner: JoinHandle<()>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(Worldly::default()).await
    }

    pub(crate) async fn with(worldly: Worldly) -> Self {
        // tempfile leaves the mode to the umask; the store wants a private folder.
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        let clock = Arc::new(TestClock::new());
        let store = Store::open(&folder.path().join("skynet.db"), clock.clone()).unwrap();
        Self::open(folder, clock, store, worldly, true).await
    }

    /// A host's parts over this folder and database.
    pub(crate) fn parts(folder: &Path, clock: Arc<TestClock>, store: &Store, worldly: &Worldly) -> Parts {
        let trust = Arc::clone(&worldly.trust);
        let fused = Fused { store: store.clone(), fuse: Arc::clone(&worldly.fuse) };
        Parts {
            inbox: folder.join("plugins"),
            tools: folder.join("tools"),
            private: folder.join("private"),
            config: worldly.config.clone(),
            rates: worldly.rates.clone(),
            roots: worldly.roots.clone(),
            settings: worldly.settings.clone(),
            ceiling: worldly.ceiling.clone(),
            advisories: Arc::new(skynet_plugins::Unadvised),
            trust: Arc::new(move || trust.lock().unwrap().clone()),
            state: Arc::new(fused.clone()),
            audit: Arc::new(fused),
            secrets: worldly.secrets.clone(),
            known: worldly.known.clone(),
            clock,
            neighbours: worldly.neighbours.beside(store),
            resolver: worldly.names.clone(),
            compiler: Arc::clone(&worldly.compiler),
        }
    }

    async fn open(folder: tempfile::TempDir, clock: Arc<TestClock>, store: Store, worldly: Worldly, run: bool) -> Self {
        let parts = Self::parts(folder.path(), clock.clone(), &store, &worldly);
        let (host, runner) = PluginHost::start(parts).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let runner = tokio::spawn(async move {
            if run {
                runner.run(async { drop(stopped.await) }).await;
            }
        });
        Self { host, clock, store, folder, worldly, stop, runner }
    }

    /// Ends this host and starts another over the same folders and database.
    pub(crate) async fn restart(self, change: impl FnOnce(&mut Worldly)) -> Self {
        self.reopen(change, true).await
    }

    /// The same, but the new host does not look at the folder: it shows what it
    /// serves before its first scan.
    pub(crate) async fn restart_without_scan(self, change: impl FnOnce(&mut Worldly)) -> Self {
        self.reopen(change, false).await
    }

    /// Ends this host, lets something else at its folder, and starts one that does not
    /// look at the folder.
    pub(crate) async fn restart_around(self, meanwhile: impl FnOnce(&Self)) -> Self {
        // Its runner stands still from here on; the rest holds nothing that another needs.
        self.runner.abort();
        meanwhile(&self);
        let Self { folder, clock, store, worldly, .. } = self;
        Self::open(folder, clock, store, worldly, false).await
    }

    /// Who said what is remembered of the owner, and wrote what is shared.
    pub(crate) async fn sources(&self) -> Vec<String> {
        let facts = self.store.facts(&UserId::owner(), 100).await.unwrap().into_iter().map(|fact| fact.source);
        let articles = self.store.articles(None, 100).await.unwrap().into_iter().map(|article| article.source);
        facts.chain(articles).collect()
    }

    pub(crate) fn neighbours(&self) -> &Neighbourhood {
        &self.worldly.neighbours
    }

    pub(crate) fn fuse(&self) -> &Fuse {
        &self.worldly.fuse
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    async fn reopen(self, change: impl FnOnce(&mut Worldly), run: bool) -> Self {
        let Self { folder, clock, store, mut worldly, stop, runner, .. } = self;
        drop(stop);
        runner.await.unwrap();
        change(&mut worldly);
        Self::open(folder, clock, store, worldly, run).await
    }

    pub(crate) fn inbox(&self, file: &str) -> PathBuf {
        self.folder.path().join("plugins").join(file)
    }

    /// Writes beside and renames, as a good installer does.
    pub(crate) fn put(&self, file: &str, bytes: &[u8]) {
        let unfinished = self.inbox(&format!(".{file}.tmp"));
        std::fs::write(&unfinished, bytes).unwrap();
        std::fs::rename(&unfinished, self.inbox(file)).unwrap();
    }

    /// Puts a file and waits until the host dealt with it.
    pub(crate) async fn drop_file(&self, file: &str, bytes: &[u8]) {
        self.put(file, bytes);
        self.host.settled().await;
    }

    pub(crate) async fn remove(&self, file: &str) {
        std::fs::remove_file(self.inbox(file)).unwrap();
        self.host.settled().await;
    }

    pub(crate) fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.host.snapshot()
    }

    /// Calls the tool `go` of `acme/NAME` with `{}`.
    pub(crate) async fn call(&self, name: &str) -> Result<String, PluginError> {
        self.call_with(name, &json!({})).await
    }

    pub(crate) async fn call_with(&self, name: &str, arguments: &Value) -> Result<String, PluginError> {
        call(&*self.snapshot(), name, arguments).await
    }

    /// What of `acme/NAME` serves.
    pub(crate) async fn serving(&self, name: &str) -> Option<PluginRef> {
        let id = package::id(name).to_string();
        self.host.list().await.into_iter().find(|status| status.name == id)?.serving
    }

    /// The state of a plugin (by id) or file (by name).
    pub(crate) async fn state(&self, name: &str) -> PluginState {
        let list = self.host.list().await;
        let found = list.iter().find(|status| status.name == name);
        found.unwrap_or_else(|| panic!("{name} is not in {list:?}")).state.clone()
    }

    /// The sentence with which a file was refused.
    pub(crate) async fn refusal(&self, file: &str) -> String {
        match self.state(file).await {
            PluginState::Refused { reason } => reason,
            other => panic!("{file} was not refused: {other:?}"),
        }
    }

    /// Audit rows of one kind and verdict, newest first.
    pub(crate) async fn audited(&self, kind: &str, verdict: &str) -> Vec<AuditRow> {
        let rows = self.store.tail(10_000).await.unwrap().into_iter().map(|(_, _, row)| row);
        rows.filter(|row| row.kind == kind && row.verdict == verdict).collect()
    }
}

/// Calls the tool `go` of `acme/NAME` in this snapshot.
pub(crate) async fn call(snapshot: &dyn Snapshot, name: &str, arguments: &Value) -> Result<String, PluginError> {
    let exposed = skynet_policy::naming::exposed_name(&package::id(name), "go");
    let outcome = snapshot.call(&exposed, arguments, context()).await?;
    let texts = outcome.content.into_iter().map(|part| match part {
        ResultPart::Text { text } => text,
        other => panic!("not a text: {other:?}"),
    });
    Ok(texts.collect())
}

/// One look at a future, which stays where it is.
pub(crate) async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::future::poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
}

pub(crate) fn context() -> CallContext {
    CallContext {
        turn: TurnId("turn".into()),
        session: SessionKey::main(),
        user: UserId::owner(),
        time_zone: None,
        depth: 0,
        progress: Progress::default(),
    }
}
