//! The model in the sandbox, beside the same code built for this machine: tokens for
//! each second of CPU. Both read the weights, read the question and answer it, on one
//! thread and in turns.

use super::Bed;
use super::cores::cpu_seconds;
use super::report::{Report, median};
use crate::scripts::HostScripts;
use crate::vault::Places;
use crate::wire;
use anyhow::{Context, Result};
use futures_util::StreamExt;
use serde_json::{Value, json};
use skynet_core::admin::PluginAdmin;
use skynet_core::ports::{CallContext, ModelEntry, Progress, Registry, Snapshot};
use skynet_core::{
    CompletionItem, CompletionRequest, Message, Part, PluginId, Role, SessionKey, ThinkingLevel, ToolChoice, TurnId, UserId,
};
use skynet_plugins::PluginHost;
use skynet_policy::scrub::Known;
use skynet_scripts::system::run_tool;
use std::path::Path;
use std::time::Duration;

/// The plugin, by file name without `.wasm`.
pub(crate) const PLUGIN: &str = "provider-local";
const QUESTION: &str = "What is the capital of France?";
const NATIVE: Duration = Duration::from_secs(300);
/// Looking at the model waits for the plugin to be asked what it has.
const LISTED: Duration = Duration::from_secs(60);

async fn served(host: &PluginHost) -> Result<(std::sync::Arc<dyn Snapshot>, ModelEntry)> {
    let id = PluginId::new(&format!("skynet/{PLUGIN}"))?;
    host.settled().await;
    host.grant(&id, None, "bench").await?;
    let look = async {
        loop {
            host.settled().await;
            let snapshot = host.snapshot();
            if let Some(model) = snapshot.models().iter().find(|model| model.plugin.id == id).cloned() {
                return (snapshot, model);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LISTED, look).await.context("the local model does not serve; is it in the folder `models`?")
}

/// Tokens for each second of CPU, in the sandbox.
async fn sandboxed(snapshot: &dyn Snapshot, model: &ModelEntry) -> Result<f64> {
    let request = CompletionRequest {
        model: model.info.id.clone(),
        system: Vec::new(),
        messages: vec![Message { role: Role::User, parts: vec![Part::Text { text: QUESTION.into() }] }],
        tools: Vec::new(),
        tool_choice: ToolChoice::Automatic,
        max_output: Some(128),
        temperature: Some(0.0),
        thinking: ThinkingLevel::Off,
        stop: Vec::new(),
        options: json!({}),
    };
    let context = CallContext {
        turn: TurnId("bench".into()),
        session: SessionKey::main(),
        user: UserId::owner(),
        time_zone: None,
        depth: 0,
        progress: Progress::default(),
    };
    let before = cpu_seconds("self")?;
    let mut stream = snapshot.complete(&model.plugin, request, context);
    while let Some(item) = stream.next().await {
        if let CompletionItem::End(end) = item? {
            return Ok((end.usage.input + end.usage.output) as f64 / (cpu_seconds("self")? - before));
        }
    }
    anyhow::bail!("the local model gave no answer")
}

/// The same of the native program: see `provider-local/examples/measure.rs`.
async fn native(program: &Path, weights: &Path) -> Result<f64> {
    let (program, weights) = (program.to_str().context("the program's path is no text")?, weights.to_str().context("no text")?);
    // One thread, as a component has.
    let output = run_tool("env", &["RAYON_NUM_THREADS=1", program, weights, QUESTION], NATIVE).await?;
    anyhow::ensure!(output.code == 0, "{program} failed: {}", output.stderr);
    let said: Value = serde_json::from_str(&output.stdout).with_context(|| format!("{program} said: {}", output.stdout))?;
    let number = |name: &str| said[name].as_f64().with_context(|| format!("{program} did not say `{name}`"));
    Ok((number("input")? + number("output")?) / (number("cpu_milliseconds")? / 1e3))
}

fn weights(folder: &Path) -> Result<std::path::PathBuf> {
    let files = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut models = files.flatten().map(|file| file.path()).filter(|path| path.extension().is_some_and(|kind| kind == "gguf"));
    models.next().with_context(|| format!("{} has no model; ./setup.sh --local-model brings one", folder.display()))
}

pub(crate) async fn run(bed: &Bed, models: &Path, program: Option<&Path>, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let weights = weights(models)?;
    let wired = wire::wire(
        &bed.home,
        wire::open_store(&bed.home).await?,
        Known::default(),
        Places::of(&bed.home)?,
        HostScripts::off("not measured here"),
    )
    .await?;
    let host = wired.host.clone();
    let plugins = tokio::spawn(wired.runner.run(std::future::pending()));
    let (snapshot, model) = served(&host).await?;
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for _ in 0..if quick { 1 } else { 5 } {
        inside.push(sandboxed(&*snapshot, &model).await?);
        if let Some(program) = program {
            outside.push(native(program, &weights).await?);
        }
    }
    let inside = median(&mut inside);
    if !outside.is_empty() {
        let outside = median(&mut outside);
        report.figure("local model, built for this machine (baseline)", outside, "tokens per CPU second");
        report.figure("local model, in the sandbox", inside, "tokens per CPU second");
        report.figure("sandbox over native", inside / outside, "times");
    } else {
        report.figure("local model, in the sandbox", inside, "tokens per CPU second");
    }
    plugins.abort();
    Ok(())
}
