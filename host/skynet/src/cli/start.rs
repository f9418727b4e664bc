//! `skynet start`: the host in the foreground. SIGTERM and Ctrl-C drain: no new
//! turns, running ones end, then the sockets close; a second signal ends at once.
//!
//! `begin` is its first part, on one thread: the lock, the log, the wall. What must
//! be read with more rights than a host has belongs there, ahead of the wall.

use crate::home::Home;
use crate::lock::{self, HostLock};
use crate::output::Out;
use crate::wall::{self, Told};
use crate::wire;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_core::config::LogConfig;
use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

/// Running turns get so long to end after SIGTERM; service managers wait 90 s.
const DRAIN: Duration = Duration::from_secs(60);

fn start_log(config: &LogConfig) -> Result<()> {
    let filter = std::env::var("SKYNET_LOG").unwrap_or_else(|_| config.level.clone());
    let filter = EnvFilter::try_new(&filter).with_context(|| format!("log.level = \"{filter}\" is no log filter; use info or debug"))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
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
    wall: Told,
}

/// Takes the lock, opens the log and raises the wall.
pub(crate) fn begin(home: &Home) -> Result<Begun> {
    home.must_exist()?;
    let lock = lock::take(home)?;
    let config = crate::config_file::load(home)?;
    start_log(&config.log)?;
    Ok(Begun { lock, wall: wall::raise(home, &config)? })
}

pub(crate) async fn run(home: &Home, begun: Begun, out: &Out) -> Result<()> {
    let Begun { mut lock, wall } = begun;
    let wired = wire::wire(home).await?;
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
