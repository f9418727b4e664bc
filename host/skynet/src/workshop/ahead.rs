//! The engine of instant plugins is compiled before anybody writes a script: once for each build
//! of the host, in the background, after all that is installed serves.
//!
//! A script that asks for nothing shares that code, whatever is in it, and serves at once; the
//! first one that asks for more waits once for the engine that has its imports. Does nothing
//! where there is no engine.

use crate::home::Home;
use anyhow::{Context as _, Result};
use skynet_core::PluginId;
use skynet_plugins::{PluginHost, instant};
use skynet_policy::manifest::{Manifest, World};
use skynet_policy::permission::Permissions;

/// Compiles it and says so in the log; what fails is only slower later.
pub(crate) async fn compile(home: Home, host: PluginHost) {
    if !home.js_runtime().exists() {
        return;
    }
    host.settled().await;
    match prepared(&home, &host).await {
        Ok(()) => tracing::debug!("the engine of instant plugins is compiled"),
        Err(error) => tracing::warn!(error = format!("{error:#}"), "the engine of instant plugins was not compiled ahead"),
    }
}

async fn prepared(home: &Home, host: &PluginHost) -> Result<()> {
    let path = home.js_runtime();
    let runtime = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let manifest = plain()?;
    let component = tokio::task::spawn_blocking(move || instant::instant(&runtime, "", &manifest)).await??;
    anyhow::ensure!(host.compile_ahead(&component).await?, "it has no room for scripts");
    Ok(())
}

/// Of a script that asks for nothing. Its name is nowhere in the code.
fn plain() -> Result<Manifest> {
    Ok(Manifest {
        schema: 1,
        id: PluginId::new("local/script")?,
        version: semver::Version::new(0, 1, 0),
        summary: "A script.".into(),
        world: World::ToolPlugin,
        wit: semver::VersionReq::parse(super::RANGE)?,
        license: None,
        repository: None,
        permissions: Permissions::default(),
    })
}
