//! The host's workshop: a draft becomes a plugin that the owner can look at.
//!
//! Owns the order: permissions, build, look, release, review, trials, and only then a file
//! under its digest, unsigned, in the host's private folder. Installing signs exactly that
//! with the dev key. Refuses a draft that takes another plugin's name, or asks to propose.

mod kept;
mod place;

use crate::home::Home;
use crate::keys;
use anyhow::Result;
use async_trait::async_trait;
use skynet_core::PluginId;
use skynet_core::proposals::{Candidate, Draft, ProposalKind, Supply, Workshop};
use skynet_plugins::PluginHost;
use skynet_policy::digest::sha256_hex;
use skynet_policy::imports;
use skynet_policy::permission::Permissions;
use skynet_policy::release::{self, ComponentDigest, Release, WitDeclaration};
use std::sync::{Arc, OnceLock};

/// The namespace of what models wrote: a name that says so, and nobody's built-in.
const NAMESPACE: &str = "made";

/// Makes a component of a draft's source. The error is for whoever wrote it.
#[async_trait]
pub(crate) trait Builder: Send + Sync {
    async fn build(&self, draft: &Draft) -> Result<Vec<u8>, String>;
}

/// What was found in a candidate.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    /// For the owner, one line each.
    pub(crate) lines: Vec<String>,
    /// Why it may not be proposed at all.
    pub(crate) blocked: Option<String>,
}

/// Looks through a component and its source. Runs on a thread of its own.
pub(crate) trait Reviewer: Send + Sync {
    fn review(&self, release: &Release, component: &[u8], source: &str) -> Findings;
}

/// The parts that other crates bring.
#[derive(Clone, Default)]
pub(crate) struct Tools {
    /// None: plugins from source cannot be made here, and whoever tries is told so.
    pub(crate) builder: Option<Arc<dyn Builder>>,
    /// All of them look at each candidate.
    pub(crate) reviewers: Vec<Arc<dyn Reviewer>>,
}

/// The workshop of this data folder.
pub(crate) struct HomeWorkshop {
    home: Home,
    tools: Tools,
    /// There once plugins are.
    host: OnceLock<PluginHost>,
}

impl HomeWorkshop {
    pub(crate) fn new(home: Home, tools: Tools) -> Self {
        Self { home, tools, host: OnceLock::new() }
    }

    /// From here on drafts are tried out.
    pub(crate) fn arrived(&self, host: PluginHost) {
        // Only one is ever made.
        let _ = self.host.set(host);
    }

    fn host(&self) -> Result<&PluginHost, String> {
        self.host.get().ok_or_else(|| "the host is still starting; try again in a moment".into())
    }

    async fn reviewed(&self, release: &Release, component: &[u8], source: &str) -> Result<Vec<String>, String> {
        let (reviewers, release) = (self.tools.reviewers.clone(), release.clone());
        let (component, source) = (component.to_vec(), source.to_owned());
        let look = move || {
            let found: Vec<Findings> = reviewers.iter().map(|reviewer| reviewer.review(&release, &component, &source)).collect();
            found
        };
        let found = tokio::task::spawn_blocking(look).await.map_err(|error| format!("it could not be looked through: {error}"))?;
        match found.iter().find_map(|findings| findings.blocked.clone()) {
            Some(why) => Err(format!("it may not be proposed: {why}")),
            None => Ok(found.into_iter().flat_map(|findings| findings.lines).collect()),
        }
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

fn release_of(draft: &Draft, id: PluginId, component: &[u8], permissions: Permissions) -> Result<Release, String> {
    let look = skynet_plugins::file::look(component)?;
    let faults = imports::undeclared(&look.imports, &permissions);
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    let release = Release {
        schema: release::RELEASE_SCHEMA,
        id,
        version: draft.version.clone(),
        component: ComponentDigest { sha256: sha256_hex(component), size: component.len() as u64 },
        wit: WitDeclaration { world: "tool-plugin".into(), range: "^0.1.0".into(), imports: look.imports, exports: look.exports },
        permissions,
        summary: draft.summary.trim().to_owned(),
        prev: None,
        created: keys::now(),
        files: Vec::new(),
        config_schema: None,
        tools: Vec::new(),
    };
    let faults = release.faults();
    if faults.is_empty() { Ok(release) } else { Err(faults.join("; ")) }
}

#[async_trait]
impl Workshop for HomeWorkshop {
    async fn make(&self, draft: &Draft) -> Result<Candidate, String> {
        let host = self.host()?;
        let missing = "this host has no builder for plugins from source; propose one from a registry";
        let builder = self.tools.builder.as_ref().ok_or_else(|| missing.to_owned())?;
        let permissions = asked(draft)?;
        let id = PluginId::new(&format!("{NAMESPACE}/{}", draft.name)).map_err(|error| error.to_string())?;
        let replaces = place::newer_than(host, &id, &draft.version).await?;
        let component = builder.build(draft).await?;
        let release = release_of(draft, id.clone(), &component, permissions.clone())?;
        let findings = self.reviewed(&release, &component, &draft.source).await?;
        let rehearsal = host.rehearse(&id, &draft.version, component.clone(), &permissions, &draft.trials).await?;
        if !rehearsal.failed.is_empty() {
            return Err(format!("a trial did not go as it should: {}", rehearsal.failed.join("; ")));
        }
        let offered: Vec<&str> = rehearsal.tools.iter().map(|tool| tool.name.as_str()).collect();
        if let Some(missing) = draft.tools.iter().find(|tool| !offered.contains(&tool.name.as_str())) {
            return Err(format!("the source does not offer the tool `{}`; it offers: {}", missing.name, offered.join(", ")));
        }
        let publisher = keys::read(&self.dev_key()?).map_err(|error| format!("{error:#}"))?.public().key_id();
        let release_json = release.to_bytes();
        let digest = self.keep(&component, &release_json)?;
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
        self.kept(candidate).map(drop)
    }

    async fn install(&self, candidate: &Candidate) -> Result<(), String> {
        let signed = self.signed(candidate)?;
        place::put(&self.home, self.host()?, candidate, &signed).await
    }

    async fn forget(&self, candidate: &Candidate) {
        self.drop_kept(candidate);
    }
}
