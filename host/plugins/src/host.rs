//! The plugin host: what serves, and the one loop that changes it.
//!
//! Readers take the published shelf without a lock. Every change — a file that
//! came to rest, a file that is gone, the owner's word, a tripped breaker — goes
//! through the book, one at a time, and ends in one swap.

use crate::advice::Advisories;
use crate::artifact_cache::ArtifactCache;
use crate::blobs::Blobs;
use crate::book::Book;
use crate::compile::Compiler;
use crate::folder_plugin::FolderPlugin;
use crate::generation::{Generation, Terms};
use crate::http::dial::{self, Tcp};
use crate::http::door::{Door, Outside};
use crate::http::resolve::Resolver;
use crate::inbox::folder::Folder;
use crate::limiter::ProcessMemory;
use crate::limits;
use crate::runtime::{self, Runtime, Tripped};
use crate::shelf::Shelf;
use crate::slow_lane::SlowLane;
use crate::staged::Staged;
use crate::store::Root;
use crate::trees::Trees;
use crate::turnstile::Turnstiles;
use arc_swap::ArcSwap;
use notify::RecursiveMode;
use skynet_core::config::{PluginsConfig, RatesConfig};
use skynet_core::neighbours::Neighbours;
use skynet_core::plugin::PluginEvent;
use skynet_core::ports::{Audit, AuditRow, Clock, PluginStore, Registry, Snapshot};
use skynet_core::schedule::Standing;
use skynet_core::secret::Secrets;
use skynet_core::{HostBug, PluginError, PluginId, StoreError, ToolError};
use skynet_policy::permission::Permissions;
use skynet_policy::scrub::Known;
use skynet_policy::trust::TrustStore;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, Notify, Semaphore, broadcast, mpsc};

/// Settings of one plugin, as the owner wrote them.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// Everything that the plugin host needs of its surroundings.
pub struct Parts {
    /// The drop folder. Made if absent.
    pub inbox: PathBuf,
    /// The drop folder of script plugins. Made if absent.
    pub tools: PathBuf,
    /// A private folder of the host's own, for blobs and compiled code.
    pub private: PathBuf,
    /// `[plugins]`
    pub config: PluginsConfig,
    /// `[rates]`
    pub rates: RatesConfig,
    /// Folders that can be granted, by name.
    pub roots: BTreeMap<String, Root>,
    /// Settings by plugin.
    pub settings: BTreeMap<PluginId, Settings>,
    /// `[ceiling]`: what no plugin may go beyond, whatever it is granted.
    pub ceiling: Option<Permissions>,
    /// Reads the trusted keys anew; an error refuses every admission.
    pub trust: Arc<dyn Fn() -> Result<TrustStore, String> + Send + Sync>,
    /// What was said about releases since they were signed.
    pub advisories: Arc<dyn Advisories>,
    /// Durable plugin state.
    pub state: Arc<dyn PluginStore>,
    /// The audit log.
    pub audit: Arc<dyn Audit>,
    /// The owner's secrets.
    pub secrets: Arc<dyn Secrets>,
    /// Their values as far as they are known, to be taken out of what guests say.
    pub known: Known,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The host's own services, for those who were granted them.
    pub neighbours: Neighbours,
    /// Name look-ups.
    pub resolver: Arc<dyn Resolver>,
    /// The compiler.
    pub compiler: Arc<dyn Compiler>,
}

/// Why the plugin host could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder could not be made or is open to others.
    #[error("the folder {path} cannot be used: {reason}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Durable state could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// We failed.
    #[error(transparent)]
    Bug(#[from] HostBug),
}

/// Plugins in service. Cheap to clone.
#[derive(Clone)]
pub struct PluginHost {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) folder: Folder,
    pub(crate) trees: Trees,
    pub(crate) config: PluginsConfig,
    pub(crate) settings: BTreeMap<PluginId, Arc<Settings>>,
    pub(crate) ceiling: Option<Permissions>,
    pub(crate) trust: Arc<dyn Fn() -> Result<TrustStore, String> + Send + Sync>,
    pub(crate) advisories: Arc<dyn Advisories>,
    pub(crate) state: Arc<dyn PluginStore>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shelf: ArcSwap<Shelf>,
    pub(crate) book: Mutex<Book>,
    pub(crate) events: broadcast::Sender<PluginEvent>,
    pub(crate) look: Notify,
    pub(crate) asking: tokio::sync::watch::Sender<usize>,
    pub(crate) scanned: tokio::sync::watch::Sender<Scanned>,
}

/// How the looks at the folder stand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Scanned {
    count: u64,
    /// Whether the last whole look left files that have yet to come to rest.
    restless: bool,
}

impl Registry for PluginHost {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.shared.shelf.load_full()
    }
}

impl Standing for PluginHost {
    fn may_plan(&self, plugin: &PluginId) -> bool {
        self.serving(plugin).is_some_and(|generation| {
            let terms = &generation.terms;
            terms.permissions.schedule && terms.validity.check(&*self.shared.clock).is_ok()
        })
    }
}

impl PluginHost {
    /// Opens what is stored and serves the last good set at once; the folder is
    /// looked at by `run`, which the caller spawns.
    pub async fn start(parts: Parts) -> Result<(Self, Runner), StartError> {
        Self::begin(parts, None).await
    }

    /// The same for a plugin's own tests, with what guests see of the world given.
    pub async fn start_staged(parts: Parts, staged: Arc<Staged>) -> Result<(Self, Runner), StartError> {
        Self::begin(parts, Some(staged)).await
    }

    async fn begin(parts: Parts, staged: Option<Arc<Staged>>) -> Result<(Self, Runner), StartError> {
        let folder_error = |path: &PathBuf| {
            let path = path.clone();
            move |error: std::io::Error| StartError::Folder { path, reason: error.to_string() }
        };
        std::fs::create_dir_all(&parts.inbox).map_err(folder_error(&parts.inbox))?;
        let trees = Trees::open(&parts.tools, &parts.private).map_err(folder_error(&parts.tools))?;
        let (engine, allocator) = runtime::start_engine()?;
        let blobs = Blobs::open(&parts.private.join("components")).map_err(folder_error(&parts.private))?;
        let artifacts = ArtifactCache::open(&parts.private.join("artifacts"), &engine).map_err(folder_error(&parts.private))?;
        let outside = Outside { resolver: parts.resolver, wire: Arc::new(Tcp), roots: Arc::new(dial::system_roots) };
        let door = Door::new(outside, Arc::clone(&parts.secrets), parts.known.clone(), Arc::clone(&parts.audit)).staged(staged.clone());
        let (tripped, trips) = mpsc::unbounded_channel();
        let runtime = Arc::new(Runtime {
            engine,
            allocator,
            process: ProcessMemory::new(parts.config.total_memory_bytes),
            roots: parts.roots,
            door: Arc::new(door),
            secrets: parts.secrets,
            known: parts.known,
            audit: Arc::clone(&parts.audit),
            state: Arc::clone(&parts.state),
            neighbours: Arc::new(parts.neighbours),
            post: Arc::default(),
            clock: Arc::clone(&parts.clock),
            blobs,
            artifacts,
            compiler: parts.compiler,
            moulding: Mutex::default(),
            slots: Arc::new(Semaphore::new(limits::CONCURRENT_CALLS)),
            slow_lane: SlowLane::start()?,
            staged,
            turnstiles: Turnstiles::new(parts.rates),
            tripped,
        });
        let shared = Arc::new(Shared {
            shelf: ArcSwap::from_pointee(Shelf::new(Arc::clone(&runtime), 0, BTreeMap::new())),
            runtime,
            folder: Folder::new(&parts.inbox),
            trees,
            config: parts.config,
            settings: parts.settings.into_iter().map(|(id, settings)| (id, Arc::new(settings))).collect(),
            ceiling: parts.ceiling,
            trust: parts.trust,
            advisories: parts.advisories,
            state: parts.state,
            audit: parts.audit,
            clock: parts.clock,
            book: Mutex::default(),
            events: broadcast::channel(256).0,
            look: Notify::new(),
            asking: tokio::sync::watch::channel(0).0,
            scanned: tokio::sync::watch::channel(Scanned::default()).0,
        });
        let host = Self { shared };
        host.serve_last_good().await?;
        Ok((host.clone(), Runner { host, trips }))
    }

    /// What happens to plugins, from now on.
    pub fn events(&self) -> broadcast::Receiver<PluginEvent> {
        self.shared.events.subscribe()
    }

    /// Tells a channel plugin what happened; gives what it wants done.
    pub async fn handle(
        &self,
        id: &PluginId,
        event: skynet_core::channel::Event,
    ) -> Result<Vec<skynet_core::channel::Action>, PluginError> {
        let generation = self.in_service(id)?;
        crate::handle::channel(&self.shared.runtime, &generation, event).await
    }

    /// Asks a hook plugin before something happens.
    pub async fn before(&self, id: &PluginId, point: &str, payload: &serde_json::Value) -> Result<skynet_core::hook::Verdict, PluginError> {
        let generation = self.in_service(id)?;
        crate::handle::before(&self.shared.runtime, &generation, point, payload).await
    }

    /// Tells a hook plugin that something happened.
    pub async fn after(&self, id: &PluginId, point: &str, payload: &serde_json::Value) -> Result<(), PluginError> {
        let generation = self.in_service(id)?;
        crate::handle::after(&self.shared.runtime, &generation, point, payload).await
    }

    pub(crate) fn in_service(&self, id: &PluginId) -> Result<Arc<Generation>, PluginError> {
        self.serving(id).ok_or_else(|| ToolError::Unavailable(format!("{id} does not serve; see `skynet plugin info {id}`")).into())
    }

    /// Bytes of linear memory in use by running calls.
    pub fn memory_in_use(&self) -> u64 {
        self.shared.runtime.process.used()
    }

    /// Where instances live.
    pub fn allocator(&self) -> crate::engine::Allocator {
        self.shared.runtime.allocator
    }

    /// Asks for a look at the folder now.
    pub fn look_now(&self) {
        self.shared.look.notify_one();
    }

    /// Waits until the folder was looked at after this call and every file in it had
    /// come to rest and was dealt with.
    pub async fn settled(&self) {
        let mut scans = self.shared.scanned.subscribe();
        let since = scans.borrow_and_update().count;
        self.look_now();
        loop {
            if scans.changed().await.is_err() {
                return;
            }
            // Of the look that ended, not of one that has begun since and still admits.
            let last = *scans.borrow_and_update();
            if !last.restless && last.count > since.saturating_add(1) {
                // Providers were asked for their models meanwhile; see `refresh`.
                let _ = self.shared.asking.subscribe().wait_for(|asking| *asking == 0).await;
                return;
            }
            self.look_now();
        }
    }

    pub(crate) fn settings_of(&self, id: &PluginId) -> Arc<Settings> {
        self.shared.settings.get(id).cloned().unwrap_or_default()
    }

    /// What a plugin that was granted this runs under.
    pub(crate) fn terms(&self, id: &PluginId, granted: &Permissions, until_ms: Option<u64>, folder: Option<&Arc<FolderPlugin>>) -> Terms {
        crate::admit::terms(granted, until_ms, &self.settings_of(id), self.shared.ceiling.as_ref(), folder)
    }

    /// Makes a new shelf of what the book says and swaps it in.
    pub(crate) fn swap(&self, book: &mut Book) {
        book.revision += 1;
        let shelf = Shelf::new(Arc::clone(&self.shared.runtime), book.revision, book.serving());
        self.shared.shelf.store(Arc::new(shelf));
    }

    /// Writes an audit row; the caller must not go on when it could not be written.
    pub(crate) async fn record(
        &self,
        kind: &str,
        actor: &str,
        subject: &str,
        verdict: &str,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let row = AuditRow { kind: kind.into(), actor: actor.into(), subject: subject.into(), verdict: verdict.into(), detail };
        self.shared.audit.record(row).await
    }

    pub(crate) fn tell(&self, event: PluginEvent) {
        // Nobody listening is fine.
        let _ = self.shared.events.send(event);
    }

    /// The generation that serves a plugin.
    pub(crate) fn serving(&self, id: &PluginId) -> Option<Arc<Generation>> {
        self.shared.shelf.load().generations.get(id).cloned()
    }
}

/// The loop that watches the folder. One per host.
pub struct Runner {
    host: PluginHost,
    trips: mpsc::UnboundedReceiver<Tripped>,
}

impl Runner {
    /// Runs until `shutdown` ends.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        let shared = Arc::clone(&self.host.shared);
        let _watchers = shared.config.watch.then(|| {
            let tools = crate::watch::watch(shared.trees.inbox(), RecursiveMode::Recursive, &self.host);
            (crate::watch::watch(shared.folder.path(), RecursiveMode::NonRecursive, &self.host), tools)
        });
        let interval = std::time::Duration::from_millis(shared.config.scan_interval_ms);
        let models = crate::refresh::Refresher::start(self.host.clone());
        loop {
            self.host.scan().await;
            self.host.end_expired().await;
            let (pause, restless) = {
                let book = shared.book.lock().await;
                (book.inbox.pause(interval), book.inbox.is_restless())
            };
            shared.scanned.send_modify(|scans| *scans = Scanned { count: scans.count + 1, restless });
            tokio::select! {
                () = &mut shutdown => break,
                () = shared.clock.sleep(pause) => {}
                () = shared.look.notified() => {}
                Some(tripped) = self.trips.recv() => self.host.break_off(tripped).await,
            }
        }
        models.stop();
    }
}
