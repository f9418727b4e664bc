//! A plugin host of its own for one plugin: for its tests and its benchmark.
//!
//! Everything lies in a folder that vanishes with it; the plugin is signed with a key that
//! lives as long. It serves under the grant that is given here and nothing else: no secrets but
//! those of its stage, no agent, no scripts, a memory and a store that begin empty.

use super::project::Project;
use super::secrets::StageSecrets;
use crate::cli::plugin::file;
use crate::clock::SystemClock;
use crate::compiler::ChildCompiler;
use crate::exit::{Kind, fail};
use crate::late::{LateAgent, NoProposals};
use crate::scripts::HostScripts;
use crate::terminals::HostTerminals;
use anyhow::{Context as _, Result};
use skynet_agent::Planner;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::config::{PluginsConfig, RatesConfig};
use skynet_core::neighbours::Neighbours;
use skynet_core::plugin::PluginState;
use skynet_core::ports::{CallContext, Progress, Registry as _};
use skynet_core::{PluginId, PluginRef, SessionKey, TurnId, UserId};
use skynet_plugins::{Parts, PluginHost, Settings, Staged, SystemResolver, Unadvised};
use skynet_policy::manifest::Manifest;
use skynet_policy::permission::Permissions;
use skynet_policy::scrub::Known;
use skynet_policy::signature::SecretKey;
use skynet_policy::trust::{Tier, TrustStore, TrustedKey};
use skynet_store::Store;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// A host with one plugin that serves.
pub(super) struct Bed {
    pub(super) host: PluginHost,
    pub(super) id: PluginId,
    runner: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Bed {
    /// With this component, under this grant.
    pub(super) async fn make(
        project: &Project,
        component: &Path,
        grant: &Permissions,
        settings: Settings,
        staged: Arc<Staged>,
    ) -> Result<Self> {
        let bytes = std::fs::read(component).with_context(|| format!("{} cannot be read", component.display()))?;
        Self::of(project.manifest.clone(), (component, &bytes), grant, settings, staged).await
    }

    /// With the component that these bytes are; the path is for messages.
    pub(super) async fn of(
        manifest: Manifest,
        (component, bytes): (&Path, &[u8]),
        grant: &Permissions,
        settings: Settings,
        staged: Arc<Staged>,
    ) -> Result<Self> {
        let id = manifest.id.clone();
        let packed = file::packed(component, bytes, manifest, None)?.1;
        Self::packed(id, (component, &packed), grant, settings, staged, StageSecrets::placeholders(grant), None).await
    }

    /// With a packed plugin, whoever signed it, and these secrets. `code` is a private folder, which lives longer than
    /// this host, for what is compiled; one of its own when absent.
    pub(super) async fn packed(
        id: PluginId,
        (path, packed): (&Path, &[u8]),
        grant: &Permissions,
        settings: Settings,
        staged: Arc<Staged>,
        secrets: StageSecrets,
        code: Option<&Path>,
    ) -> Result<Self> {
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("skynet-test-").permissions(private).tempdir()?;
        let key = SecretKey::generate()?;
        let mut trust = TrustStore::default();
        trust.trust(TrustedKey::new(&key.public(), "test", vec!["*".into()], Tier::Local, &crate::keys::now()))?;
        let signed = file::signed(path, packed, &key)?.1;
        let inbox = folder.path().join("plugins");
        std::fs::create_dir_all(&inbox)?;
        std::fs::write(inbox.join("plugin.wasm"), signed)?;
        let mut parts = parts(folder.path(), trust, BTreeMap::from([(id.clone(), settings)]), secrets)?;
        if let Some(code) = code {
            parts.private = code.to_owned();
        }
        let (host, runner) = PluginHost::start_staged(parts, staged).await?;
        let runner = tokio::spawn(runner.run(std::future::pending()));
        let bed = Self { host, id, runner, _folder: folder };
        bed.serve(grant).await?;
        Ok(bed)
    }

    /// Waits until the file was dealt with, grants, and makes sure that it serves.
    async fn serve(&self, grant: &Permissions) -> Result<()> {
        self.host.settled().await;
        if matches!(self.state().await?, PluginState::Pending { .. }) {
            self.host.grant(&self.id, Some(serde_json::to_value(grant)?), "plugin test").await?;
        }
        match self.state().await? {
            PluginState::Serving => Ok(()),
            other => {
                let why = serde_json::to_value(&other)?;
                Err(fail(Kind::Refused, format!("{} does not serve: {why}", self.id)))
            }
        }
    }

    /// What serves of it now.
    pub(super) async fn serving(&self) -> Option<PluginRef> {
        self.host.list().await.into_iter().find(|status| status.name == self.id.as_str())?.serving
    }

    /// The provider's own names of its models.
    pub(super) fn models(&self) -> Vec<String> {
        self.host.snapshot().models().iter().map(|model| model.info.id.clone()).collect()
    }

    async fn state(&self) -> Result<PluginState> {
        let known = self.host.list().await;
        // A refused file is listed by its name.
        let ours = known.into_iter().find(|status| status.name == self.id.as_str() || status.serving.is_none());
        ours.map(|status| status.state).context("the host of the test did not see the plugin")
    }

    /// On whose behalf a test calls.
    pub(super) fn context() -> CallContext {
        CallContext {
            turn: TurnId("test".into()),
            session: SessionKey::main(),
            user: UserId::owner(),
            time_zone: None,
            depth: 0,
            progress: Progress::default(),
        }
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.runner.abort();
    }
}

/// All that a host needs, of which nothing is anybody's.
pub(super) fn parts(folder: &Path, trust: TrustStore, settings: BTreeMap<PluginId, Settings>, secrets: StageSecrets) -> Result<Parts> {
    let store = Arc::new(Store::open(&folder.join("skynet.db"), Arc::new(SystemClock))?);
    let late = Arc::new(LateAgent::default());
    let none = RatesConfig { plugin_calls_per_minute: 0, channel_events_per_minute: 0, ..RatesConfig::default() };
    Ok(Parts {
        inbox: folder.join("plugins"),
        tools: folder.join("tools"),
        private: folder.join("private"),
        config: PluginsConfig { watch: false, scan_interval_ms: 100, ..PluginsConfig::default() },
        rates: none,
        advisories: Arc::new(Unadvised),
        roots: BTreeMap::new(),
        settings,
        ceiling: None,
        trust: Arc::new(move || Ok(trust.clone())),
        state: store.clone(),
        audit: store.clone(),
        known: secrets.known(),
        secrets: Arc::new(secrets),
        clock: Arc::new(SystemClock),
        neighbours: Neighbours {
            facts: store.clone(),
            articles: store.clone(),
            schedule: Arc::new(Planner::new(store.clone(), Arc::new(SystemClock), None)),
            sub_turns: late.clone(),
            outbox: late,
            propose: Arc::new(NoProposals),
            terminals: Arc::new(HostTerminals::beside(&HostScripts::off("no shell runs in this trial"), Known::default())),
            scripts: Arc::new(HostScripts::off("no script plugin runs in this trial")),
        },
        resolver: Arc::new(SystemResolver),
        compiler: Arc::new(ChildCompiler::new().context("the path of this program")?),
    })
}

/// A request without what reaches servers and files: the steps to the host stay linked, and
/// whoever goes out is refused at the door.
pub(super) fn cut_off(request: &Permissions) -> Permissions {
    Permissions { net: Vec::new(), fs: Vec::new(), secrets: Vec::new(), ..request.clone() }
}
