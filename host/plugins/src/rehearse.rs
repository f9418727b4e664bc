//! Trial calls of a component that nobody installed: what does it say, what does it answer,
//! in a store that is granted nothing?
//!
//! The same steps as admission: counted and validated before anything else, compiled in the
//! child, linked with what it asks for, and run with none of it. Each call has a store of
//! its own. Nothing of it serves, and no grant, key or audit row is touched.

use crate::bindings::{from_guest, to_guest};
use crate::generation::{Loaded, Terms};
use crate::host::PluginHost;
use crate::inspect;
use crate::limits;
use crate::probe;
use crate::runtime::Runtime;
use crate::scrub::Scrub as _;
use crate::store::{CallLimits, Purpose};
use skynet_core::plugin::PluginKind;
use skynet_core::ports::{CallContext, Progress, Registry as _};
use skynet_core::proposals::Trial;
use skynet_core::{Generation, PluginError, PluginId, PluginRef, ResultPart, SessionKey, ToolOutcome, ToolSpec, TurnId, UserId};
use skynet_policy::naming;
use skynet_policy::permission::Permissions;
use std::sync::Arc;

/// How the trials of a component went.
#[derive(Debug, Clone, Default)]
pub struct Rehearsal {
    /// What it offers.
    pub tools: Vec<ToolSpec>,
    /// One line for each trial that went as it should.
    pub passed: Vec<String>,
    /// One line for each that did not.
    pub failed: Vec<String>,
}

impl PluginHost {
    /// Runs these trials. The error says why none could be run.
    pub async fn rehearse(
        &self,
        id: &PluginId,
        version: &semver::Version,
        component: Vec<u8>,
        asks: &Permissions,
        trials: &[Trial],
    ) -> Result<Rehearsal, String> {
        let runtime = &*self.shared.runtime;
        let plugin = PluginRef { id: id.clone(), version: version.clone(), generation: Generation(0) };
        let (component, contents) = tokio::task::spawn_blocking(move || {
            let contents = inspect::inspect(&component);
            (component, contents)
        })
        .await
        .map_err(|error| error.to_string())?;
        let kinds = contents.map_err(|unfit| unfit.to_string())?.kinds();
        if !kinds.contains(&PluginKind::Tool) {
            return Err("it offers no tools".into());
        }
        let digest = runtime.blobs.put(&component).map_err(|error| format!("it could not be kept: {error}"))?;
        let tried = self.tried(&plugin, &digest, &kinds, asks, trials).await;
        if tried.as_ref().map_or(true, |rehearsal| !rehearsal.failed.is_empty()) {
            self.discard(id, &digest).await;
        }
        tried
    }

    /// Gives up a component that nobody will install, and the code made of it. One that a receipt of this
    /// plugin names stays: its version may be gone back to. So does one that serves as another plugin: the
    /// same script under the same name makes the same component in every namespace.
    pub async fn discard(&self, id: &PluginId, component: &str) {
        let runtime = &*self.shared.runtime;
        let (own, serving) = (self.shared.state.receipts(id), self.shared.state.serving());
        let receipts = match tokio::try_join!(own, serving) {
            Ok((own, serving)) => [own, serving].concat(),
            Err(error) => {
                tracing::warn!(plugin = %id, %error, "a component that nobody installs is kept");
                return;
            }
        };
        if receipts.iter().any(|receipt| receipt.component == component) {
            return;
        }
        for removed in [runtime.artifacts.remove(component), runtime.blobs.remove(component)] {
            if let Err(error) = removed {
                tracing::warn!(plugin = %id, %error, "a component that nobody installs could not be removed");
            }
        }
    }

    /// Compiled, linked with what it asks for, and run with none of it.
    async fn tried(
        &self,
        plugin: &PluginRef,
        digest: &str,
        kinds: &[PluginKind],
        asks: &Permissions,
        trials: &[Trial],
    ) -> Result<Rehearsal, String> {
        let (runtime, id) = (&*self.shared.runtime, &plugin.id);
        let code = runtime.component(digest).await.map_err(|error| error.to_string())?;
        let loaded = Arc::new(Loaded::link(&runtime.engine, &code, kinds, asks)?);
        let said = probe::probe(runtime, plugin, &loaded, kinds, &nothing()).await.map_err(why)?;
        self.check_free(id, &said.tools)?;
        if said.tools.is_empty() {
            let why = refusal(runtime, plugin, &loaded).await;
            return Err(format!("it offers no tools{}", why.map(|why| format!(": {why}")).unwrap_or_default()));
        }
        let mut rehearsal = Rehearsal { tools: said.tools, ..Rehearsal::default() };
        for trial in trials {
            if !rehearsal.tools.iter().any(|tool| tool.name == trial.tool) {
                let line = format!("{}: it offers no tool of that name", naming::plain_line(&trial.tool, 60));
                rehearsal.failed.push(line);
                continue;
            }
            let ended = call(runtime, plugin, &loaded, trial).await;
            match judged(trial, ended) {
                Ok(line) => rehearsal.passed.push(line),
                Err(line) => rehearsal.failed.push(line),
            }
        }
        Ok(rehearsal)
    }

    /// No other plugin that serves has one of these names before the model.
    fn check_free(&self, id: &PluginId, tools: &[ToolSpec]) -> Result<(), String> {
        let snapshot = self.snapshot();
        let taken = || snapshot.tools().iter().map(|entry| (entry.exposed.as_str(), &entry.plugin.id));
        for tool in tools {
            let exposed = naming::exposed_name(id, &tool.name);
            if let Some(collision) = naming::collision(taken(), (&exposed, id)) {
                return Err(collision.to_string());
            }
        }
        Ok(())
    }
}

/// In words for whoever wrote it: what helps against a plugin that is installed helps nobody here.
fn why(error: PluginError) -> String {
    match error {
        PluginError::Fault(fault) => format!("it failed in {}: {}", fault.during, fault.reason),
        other => other.to_string(),
    }
}

/// With nothing granted, on nobody's behalf.
fn nothing() -> Terms {
    Terms { permissions: Arc::default(), withheld: Arc::default(), settings: Arc::default(), folder: None, validity: Arc::default() }
}

/// Why it cannot work, in its own words: a script that does not load says so here.
async fn refusal(runtime: &Runtime, plugin: &PluginRef, loaded: &Arc<Loaded>) -> Option<String> {
    let (limits, terms) = (CallLimits::probe(&Permissions::default()), nothing());
    let configured = runtime.run_loaded(
        plugin,
        &terms,
        loaded,
        Purpose::of_host(limits, "configure"),
        Box::new(|call| {
            Box::pin(async move {
                let lifecycle = call.loaded.lifecycle.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no lifecycle"))?;
                let lifecycle = lifecycle.load(&mut *call.store, &call.instance)?;
                lifecycle.call_configure(&mut *call.store, &"{}".to_owned()).await
            })
        }),
    );
    match configured.await.result {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(naming::plain_line(&why, limits::REPORT_LINE)),
        Err(error) => Some(why(error)),
    }
}

async fn call(runtime: &Runtime, plugin: &PluginRef, loaded: &Arc<Loaded>, trial: &Trial) -> Result<ToolOutcome, PluginError> {
    let (limits, terms) = (CallLimits::probe(&Permissions::default()), nothing());
    let turn = TurnId("rehearsal".into());
    let context =
        CallContext { turn, session: SessionKey::main(), user: UserId::owner(), time_zone: None, depth: 0, progress: Progress::default() };
    let guest_context = to_guest::context(&context, limits.wall);
    let during = format!("trial of {}", trial.tool);
    let (name, arguments) = (trial.tool.clone(), trial.arguments.to_string());
    // On nobody's behalf: every door of the host's own services stays shut.
    let ended = runtime.run_loaded(
        plugin,
        &terms,
        loaded,
        Purpose::of_host(limits, &during),
        Box::new(move |call| {
            Box::pin(async move {
                let indices = call.loaded.tool.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no tool interface"))?;
                let guest = indices.load(&mut *call.store, &call.instance)?;
                guest.call_call(&mut *call.store, &name, &arguments, &guest_context).await
            })
        }),
    );
    let ended = ended.await;
    let known = runtime.known_in_result(&ended.seen);
    let said = ended.result.and_then(|said| match said {
        Ok(outcome) => Ok(from_guest::outcome(outcome).scrubbed(&known)),
        Err(error) => Err(from_guest::tool_error(error).scrubbed(&known).into()),
    });
    runtime.tell_scrubbed(plugin, &during, &ended.seen).await;
    said
}

fn shown_outcome(outcome: &ToolOutcome) -> String {
    let text = |part: &ResultPart| match part {
        ResultPart::Text { text } => text.clone(),
        ResultPart::Json { value } => value.to_string(),
        ResultPart::Image { .. } => "[an image]".into(),
    };
    outcome.content.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// One line, good or bad, about a trial that ran.
fn judged(trial: &Trial, ended: Result<ToolOutcome, PluginError>) -> Result<String, String> {
    let (failed, said) = match ended {
        Ok(outcome) => (false, shown_outcome(&outcome)),
        Err(error) => (true, error.to_string()),
    };
    let call = naming::plain_line(&format!("{} {}", trial.tool, trial.arguments), limits::REPORT_LINE);
    let shown = naming::plain_line(&said, limits::REPORT_LINE);
    let word = if failed { "failed with" } else { "gave" };
    if failed != trial.fails {
        let wanted = if trial.fails { "should have failed" } else { "should not have failed" };
        return Err(format!("{call} {word} `{shown}` and {wanted}"));
    }
    match trial.expect.as_deref().filter(|expected| !said.contains(expected)) {
        Some(expected) => Err(format!("{call} {word} `{shown}`, in which `{}` is not", naming::plain_line(expected, 200))),
        None => Ok(format!("{call} {word} `{shown}`")),
    }
}
