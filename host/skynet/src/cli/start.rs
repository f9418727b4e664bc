//! `skynet start`: the host in the foreground. SIGTERM and Ctrl-C drain: no new
//! turns, running ones end, then the sockets close; a second signal ends at once.

use crate::home::Home;
use crate::lock;
use crate::output::Out;
use crate::scrubbed::ScrubbedLog;
use crate::wire;
use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit};
use serde_json::json;
use skynet_core::config::LogConfig;
use skynet_policy::scrub::Known;
use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Running turns get so long to end after SIGTERM; service managers wait 90 s.
const DRAIN: Duration = Duration::from_secs(60);

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

pub(crate) async fn run(home: &Home, out: &Out) -> Result<()> {
    home.must_exist()?;
    let mut lock = lock::take(home)?;
    // A core dump would hold every secret; a system that refuses this dumps as it did before.
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let known = Known::default();
    start_log(&crate::config_file::load(home)?.log, &known)?;
    let wired = wire::wire(home, known).await?;
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
    let agent = wired.agent.clone();
    let stopping = wired.stopping;
    let signals = tokio::spawn(async move {
        if let Err(error) = first_signal().await {
            tracing::error!(%error, "no signals here");
            return;
        }
        tracing::info!("stopping: running turns are finished first");
        stopping.store(true, Ordering::Relaxed);
        tokio::select! {
            () = agent.drain(DRAIN) => {}
            _ = first_signal() => tracing::warn!("stopping at once"),
        }
        let _ = stop.send(true);
    });
    wired.gateway.serve(wait(stopped)).await?;
    signals.abort();
    // The folder loop ends with the same word; what serves is already durable.
    let _ = tokio::time::timeout(Duration::from_secs(5), plugins).await;
    // Rows that no later write took along.
    wired.audit.settle().await?;
    tracing::info!("stopped");
    Ok(())
}

async fn first_signal() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
