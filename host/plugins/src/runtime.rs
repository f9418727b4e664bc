//! What every guest call goes through: a slot, loaded code, a fresh store, a wall
//! clock, and an explanation of how it ended.
//!
//! Owns the engine and everything that calls share. A store is its call's: it ends with
//! it, however that is: return, trap, time-out, drop of the future.

use crate::artifact_cache::ArtifactCache;
use crate::blobs::Blobs;
use crate::budget::Strain;
use crate::ceiling;
use crate::compile::Compiler;
use crate::engine::{self, Allocator};
use crate::fault;
use crate::generation::{Generation, Loaded, Terms};
use crate::http::budget::{HttpBudget, Notes};
use crate::http::door::Door;
use crate::http::hooks::Hooks;
use crate::imports::post::Post;
use crate::limiter::ProcessMemory;
use crate::limits;
use crate::scrub::{self, Scrub as _};
use crate::slow_lane::{Laned, SlowLane};
use crate::stdio::Stdio;
use crate::store::{self, CallState, Purpose, Reach, Root};
use crate::turnstile::Turnstiles;
use crate::validity::{Granted, NoLonger};
use crate::wipe::Wipe;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use skynet_core::neighbours::Neighbours;
use skynet_core::plugin::PluginKind;
use skynet_core::ports::{Audit, AuditRow, Clock, PluginStore};
use skynet_core::secret::Secrets;
use skynet_core::{Denial, GuestFault, HostBug, PluginError, PluginRef};
use skynet_policy::scrub::{Known, Place, Seen};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use wasmtime::component::Instance;
use wasmtime::{Engine, Store};

/// A generation that should no longer serve.
#[derive(Debug, Clone)]
pub(crate) struct Tripped {
    pub(crate) plugin: PluginRef,
    pub(crate) reason: String,
}

/// Shared by all calls of the process.
pub(crate) struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) allocator: Allocator,
    pub(crate) process: Arc<ProcessMemory>,
    pub(crate) roots: BTreeMap<String, Root>,
    pub(crate) door: Arc<Door>,
    pub(crate) secrets: Arc<dyn Secrets>,
    pub(crate) known: Known,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) state: Arc<dyn PluginStore>,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) post: Arc<Post>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) blobs: Blobs,
    pub(crate) artifacts: ArtifactCache,
    pub(crate) compiler: Arc<dyn Compiler>,
    /// Held while a mould is compiled.
    pub(crate) moulding: tokio::sync::Mutex<()>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) slow_lane: SlowLane,
    /// What guests see of the world, where it is given.
    pub(crate) staged: Option<Arc<crate::staged::Staged>>,
    pub(crate) turnstiles: Turnstiles,
    pub(crate) tripped: mpsc::UnboundedSender<Tripped>,
}

/// What a guest call works with.
pub(crate) struct Call<'a> {
    pub(crate) store: &'a mut Store<CallState>,
    pub(crate) instance: Instance,
    pub(crate) loaded: &'a Loaded,
}

/// A guest call's body.
pub(crate) type Body<R> = Box<dyn for<'a> FnOnce(Call<'a>) -> BoxFuture<'a, wasmtime::Result<R>> + Send>;

/// How a guest call ended, and what the door noted meanwhile.
pub(crate) struct Ended<R> {
    pub(crate) result: Result<R, PluginError>,
    pub(crate) notes: Notes,
    /// The secrets that were taken out of what it said meanwhile; `Runtime::tell_scrubbed` makes a row of it.
    pub(crate) seen: Arc<Seen>,
}

impl<R> Ended<R> {
    fn at_once(error: PluginError) -> Self {
        Self { result: Err(error), notes: Notes::default(), seen: Arc::default() }
    }
}

/// What is made for one call.
struct Opened {
    store: Store<CallState>,
    stdio: Stdio,
    budget: Arc<HttpBudget>,
    strain: Arc<Strain>,
    wipe: Wipe,
}

/// Makes the engine and starts its clock.
pub(crate) fn start_engine() -> Result<(Engine, Allocator), HostBug> {
    let (engine, allocator) = engine::serving_engine()?;
    engine::start_ticker(&engine)?;
    Ok((engine, allocator))
}

impl Runtime {
    /// The linked code of a generation, loaded now if it was not.
    pub(crate) async fn loaded(&self, generation: &Generation) -> Result<Arc<Loaded>, PluginError> {
        let load = || async {
            let bug = |reason: String| PluginError::Bug(HostBug { place: "plugins/runtime", reason });
            let component = self.component(&generation.receipt.component).await.map_err(|error| bug(error.to_string()))?;
            let kinds: &[PluginKind] = &generation.receipt.kinds;
            let loaded = Loaded::link(&self.engine, &component, kinds, &generation.terms.permissions);
            // It was linked once, at its admission: what may be missing since is what a ceiling takes.
            let less = |reason| ceiling::denial(generation.plugin(), &generation.terms).map_or_else(|| bug(reason), PluginError::Denied);
            let loaded = loaded.map_err(less)?;
            Ok(Arc::new(loaded))
        };
        generation.loaded.get_or_try_init(load).await.cloned()
    }

    fn open(&self, plugin: &PluginRef, terms: &Terms, purpose: &mut Purpose<'_>) -> Result<Opened, HostBug> {
        let (budget, strain) = (Arc::new(HttpBudget::default()), Arc::<Strain>::default());
        let granted = Arc::new(Granted {
            validity: Arc::clone(&terms.validity),
            withheld: Arc::clone(&terms.withheld),
            clock: Arc::clone(&self.clock),
        });
        let wipe = Wipe::new(&self.neighbours.facts);
        let hooks = Hooks {
            door: Arc::clone(&self.door),
            plugin: plugin.clone(),
            permissions: Arc::clone(&terms.permissions),
            budget: Arc::clone(&budget),
            granted: Arc::clone(&granted),
        };
        let reach = Reach {
            plugin: plugin.clone(),
            permissions: Arc::clone(&terms.permissions),
            granted: Arc::clone(&granted),
            settings: Arc::clone(&terms.settings),
            folder: terms.folder.clone(),
            secrets: Arc::clone(&self.secrets),
            known: self.known.noting(&budget.seen, Place::Service),
            wipe: wipe.owed(),
            audit: Arc::clone(&self.audit),
            state: Arc::clone(&self.state),
            neighbours: Arc::clone(&self.neighbours),
            post: Arc::clone(&self.post),
            context: purpose.context.take(),
            log_lines: 0,
            acts: 0,
            turns: 0,
            sent: 0,
            proposed: 0,
            revealed: 0,
            talk: None,
            in_call: false,
        };
        let (store, stdio) = store::open(self, purpose.limits, hooks, reach, Arc::clone(&strain))?;
        Ok(Opened { store, stdio, budget, strain, wipe })
    }

    /// Runs `body` in a store made for it. The caller holds no slot yet.
    pub(crate) async fn run<R: Send + 'static>(&self, generation: &Generation, purpose: Purpose<'_>, body: Body<R>) -> Ended<R> {
        let loaded = match self.loaded(generation).await {
            Ok(loaded) => loaded,
            Err(error) => {
                if let PluginError::Denied(denial) = &error {
                    self.record_denial(denial).await;
                }
                return Ended::at_once(error);
            }
        };
        let ended = self.run_loaded(generation.plugin(), &generation.terms, &loaded, purpose, body).await;
        if let Err(PluginError::Fault(fault)) = &ended.result {
            self.count_fault(generation, fault);
        }
        ended
    }

    /// A place among the calls that run. A free one is taken without a word to the
    /// scheduler, which would make a busy task give up its thread every so often.
    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        match Arc::clone(&self.slots).try_acquire_owned() {
            Ok(slot) => Some(slot),
            Err(_) => timeout(limits::SLOT_WAIT, Arc::clone(&self.slots).acquire_owned()).await.ok()?.ok(),
        }
    }

    /// The same for code that no generation has yet: at admission.
    pub(crate) async fn run_loaded<R: Send + 'static>(
        &self,
        plugin: &PluginRef,
        terms: &Terms,
        loaded: &Arc<Loaded>,
        mut purpose: Purpose<'_>,
        body: Body<R>,
    ) -> Ended<R> {
        let Some(slot) = self.slot().await else {
            let busy = format!("{} plugin calls are running", limits::CONCURRENT_CALLS);
            return Ended::at_once(PluginError::Busy(busy));
        };
        let Opened { store, stdio, budget, strain, wipe } = match self.open(plugin, terms, &mut purpose) {
            Ok(opened) => opened,
            Err(bug) => return Ended::at_once(bug.into()),
        };
        let Purpose { limits: call, during, .. } = purpose;
        let guest =
            Guest { plugin: plugin.clone(), during: during.to_owned(), loaded: Arc::clone(loaded), store, stdio: stdio.clone(), slot };
        let guarded = Box::pin(AssertUnwindSafe(guest.call(body)).catch_unwind());
        let begins_slow = loaded.computes.load(Ordering::Relaxed);
        let ended = timeout(call.wall, Laned::new(&self.slow_lane, Arc::clone(&strain), guarded, begins_slow)).await;
        wipe.pay().await;
        let computes = strain.ticks() > 0;
        if computes != begins_slow {
            // Only a change: what all cores read would else go from one to the other with each call.
            loaded.computes.store(computes, Ordering::Relaxed);
        }
        let result = match ended {
            Err(_) => Err(fault::timed_out(plugin, during, call.wall).into()),
            Ok(Err(_panic)) => {
                let reason = format!("a host function panicked while {plugin} was in {during}");
                Err(PluginError::Bug(HostBug { place: "plugins/runtime", reason }))
            }
            Ok(Ok(result)) => result,
        };
        if let Err(PluginError::Denied(denial)) = &result {
            self.record_denial(denial).await;
        }
        report_output(plugin, &stdio, result.is_err());
        let (mut notes, seen) = (budget.notes(), Arc::clone(&budget.seen));
        let known = self.known_in_result(&seen);
        notes.denial = notes.denial.map(|denial| denial.scrubbed(&known));
        Ended { result: result.map_err(|error: PluginError| error.scrubbed(&known)), notes, seen }
    }

    /// The values that are known, to be taken out of what comes of a call.
    pub(crate) fn known_in_result(&self, seen: &Arc<Seen>) -> Known {
        self.known.noting(seen, Place::Result)
    }

    /// One row for the secrets that were taken out of what a call said, if there were any.
    pub(crate) async fn tell_scrubbed(&self, plugin: &PluginRef, during: &str, seen: &Seen) {
        scrub::record(&*self.audit, plugin, during, seen).await;
    }

    async fn record_denial(&self, denial: &Denial) {
        let (actor, subject) = (denial.who.clone(), denial.what.clone());
        let detail = serde_json::json!({ "why": denial.why });
        let row = AuditRow { kind: "permission".into(), actor, subject, verdict: "denied".into(), detail };
        // The call is over either way; the log that takes no rows stops the next one.
        if let Err(error) = self.audit.enqueue(row).await {
            tracing::error!(%error, "a refusal was not recorded");
        }
    }

    pub(crate) fn count_fault(&self, generation: &Generation, fault: &GuestFault) {
        tracing::warn!(plugin = %generation.plugin(), during = %fault.during, kind = ?fault.kind, reason = %fault.reason, "guest fault");
        if generation.count_fault(self.clock.now_ms()) {
            // The receiver is gone only while the host shuts down.
            let _ = self.tripped.send(Tripped { plugin: generation.plugin().clone(), reason: fault.to_string() });
        }
    }
}

/// A guest call on its way, with all that is its own: it may change threads.
struct Guest {
    plugin: PluginRef,
    during: String,
    loaded: Arc<Loaded>,
    store: Store<CallState>,
    stdio: Stdio,
    slot: OwnedSemaphorePermit,
}

impl Guest {
    async fn call<R: Send + 'static>(self, body: Body<R>) -> Result<R, PluginError> {
        // The store ends before its slot is another's: what is named last goes first.
        let Self { slot, plugin, during, loaded, stdio, mut store } = self;
        let instance = match loaded.pre.instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(error) if is_full_pool(&error) => return Err(PluginError::Busy("no instance slot is free".into())),
            Err(error) => {
                let fault = || fault::not_started(&plugin, &error, &stdio.take().0).into();
                return Err(no_longer(&plugin, &during, &error).map_or_else(fault, PluginError::Denied));
            }
        };
        store.data_mut().reach.in_call = true;
        let ended = body(Call { store: &mut store, instance, loaded: &loaded }).await;
        drop(store);
        drop(slot);
        ended.map_err(|error| {
            let fault = || fault::explain(&plugin, &during, &error, &stdio.take().0).into();
            no_longer(&plugin, &during, &error).map_or_else(fault, PluginError::Denied)
        })
    }
}

/// The refusal of a step to the host under a grant that no longer holds.
fn no_longer(plugin: &PluginRef, during: &str, error: &wasmtime::Error) -> Option<Denial> {
    let why = error.downcast_ref::<NoLonger>()?.to_string();
    let remedy = format!("The owner can allow it again with `skynet plugin grant {}`", plugin.id);
    Some(Denial { who: plugin.to_string(), what: during.to_owned(), why, remedy })
}

fn is_full_pool(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<wasmtime::PoolConcurrencyLimitError>().is_some()
}

fn report_output(plugin: &PluginRef, stdio: &Stdio, failed: bool) {
    let (text, dropped) = stdio.take();
    for line in text.lines().filter(|line| !line.trim().is_empty()).take(100) {
        let line = skynet_policy::naming::plain_line(line, limits::LOG_LINE);
        if failed {
            tracing::warn!(%plugin, guest = true, "{line}");
        } else {
            tracing::debug!(%plugin, guest = true, "{line}");
        }
    }
    if dropped > 0 {
        tracing::warn!(%plugin, "{dropped} bytes of output were dropped; the limit is {}", limits::STDIO_BYTES);
    }
}
