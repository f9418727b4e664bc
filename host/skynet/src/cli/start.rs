//! `skynet start`: the host in the foreground. SIGTERM and Ctrl-C drain: no new
//! turns, running ones end, then the sockets close; a second signal ends at once.
//!
//! `begin` is its first part, on one thread: the lock, the log, the wall. What must
//! be read with more rights than a host has belongs there, ahead of the wall.

use crate::anchor::Anchor;
use crate::home::Home;
use crate::lock::{self, HostLock};
use crate::output::Out;
use crate::scripts::HostScripts;
use crate::scrubbed::ScrubbedLog;
use crate::vault::Places;
use crate::wall::{self, Told};
use crate::wire;
use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit};
use serde_json::json;
use skynet_core::config::LogConfig;
use skynet_core::ports::{Audit as _, AuditRow};
use skynet_policy::scrub::Known;
use skynet_scripts::code_pages::CodePages;
use skynet_store::Store;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Running turns get so long to end after SIGTERM; service managers wait 90 s.
const DRAIN: Duration = Duration::from_secs(60);

/// By then a start is over: the folder was looked at and providers were asked, but for what must be compiled first.
pub(crate) const STARTED: Duration = Duration::from_secs(5);

fn start_log(config: &LogConfig, known: &Known) -> Result<()> {
    let filter = std::env::var("SKYNET_LOG").unwrap_or_else(|_| config.level.clone());
    let filter = EnvFilter::try_new(&filter).with_context(|| format!("log.level = \"{filter}\" is no log filter; use info or debug"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(ScrubbedLog(known.clone()))
        .with_ansi(std::io::stderr().is_terminal());
    if config.json {
        log.json().init()
    } else {
        log.with_target(false).init()
    }
    Ok(())
}

/// What stands before the host has a second thread.
pub(crate) struct Begun {
    lock: HostLock,
    known: Known,
    anchor: Arc<Anchor>,
    places: Places,
    scripts: HostScripts,
    wall: Told,
    code: Option<CodePages>,
}

/// Takes the lock, opens the log, starts what must stand outside of the wall, raises it.
pub(crate) fn begin(home: &Home) -> Result<Begun> {
    home.must_exist()?;
    let lock = lock::take(home)?;
    // A core dump would hold every secret. The wall says this too, where there is one.
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let config = crate::config_file::load(home)?;
    let known = Known::default();
    start_log(&config.log, &known)?;
    let anchor = Arc::new(Anchor::start(home, &config.audit)?);
    let places = Places::of(home)?.ahead_of_the_wall();
    let code = CodePages::find();
    let scripts = HostScripts::start(home, &config);
    let wall = wall::raise(home, &config, scripts.layers())?;
    Ok(Begun { lock, known, anchor, places, scripts, wall, code })
}

pub(crate) async fn run(home: &Home, begun: Begun, out: &Out) -> Result<()> {
    // Before anybody can know that there is a host to end.
    let asked = Signals::take()?;
    let store = wire::open_store(home).await?;
    let anchor = Arc::clone(&begun.anchor);
    begin_run(&store).await?;
    let served = serve(home, begun, &store, asked, out).await;
    // A start that failed is no crash: the next one must not speak of lost rows.
    let ended = end_run(home, &anchor, &store, if served.is_ok() { "ok" } else { "error" }).await;
    served.and(ended)?;
    tracing::info!("stopped");
    Ok(())
}

/// All between the first row of a run and its last.
async fn serve(home: &Home, begun: Begun, store: &Store, mut asked: Signals, out: &Out) -> Result<()> {
    let Begun { mut lock, known, anchor, places, scripts, wall, code } = begun;
    let wired = wire::wire(home, store.clone(), known, places, scripts).await?;
    wall::close(wall, home)?;
    let address = wired.gateway.local_addr();
    lock.listens_on(address)?;
    out.both(
        &format!(
            "skynet {} listens on ws://{address} (model {})",
            env!("CARGO_PKG_VERSION"),
            wired.agent.default_model().unwrap_or_else(|| "none yet".into())
        ),
        &json!({ "address": address.to_string(), "pid": std::process::id() }),
    );
    let (stop, stopped) = watch::channel(false);
    let wait = |mut stopped: watch::Receiver<bool>| async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let plugins = tokio::spawn(wired.runner.run(wait(stopped.clone())));
    let ahead = tokio::spawn(crate::workshop::ahead::compile(home.clone(), wired.host.clone()));
    let desk = wired.desk;
    let approved = tokio::spawn(async move {
        if let Err(error) = desk.recover().await {
            tracing::error!(%error, "plugins that were approved before the last stop could not be looked up");
        }
    });
    let jobs = tokio::spawn(wired.scheduler.run(wait(stopped.clone())));
    let agent = wired.agent.clone();
    let stopping = wired.stopping;
    let signals = tokio::spawn(async move {
        asked.next().await;
        tracing::info!("stopping: running turns are finished first");
        stopping.store(true, Ordering::Relaxed);
        tokio::select! {
            () = agent.drain(DRAIN) => {}
            () = asked.next() => tracing::warn!("stopping at once"),
        }
        let _ = stop.send(true);
    });
    let registries = tokio::spawn(wired.watch.run());
    tokio::spawn(async move {
        tokio::time::sleep(STARTED).await;
        if let Some(Err(error)) = code.map(CodePages::give_back) {
            tracing::debug!(%error, "what only the start needed stays in memory");
        }
    });
    let checkpoints = tokio::spawn(anchor.tend(home.clone(), store.clone()));
    wired.gateway.serve(wait(stopped)).await?;
    signals.abort();
    checkpoints.abort();
    registries.abort();
    approved.abort();
    ahead.abort();
    // Both end with the same word; what serves and what is planned is already durable.
    let _ = tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(plugins, jobs) }).await;
    Ok(())
}

fn host_row(subject: &str, verdict: &str) -> AuditRow {
    let detail = json!({ "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id() });
    AuditRow { kind: "host".into(), actor: "host".into(), subject: subject.into(), verdict: verdict.into(), detail }
}

async fn begin_run(store: &Store) -> Result<()> {
    let crashed = store.begin_run().await?;
    if crashed {
        tracing::warn!("the host before this one ended without a word; audit rows of its last moments may never have been written");
    }
    Ok(store.record(host_row("start", if crashed { "recovered" } else { "ok" })).await?)
}

/// The last row also takes along those that no later write did, and is signed.
async fn end_run(home: &Home, anchor: &Anchor, store: &Store, verdict: &str) -> Result<()> {
    store.record(host_row("stop", verdict)).await?;
    store.end_run().await?;
    anchor.sign(home, store).await;
    Ok(store.fold().await?)
}

/// The two ways in which a host is asked to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on they no longer end the process by themselves.
    fn take() -> Result<Self> {
        let signals =
            || Ok::<_, std::io::Error>(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? });
        signals().context("no signals can be received here")
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
