//! A plugin's calls while others take what they can get: one that computes without end,
//! one that takes memory, one that storms the host with calls, and all of them together.
//!
//! The calls come as messages do, from outside and some time apart, and what counts is
//! the time from the message to the answer. Each round has calls alone and calls beside.

use super::report::{Bound, Report, median, micros_of};
use super::{Bed, calls};
use crate::scripts::HostScripts;
use crate::vault::Places;
use crate::wire;
use anyhow::{Context, Result};
use skynet_agent::Agent;
use skynet_plugins::{Bother, Nuisance};
use skynet_policy::scrub::Known;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Of one round.
const CALLS: usize = 20;
/// Between two calls. No multiple of the host's 10 ms, so that calls fall everywhere.
const APART: Duration = Duration::from_micros(7_300);
/// Until the nuisances are at it.
const UNDER_WAY: Duration = Duration::from_millis(50);

/// Sends messages from a thread of its own, whatever the host's threads are doing.
fn messages() -> mpsc::UnboundedReceiver<Instant> {
    let (sender, messages) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for _ in 0..CALLS {
            std::thread::sleep(APART);
            if sender.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    messages
}

/// The p99 of one round: of twenty calls, the one that took longest, in microseconds.
async fn slowest(agent: &Agent) -> Result<f64> {
    let (agent, mut messages) = (agent.clone(), messages());
    let victim = tokio::spawn(async move {
        let mut slowest: f64 = 0.0;
        while let Some(sent) = messages.recv().await {
            calls::full(&agent).await?;
            slowest = slowest.max(micros_of(sent.elapsed()));
        }
        anyhow::Ok(slowest)
    });
    victim.await.context("the task of the measured plugin broke off")?
}

/// Runs each of these again and again; ended when dropped.
struct Running(Vec<JoinHandle<()>>);

impl Running {
    async fn start(bothers: &[Arc<Bother>]) -> Self {
        let again = |bother: &Arc<Bother>| {
            let bother = Arc::clone(bother);
            tokio::spawn(async move {
                loop {
                    bother.once().await;
                }
            })
        };
        let running = Self(bothers.iter().map(again).collect());
        tokio::time::sleep(UNDER_WAY).await;
        running
    }

    async fn end(mut self) {
        for task in self.0.drain(..) {
            task.abort();
            // Aborted, as it was told.
            let _ = task.await;
        }
    }
}

pub(crate) async fn run(bed: &Bed, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let wired = wire::wire(
        &bed.home,
        wire::open_store(&bed.home).await?,
        Known::default(),
        Places::of(&bed.home)?,
        HostScripts::off("not measured here"),
    )
    .await?;
    let (host, agent) = (wired.host.clone(), wired.agent.clone());
    let plugins = tokio::spawn(wired.runner.run(std::future::pending()));
    host.settled().await;
    let all: Vec<_> = Nuisance::ALL.into_iter().map(|kind| host.nuisance(kind).map(Arc::new)).collect::<Result<_, _>>()?;
    let groups: [(&str, &[Arc<Bother>]); 5] = [
        ("20 calls alone (baseline), p99", &[]),
        ("20 calls beside a plugin that computes without end, p99", all.get(..1).unwrap_or_default()),
        ("20 calls beside a plugin that takes memory, p99", all.get(1..2).unwrap_or_default()),
        ("20 calls beside a plugin that storms the host, p99", all.get(2..3).unwrap_or_default()),
        ("20 calls beside all three, p99", &all),
    ];
    let mut figures: [Vec<f64>; 5] = Default::default();
    for _ in 0..if quick { 3 } else { 25 } {
        for ((_, bothers), of_group) in groups.iter().zip(&mut figures) {
            let running = Running::start(bothers).await;
            of_group.push(slowest(&agent).await?);
            running.end().await;
        }
    }
    plugins.abort();
    let figures = figures.map(|mut of_group| median(&mut of_group));
    for ((name, _), figure) in groups.iter().zip(figures) {
        report.figure(name, figure, "us");
    }
    let [alone, .., beside] = figures;
    report.held("20 calls beside all three over alone, p99", beside / alone, "times", Bound::AtMost(2.0));
    Ok(())
}
