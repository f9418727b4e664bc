//! The state behind one guest call: built for it, dropped with it.
//!
//! Owns: what a call can reach, decided from its generation's effective
//! permissions and nothing else. Refuses: inherited environment, arguments,
//! stdin, sockets, name look-ups; reuse.

use crate::budget::{self, Strain};
use crate::folder_plugin::FolderPlugin;
use crate::http::hooks::Hooks;
use crate::imports::post::Post;
use crate::limiter::Limiter;
use crate::limits;
use crate::runtime::Runtime;
use crate::stdio::Stdio;
use crate::validity::Granted;
use crate::wipe::Owed;
use skynet_core::neighbours::{Neighbours, Talk};
use skynet_core::ports::{Audit, CallContext, PluginStore};
use skynet_core::secret::Secrets;
use skynet_core::{HostBug, PluginRef};
use skynet_policy::permission::{Access, FsRule, Permissions};
use skynet_policy::scrub::{Known, Place};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::ResourceTable;
use wasmtime::{CallHook, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// A folder that the owner named in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Absolute.
    pub path: PathBuf,
    /// Whether a grant may allow writing.
    pub writable: bool,
}

/// How much one call may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLimits {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    pub(crate) memory: usize,
    pub(crate) hostcall_bytes: usize,
}

impl CallLimits {
    /// Of a tool, hook or channel call.
    pub(crate) fn call(permissions: &Permissions) -> Self {
        Self::raised(permissions, limits::CALL_CPU, limits::CALL_WALL, limits::HOSTCALL_BYTES)
    }

    /// Of a completion.
    pub(crate) fn stream(permissions: &Permissions) -> Self {
        Self::raised(permissions, limits::STREAM_CPU, limits::STREAM_WALL, limits::STREAM_HOSTCALL_BYTES)
    }

    /// Of a look at a component that nobody trusts yet.
    pub(crate) fn probe(permissions: &Permissions) -> Self {
        let memory = Self::call(permissions).memory;
        Self { cpu: limits::PROBE_CPU, wall: limits::PROBE_WALL, memory, hostcall_bytes: limits::HOSTCALL_BYTES }
    }

    fn raised(permissions: &Permissions, cpu: Duration, wall: Duration, hostcall_bytes: usize) -> Self {
        let asked = &permissions.limits;
        let memory = asked.memory_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(limits::MEMORY);
        Self {
            cpu: asked.cpu_ms.map_or(cpu, Duration::from_millis).max(cpu),
            wall: asked.wall_ms.map_or(wall, Duration::from_millis).max(wall),
            memory: memory.clamp(limits::MEMORY, limits::MEMORY_CEILING),
            hostcall_bytes,
        }
    }
}

/// What a guest call is for: its limits, its name, and on whose behalf it is.
pub(crate) struct Purpose<'a> {
    pub(crate) limits: CallLimits,
    /// Such as `tool.call time_now`.
    pub(crate) during: &'a str,
    pub(crate) context: Option<CallContext>,
}

impl<'a> Purpose<'a> {
    /// Of a call that is on nobody's behalf.
    pub(crate) fn of_host(limits: CallLimits, during: &'a str) -> Self {
        Self { limits, during, context: None }
    }
}

/// What the imports of a call may touch.
pub(crate) struct Reach {
    pub(crate) plugin: PluginRef,
    pub(crate) permissions: Arc<Permissions>,
    pub(crate) granted: Arc<Granted>,
    pub(crate) settings: Arc<serde_json::Map<String, serde_json::Value>>,
    /// Of a script plugin.
    pub(crate) folder: Option<Arc<FolderPlugin>>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) known: Known,
    /// Of what this call forgot.
    pub(crate) wipe: Owed,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) state: Arc<dyn PluginStore>,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) post: Arc<Post>,
    /// On whose behalf the call is; nobody's at admission.
    pub(crate) context: Option<CallContext>,
    pub(crate) log_lines: u32,
    /// How often it asked for something of the host's own services.
    pub(crate) acts: u32,
    /// Turns of the agent that it started.
    pub(crate) turns: u32,
    /// Messages that it sent.
    pub(crate) sent: u32,
    /// Plugins that it proposed.
    pub(crate) proposed: u32,
    /// How often it asked to see a secret.
    pub(crate) revealed: u32,
    /// A conversation with the plugin's own program, as long as it lasts.
    pub(crate) talk: Option<Box<dyn Talk>>,
    /// Whether a call is under way, and not only the start of the component.
    pub(crate) in_call: bool,
}

impl Reach {
    /// Asked in every step from guest to host, WASI's own among them.
    fn still_granted(&self) -> wasmtime::Result<()> {
        Ok(self.granted.check()?)
    }
}

/// The data of a store.
pub(crate) struct CallState {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(crate) table: ResourceTable,
    limiter: Limiter,
    pub(crate) hooks: Hooks,
    pub(crate) reach: Reach,
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

fn wasi_context(permissions: &Permissions, runtime: &Runtime, stdio: &Stdio) -> Result<WasiCtx, HostBug> {
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(stdio.clone()).stderr(stdio.clone()).max_random_size(limits::RANDOM_BYTES);
    builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    let narrow = to_read_alone(permissions, runtime);
    for rule in &permissions.fs {
        let Some(root) = runtime.roots.get(&rule.root) else { continue };
        let writes = may_change(rule, root) && !holds_any(&root.path, &narrow);
        let perms = if writes { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        let is_folder = std::fs::symlink_metadata(&root.path).is_ok_and(|meta| meta.is_dir());
        if !is_folder {
            tracing::warn!(root = %rule.root, path = %root.path.display(), "a granted root is no folder; the plugin does not get it");
            continue;
        }
        builder.preopened_dir(&root.path, format!("/{}", rule.root), perms).map_err(|error| HostBug {
            place: "plugins/store",
            reason: format!("root `{}` at {} could not be opened: {error}", rule.root, root.path.display()),
        })?;
    }
    if let Some(staged) = &runtime.staged {
        staged.furnish(&mut builder);
    }
    Ok(builder.build())
}

fn may_change(rule: &FsRule, root: &Root) -> bool {
    rule.access == Access::Write && root.writable
}

/// The real paths of its roots that it may read alone, where it may change others: an open folder is open to the
/// last folder in it, so one that holds such a root cannot be changed either.
fn to_read_alone(permissions: &Permissions, runtime: &Runtime) -> Vec<PathBuf> {
    let known = || permissions.fs.iter().filter_map(|rule| Some((rule, runtime.roots.get(&rule.root)?)));
    if !known().any(|(rule, root)| may_change(rule, root)) {
        return Vec::new();
    }
    let narrow = known().filter(|(rule, root)| !may_change(rule, root));
    narrow.filter_map(|(_, root)| root.path.canonicalize().ok()).collect()
}

fn holds_any(outer: &Path, narrow: &[PathBuf]) -> bool {
    !narrow.is_empty() && outer.canonicalize().is_ok_and(|outer| narrow.iter().any(|inner| inner.starts_with(&outer)))
}

/// Makes the store of one call.
pub(crate) fn open(
    runtime: &Runtime,
    call: CallLimits,
    hooks: Hooks,
    reach: Reach,
    strain: Arc<Strain>,
) -> Result<(Store<CallState>, Stdio), HostBug> {
    let stdio = Stdio::new(reach.known.noting(&hooks.budget.seen, Place::Log));
    let wasi = wasi_context(&reach.permissions, runtime, &stdio)?;
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(limits::HEADER_BYTES);
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits::RESOURCES);
    let limiter = Limiter::new(Arc::clone(&runtime.process), call.memory);
    let mut store = Store::new(&runtime.engine, CallState { wasi, http, table, limiter, hooks, reach });
    store.limiter(|state| &mut state.limiter);
    if !store.data().reach.permissions.is_empty() {
        store.call_hook(|context, step| match step {
            CallHook::CallingHost => context.data().reach.still_granted(),
            _ => Ok(()),
        });
    }
    store.set_hostcall_fuel(call.hostcall_bytes);
    store.set_max_component_handles(limits::HANDLES);
    budget::arm(&mut store, call.cpu, strain);
    Ok((store, stdio))
}

/// A store with no limit but the engine's: the baseline of a benchmark.
pub(crate) fn bare(runtime: &Runtime, plugin: &PluginRef) -> Store<CallState> {
    let permissions: Arc<Permissions> = Arc::default();
    let granted = Arc::new(Granted { validity: Arc::default(), withheld: Arc::default(), clock: Arc::clone(&runtime.clock) });
    let hooks = Hooks {
        door: Arc::clone(&runtime.door),
        plugin: plugin.clone(),
        permissions: Arc::clone(&permissions),
        budget: Arc::default(),
        granted: Arc::clone(&granted),
    };
    let reach = Reach {
        plugin: plugin.clone(),
        permissions,
        granted: Arc::clone(&granted),
        settings: Arc::default(),
        folder: None,
        secrets: Arc::clone(&runtime.secrets),
        known: runtime.known.clone(),
        wipe: Owed::default(),
        audit: Arc::clone(&runtime.audit),
        state: Arc::clone(&runtime.state),
        neighbours: Arc::clone(&runtime.neighbours),
        post: Arc::clone(&runtime.post),
        context: None,
        log_lines: 0,
        acts: 0,
        turns: 0,
        sent: 0,
        proposed: 0,
        revealed: 0,
        talk: None,
        in_call: true,
    };
    let wasi = WasiCtxBuilder::new().build();
    let limiter = Limiter::new(Arc::clone(&runtime.process), limits::MEMORY_CEILING);
    let state = CallState { wasi, http: WasiHttpCtx::new(), table: ResourceTable::new(), limiter, hooks, reach };
    let mut store = Store::new(&runtime.engine, state);
    // The engine checks epochs in all code; this one never ends.
    store.set_epoch_deadline(u64::MAX / 2);
    store
}
