//! The host's workshop: a draft becomes a plugin that the owner can look at.
//!
//! Owns the order: permissions, build, review, release, trials, and only then a file
//! under its digest, unsigned, in the host's private folder. Installing signs exactly that
//! with the dev key. Refuses a draft that takes another plugin's name, or asks to propose.

pub(crate) mod ahead;
mod kept;
pub(crate) mod look;
pub(crate) mod place;

use crate::cli::plugin::file;
use crate::home::Home;
use crate::keys;
use async_trait::async_trait;
use skynet_core::PluginId;
use skynet_core::admin::PluginAdmin as _;
use skynet_core::proposals::{Candidate, Draft, ProposalKind, Supply, Workshop};
use skynet_plugins::{PluginHost, instant};
use skynet_policy::imports;
use skynet_policy::manifest::{Manifest, World};
use skynet_policy::permission::Permissions;
use skynet_policy::release::Release;
use std::path::Path;
use std::sync::OnceLock;

/// The namespace of what models wrote: a name that says so, and nobody's built-in.
const NAMESPACE: &str = "made";

/// The range of the contract that instant plugins are made for.
const RANGE: &str = "^0.1.0";

/// The workshop of this data folder.
pub(crate) struct HomeWorkshop {
    home: Home,
    /// There once plugins are.
    host: OnceLock<PluginHost>,
}

impl HomeWorkshop {
    pub(crate) fn new(home: Home) -> Self {
        Self { home, host: OnceLock::new() }
    }

    /// From here on drafts are tried out.
    pub(crate) fn arrived(&self, host: PluginHost) {
        // Only one is ever made.
        let _ = self.host.set(host);
    }

    fn host(&self) -> Result<&PluginHost, String> {
        self.host.get().ok_or_else(|| "the host is still starting; try again in a moment".into())
    }

    /// The script in its engine: bytes, not run yet.
    async fn built(&self, draft: &Draft, manifest: &Manifest) -> Result<Vec<u8>, String> {
        let path = self.home.js_runtime();
        let missing = "this host has no JavaScript engine to build with; the owner runs ./setup.sh, which puts it there";
        let runtime = std::fs::read(&path).map_err(|error| {
            tracing::warn!(file = %path.display(), %error, "a plugin from source could not be built");
            missing.to_owned()
        })?;
        let (source, manifest) = (draft.source.clone(), manifest.clone());
        let build = tokio::task::spawn_blocking(move || instant::instant(&runtime, &source, &manifest));
        build.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }

    /// What is found in it; the error says why it may not be proposed at all.
    async fn reviewed(&self, host: &PluginHost, release: &Release, component: &[u8], source: &str) -> Result<Vec<String>, String> {
        let known: Vec<PluginId> = host.list().await.iter().filter_map(|plugin| PluginId::new(&plugin.name).ok()).collect();
        let (release, component, source) = (release.clone(), component.to_vec(), source.to_owned());
        let look = tokio::task::spawn_blocking(move || look::findings(&release, &component, &source, &known));
        look.await.map_err(|error| format!("it could not be looked through: {error}"))?
    }
}

/// What a draft asks for, as far as it may.
fn asked(draft: &Draft) -> Result<Permissions, String> {
    let permissions = match &draft.permissions {
        serde_json::Value::Null => Permissions::default(),
        value => serde_json::from_value(value.clone()).map_err(|error| format!("`permissions` is not as it should be: {error}"))?,
    };
    let faults = permissions.request_faults();
    if !faults.is_empty() {
        return Err(format!("permissions: {}", faults.join("; ")));
    }
    if permissions.propose {
        return Err("permissions: a proposed plugin does not ask to propose others".into());
    }
    Ok(permissions)
}

fn manifest_of(draft: &Draft, id: PluginId, permissions: Permissions) -> Result<Manifest, String> {
    Ok(Manifest {
        schema: 1,
        id,
        version: draft.version.clone(),
        summary: draft.summary.trim().to_owned(),
        world: World::ToolPlugin,
        wit: semver::VersionReq::parse(RANGE).map_err(|error| error.to_string())?,
        license: None,
        repository: None,
        permissions,
    })
}

/// The component with its release, unsigned, if it reaches for nothing that was not asked for.
fn packed(manifest: Manifest, component: &[u8]) -> Result<(Release, Vec<u8>), String> {
    let name = format!("{} {}", manifest.id, manifest.version);
    let look = skynet_plugins::file::look(component)?;
    let faults = imports::undeclared(&look.imports, &manifest.permissions);
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    file::packed(Path::new(&name), component, manifest, None).map_err(|error| format!("{error:#}"))
}

#[async_trait]
impl Workshop for HomeWorkshop {
    async fn make(&self, draft: &Draft) -> Result<Candidate, String> {
        let host = self.host()?;
        let permissions = asked(draft)?;
        let id = PluginId::new(&format!("{NAMESPACE}/{}", draft.name)).map_err(|error| error.to_string())?;
        let replaces = place::newer_than(host, &id, &draft.version).await?;
        let manifest = manifest_of(draft, id.clone(), permissions.clone())?;
        let component = self.built(draft, &manifest).await?;
        let (release, packed) = packed(manifest, &component)?;
        let findings = self.reviewed(host, &release, &component, &draft.source).await?;
        let rehearsal = host.rehearse(&id, &draft.version, component.clone(), &permissions, &draft.trials).await?;
        if !rehearsal.failed.is_empty() {
            return Err(format!("a trial did not go as it should: {}", rehearsal.failed.join("; ")));
        }
        let publisher = keys::read(&self.dev_key()?).map_err(|error| format!("{error:#}"))?.public().key_id();
        let digest = self.keep(&packed)?;
        Ok(Candidate {
            kind: ProposalKind::Source,
            subject: id,
            version: draft.version.clone(),
            digest,
            publisher: publisher.to_string(),
            summary: release.summary.clone(),
            permissions: serde_json::to_value(permissions.normalized()).map_err(|error| error.to_string())?,
            request: permissions.digest(),
            asks: permissions.sentences(),
            tools: rehearsal.tools.iter().map(|tool| format!("{}: {}", tool.name, tool.description)).collect(),
            findings,
            trials: rehearsal.passed,
            replaces,
            source: Some(draft.source.clone()),
            registry: None,
        })
    }
}

#[async_trait]
impl Supply for HomeWorkshop {
    async fn check(&self, candidate: &Candidate) -> Result<(), String> {
        self.kept(candidate)?;
        // Another may have been installed since: then this would replace what the owner was not told of.
        let replaces = place::newer_than(self.host()?, &candidate.subject, &candidate.version).await?;
        if replaces == candidate.replaces {
            return Ok(());
        }
        let now = replaces.map_or_else(|| "nothing".to_owned(), |version| format!("version {version}"));
        Err(format!("it would replace {now} now, which is not what was shown; it has to be proposed again"))
    }

    async fn install(&self, candidate: &Candidate, _: &str) -> Result<(), String> {
        let host = self.host()?;
        let ended = match place::serves(host, candidate).await {
            // Done by an earlier attempt.
            true => Ok(()),
            false => match self.signed(candidate) {
                Ok(signed) => place::put(&self.home, host, candidate, &signed).await,
                Err(why) => Err(why),
            },
        };
        place::settle(&self.home, host, candidate, ended.is_ok());
        ended
    }

    async fn forget(&self, candidate: &Candidate) {
        if let (Some(component), Ok(host)) = (self.drop_kept(candidate), self.host()) {
            host.discard(&candidate.subject, &component).await;
        }
    }
}
