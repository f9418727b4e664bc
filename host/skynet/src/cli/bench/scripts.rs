//! A script plugin's call on the full path — schema, bridge, audit, cell — beside a bare start of the same
//! interpreter with the same file, in turns.
//!
//! An interpreter that is not there has no row; a machine that cannot confine scripts has none at all, and
//! that is said.

use super::Bed;
use super::report::{Bound, Report, median, micros};
use crate::scripts::HostScripts;
use crate::vault::Places;
use crate::wire;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_agent::Agent;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::{SessionKey, UserId};
use skynet_plugins::{PluginHost, trees};
use skynet_policy::scrub::Known;
use skynet_scripts::system::run_tool;
use skynet_scripts::wall::State;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The plugin that presents scripts, by file name without `.wasm`.
pub(super) const BRIDGE: &str = "script-bridge";

const SPAWN: Duration = Duration::from_secs(30);

/// Where the sandbox looks for interpreters too, so that both start the same file.
const FOLDERS: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// Name, interpreter, what it runs, and the bound on the ratio of both, if there is one. A shell that does
/// nothing starts in a fraction of what any cell costs.
const KINDS: [(&str, &str, &str, Option<f64>); 2] = [
    ("python", "python3", "import json, os\nprint(json.dumps(json.loads(os.environ.get('SKYNET_INPUT', '{}'))))", Some(1.5)),
    ("shell", "sh", "echo \"$SKYNET_INPUT\"", None),
];

fn put(folder: &Path, name: &str, program: &str, text: &str) -> Result<PathBuf> {
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder)?;
    let manifest = format!("name = \"{name}\"\ndescription = \"Measured.\"\n[run]\ncommand = \"{program}\"\nscript = \"main\"\n");
    std::fs::write(folder.join("tool.toml"), manifest)?;
    std::fs::write(folder.join("main"), text)?;
    Ok(folder.join("main"))
}

async fn approve(host: &PluginHost, name: &str) -> Result<()> {
    let id = trees::plugin_of(name).map_err(anyhow::Error::msg)?;
    let info = host.info(&id).await?;
    let files = info["script"]["files"].as_str().context("a folder that was not read")?;
    Ok(host.approve(&id, files, "owner").await?)
}

async fn call(agent: &Agent, name: &str) -> Result<()> {
    let tool = format!("{name}__{name}");
    let result = agent.invoke(&tool, &json!({}), SessionKey::main(), UserId::owner()).await?;
    anyhow::ensure!(!result.is_error, "the script failed: {}", result.to_text());
    Ok(())
}

pub(crate) async fn run(bed: &Bed, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let scripts = HostScripts::start(&bed.home, &crate::config_file::load(&bed.home)?);
    if let Some((_, layer)) = scripts.layers().into_iter().find(|(name, layer)| name == "scripts" && layer.state == State::Off) {
        report.remark(&format!("scripts are not measured: {}", layer.says));
        return Ok(());
    }
    let store = wire::open_store(&bed.home).await?;
    let wired = wire::wire(&bed.home, store, Known::default(), Places::of(&bed.home)?, scripts).await?;
    let (host, agent) = (wired.host.clone(), wired.agent.clone());
    let plugins = tokio::spawn(wired.runner.run(std::future::pending()));
    host.settled().await;
    let rounds = if quick { 10 } else { 100 };
    for (name, program, text, bound) in KINDS {
        let there = FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.exists());
        let Some(there) = there.as_deref().and_then(Path::to_str) else { continue };
        let file = put(&bed.home.tools(), name, program, text)?;
        let file = file.to_str().context("a data folder whose name is not UTF-8")?;
        host.settled().await;
        approve(&host, name).await?;
        let (mut bare, mut full) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let (took, done) = micros(run_tool(there, &[file], SPAWN)).await;
            anyhow::ensure!(done?.code == 0, "{program} failed");
            bare.push(took);
            let (took, done) = micros(call(&agent, name)).await;
            done?;
            full.push(took);
        }
        let (bare, full) = (median(&mut bare), median(&mut full));
        report.figure(&format!("a bare start of {program}"), bare, "us");
        report.figure(&format!("the same as a script plugin's call ({program})"), full, "us");
        let ratio = format!("script call / bare start ({program})");
        match bound {
            Some(limit) => report.held(&ratio, full / bare, "times", Bound::AtMost(limit)),
            None => report.figure(&ratio, full / bare, "times"),
        }
    }
    plugins.abort();
    Ok(())
}
