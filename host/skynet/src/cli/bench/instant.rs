//! Instant plugins: from a script to the first answer of its tool, beside compiling the same
//! component whole, which each script would cost without the shared code of its engine.

use super::Bed;
use super::report::{Bound, Report, median};
use super::swaps::put_as;
use crate::cli::plugin::file;
use crate::compiler::ChildCompiler;
use crate::scripts::HostScripts;
use crate::vault::Places;
use crate::wire::{self, Wired};
use anyhow::{Context as _, Result};
use serde_json::json;
use skynet_agent::Agent;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::{PluginId, SessionKey, UserId};
use skynet_plugins::compile::Compiler as _;
use skynet_plugins::{PluginHost, instant};
use skynet_policy::manifest::Manifest;
use skynet_policy::scrub::Known;
use skynet_policy::signature::SecretKey;
use skynet_policy::trust::Tier;
use std::path::Path;
use tokio::time::Instant;

/// What an owner waits at most, from the command to the first answer.
const WAIT_SECONDS: f64 = 2.0;

/// A plugin of its own: another name, another answer.
struct Script {
    id: PluginId,
    manifest: Manifest,
    text: String,
}

impl Script {
    fn numbered(number: usize) -> Result<Self> {
        let id = PluginId::new(&format!("bench/script{number}"))?;
        let manifest = format!(
            "schema = 1\nid = \"{id}\"\nversion = \"0.1.0\"\nsummary = \"A script.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n[permissions]\n"
        );
        let text = format!(
            "export const tools = [{{ name: \"say\", description: \"Says.\", parameters: {{ type: \"object\" }}, call() {{ return \"said {number}\"; }} }}];"
        );
        Ok(Self { manifest: Manifest::parse(&manifest)?, id, text })
    }

    fn component(&self, runtime: &[u8]) -> Result<Vec<u8>> {
        Ok(instant::instant(runtime, &self.text, &self.manifest)?)
    }
}

async fn until_serves(host: &PluginHost, id: &PluginId) -> Result<()> {
    loop {
        host.settled().await;
        let list = host.list().await;
        if list.iter().any(|line| line.name == id.as_str() && line.serving.is_some()) {
            return Ok(());
        }
        let refused = list.iter().find(|line| line.name.ends_with(".wasm"));
        anyhow::ensure!(refused.is_none(), "the script was refused: {refused:?}");
    }
}

/// Seconds from a script to its answer: built, signed, dropped, admitted, called.
async fn road(bed: &Bed, runtime: &[u8], key: &SecretKey, (host, agent): (&PluginHost, &Agent), number: usize) -> Result<f64> {
    let begun = Instant::now();
    let script = Script::numbered(number)?;
    let component = script.component(runtime)?;
    let path = Path::new("script.wasm");
    let (_, packed) = file::packed(path, &component, script.manifest.clone(), None)?;
    let (_, signed) = file::signed(path, &packed, key)?;
    put_as(bed, script.id.name(), &signed)?;
    until_serves(host, &script.id).await?;
    let tool = skynet_policy::naming::exposed_name(&script.id, "say");
    let answer = agent.invoke(&tool, &json!({}), SessionKey::main(), UserId::owner()).await;
    let seconds = begun.elapsed().as_secs_f64();
    let answer = format!("{:?}", answer.map_err(|error| anyhow::anyhow!("the script did not answer: {error:?}"))?);
    anyhow::ensure!(answer.contains(&format!("said {number}")), "the script answered something else: {answer}");
    Ok(seconds)
}

pub(crate) async fn run(bed: &Bed, runtime: &Path, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let runtime = std::fs::read(runtime).with_context(|| format!("{} cannot be read", runtime.display()))?;
    let key = SecretKey::generate()?;
    crate::keys::trust(&bed.home, &key.public(), "bench", vec!["bench".into()], Tier::Local)?;
    let store = wire::open_store(&bed.home).await?;
    let places = Places::of(&bed.home)?;
    let Wired { host, agent, runner, .. } =
        wire::wire(&bed.home, store, Known::default(), places, HostScripts::off("not measured here")).await?;
    let plugins = tokio::spawn(runner.run(std::future::pending()));
    host.settled().await;

    let first = road(bed, &runtime, &key, (&host, &agent), 0).await?;
    let (mut whole, mut roads) = (Vec::new(), Vec::new());
    for number in 1..=if quick { 2 } else { 7 } {
        roads.push(road(bed, &runtime, &key, (&host, &agent), number).await?);
        let component = Script::numbered(number)?.component(&runtime)?;
        let begun = Instant::now();
        ChildCompiler::new()?.compile(component).await?;
        whole.push(begun.elapsed().as_secs_f64());
    }
    let (road, whole) = (median(&mut roads), median(&mut whole));
    report.figure("compiling one such component whole, in its child process", whole, "s");
    report.figure("first script of a host that compiled nothing ahead, to answer", first, "s");
    report.held("script to the first answer of its tool", road, "s", Bound::AtMost(WAIT_SECONDS));
    report.figure("that, as a part of compiling it whole", road / whole.max(f64::EPSILON), "times");
    plugins.abort();
    Ok(())
}
