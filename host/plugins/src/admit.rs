//! From the bytes of a file to a generation that could serve, or a refusal.
//!
//! The order is fixed: size, signed section, signature, digest — and only then is
//! the component parsed; declared against actual imports, WIT range, permissions,
//! compile, link, probe. Nothing here changes what serves: that is `host`'s step.

use crate::ceiling;
use crate::compile::CompileError;
use crate::file;
use crate::folder_plugin::{self, FolderPlugin, is_approval};
use crate::generation::{Generation, Loaded, Terms};
use crate::inspect::{self, Contents};
use crate::probe;
use crate::runtime::Runtime;
use crate::validity::Validity;
use skynet_core::plugin::{PluginKind, Receipt};
use skynet_core::ports::StoredGrant;
use skynet_core::{PluginRef, StoreError};
use skynet_policy::open::{self, OpenError};
use skynet_policy::permission::Permissions;
use skynet_policy::release::Release;
use skynet_policy::signature::Verified;
use skynet_policy::trust::{Tier, TrustStore};
use skynet_policy::{grant, imports, naming, version};
use std::sync::Arc;

/// Why a file was not taken: what failed, why, and what to do, in one line.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{file} was refused ({stage}): {reason}")]
pub(crate) struct Refusal {
    pub(crate) file: String,
    pub(crate) stage: &'static str,
    pub(crate) reason: String,
}

/// A release whose signature and digest are good.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) file: String,
    pub(crate) release: Release,
    pub(crate) release_json: String,
    pub(crate) release_digest: String,
    pub(crate) signers: Vec<Verified>,
    pub(crate) component: Vec<u8>,
    /// Of a script plugin, which has no component of its own.
    pub(crate) folder: Option<Arc<FolderPlugin>>,
}

impl Signed {
    /// The key that a grant is bound to; of files that nobody signed, their digest.
    pub(crate) fn publisher(&self) -> String {
        let approval = || self.folder.as_ref().map(|folder| folder_plugin::approval_of(&folder.tree)).unwrap_or_default();
        self.signers.first().map_or_else(approval, |signer| signer.keyid.to_string())
    }

    /// Whether nobody signed it.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.signers.is_empty()
    }

    /// What lists say of who stands behind it.
    pub(crate) fn trust(&self) -> String {
        if self.is_unsigned() { folder_plugin::BY_OWNER.into() } else { self.tier().to_string() }
    }

    /// The strongest word behind it.
    pub(crate) fn tier(&self) -> Tier {
        self.signers.first().map_or(Tier::Local, |signer| signer.tier)
    }
}

pub(crate) fn refuse<'a>(file: &'a str, stage: &'static str) -> impl Fn(String) -> Refusal + 'a {
    move |reason| Refusal { file: naming::plain_line(file, 120), stage, reason: naming::plain_line(&reason, 1000) }
}

/// Steps that need no host state: sections, signature, release, digest.
pub(crate) fn verify(file: &str, bytes: &[u8], trust: &TrustStore) -> Result<Signed, Refusal> {
    let opened = open::open(bytes, trust).map_err(|error| match error {
        OpenError::Signature(error) => refuse(file, "signature")(error.to_string()),
        OpenError::Release(error) => refuse(file, "release")(error.to_string()),
    })?;
    let release_json = String::from_utf8(opened.parts.release_json.to_vec()).map_err(|error| refuse(file, "release")(error.to_string()))?;
    Ok(Signed {
        file: file.to_owned(),
        release_digest: opened.release_digest,
        release: opened.release,
        release_json,
        signers: opened.signers,
        component: opened.parts.component.to_vec(),
        folder: None,
    })
}

/// Parses the component and holds it against what its release declares.
pub(crate) fn compare(signed: &Signed) -> Result<Contents, Refusal> {
    let file = &signed.file;
    let contents = inspect::inspect(&signed.component).map_err(|unfit| refuse(file, "component")(unfit.to_string()))?;
    version::check_range(&signed.release.wit.range).map_err(|error| refuse(file, "interface version")(error.to_string()))?;
    for name in contents.imports.iter().chain(&contents.exports).filter(|name| name.starts_with("skynet:")) {
        version::check_interface(name).map_err(|error| refuse(file, "interface version")(error.to_string()))?;
    }
    let undeclared: Vec<&String> = contents.imports.iter().filter(|name| !signed.release.wit.imports.contains(name)).collect();
    if let Some(name) = undeclared.first() {
        let reason =
            format!("the component imports {name}, which its signed release does not declare; pack it again with `skynet plugin pack`");
        return Err(refuse(file, "imports")(reason));
    }
    if folder_plugin::is_script(&signed.release) {
        let reason = "it says that it is a folder with a script, and is a component; correct `world` and pack it again".to_owned();
        return Err(refuse(file, "exports")(reason));
    }
    let faults = imports::undeclared(&contents.imports, &linked(&signed.release, &signed.release.permissions));
    if let Some(fault) = faults.first() {
        return Err(refuse(file, "imports")(fault.to_string()));
    }
    file::must_be_what_it_says(&signed.release, &contents.kinds()).map_err(refuse(&signed.file, "exports"))?;
    Ok(contents)
}

/// Whether a release may run with what the owner granted so far.
pub(crate) enum Standing {
    /// It may, under these permissions, up to this time in milliseconds since the Unix epoch.
    Granted(Permissions, Option<u64>),
    /// It asks for what is not granted, one sentence each.
    Asks(Vec<String>),
}

/// What is held against a grant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) request: &'a Permissions,
    pub(crate) publisher: &'a str,
    /// From its exports.
    pub(crate) kinds: &'a [PluginKind],
    /// Those of the plugin's first release here; `None` where this is the first.
    pub(crate) came_as: Option<&'a [PluginKind]>,
}

/// Compares what is wished and the grant. A release that asks for nothing, and is what the plugin came as, needs
/// none; a new signer, a grown request and what it serves as beyond that wait for the owner.
pub(crate) fn standing(wish: Wish<'_>, stored: Option<&StoredGrant>, now_ms: u64) -> Result<Standing, StoreError> {
    let stored = stored.filter(|grant| grant.expires_ms.is_none_or(|end| now_ms < end));
    let gained: Vec<PluginKind> =
        wish.came_as.map_or_else(Vec::new, |before| wish.kinds.iter().copied().filter(|kind| !before.contains(kind)).collect());
    let seen = |kind: &PluginKind| stored.is_some_and(|grant| grant.publisher == wish.publisher && grant.kinds.contains(kind));
    let mut unseen: Vec<String> = gained.iter().filter(|kind| !seen(kind)).map(|kind| to_serve_as(*kind)).collect();
    match permitted(wish.request, wish.publisher, stored)? {
        Standing::Asks(asks) => unseen.extend(asks),
        Standing::Granted(permissions, until_ms) if unseen.is_empty() => {
            // What was allowed for a while ends, also where it is no permission.
            let until_ms = until_ms.or_else(|| stored.filter(|_| !gained.is_empty())?.expires_ms);
            return Ok(Standing::Granted(permissions, until_ms));
        }
        Standing::Granted(..) => {}
    }
    Ok(Standing::Asks(unseen))
}

/// What it means that a plugin is this too.
fn to_serve_as(kind: PluginKind) -> String {
    let means = match kind {
        PluginKind::Tool => "models may call it",
        PluginKind::Provider => "whole conversations go to it, and its answers are believed",
        PluginKind::Channel => "it brings messages in, and takes answers out",
        PluginKind::Hook => "it sees what passes, and may change or stop it",
    };
    format!("Serve as a {kind}, which it did not come as: {means}.")
}

/// Compares request and grant.
fn permitted(request: &Permissions, publisher: &str, stored: Option<&StoredGrant>) -> Result<Standing, StoreError> {
    if request.is_empty() {
        return Ok(Standing::Granted(Permissions::default(), None));
    }
    let Some(stored) = stored else {
        return Ok(Standing::Asks(request.sentences()));
    };
    if stored.publisher != publisher {
        let mut asks = vec![match (is_approval(&stored.publisher), is_approval(publisher)) {
            (true, true) => "its files changed since you approved them".to_owned(),
            (false, true) => format!("nobody signed these files; you granted to what {} signed", stored.publisher),
            (true, false) => format!("it is signed now, by {publisher}; you approved of files that nobody had signed"),
            (false, false) => format!("it is signed by another key ({publisher}) than the one you granted to ({})", stored.publisher),
        }];
        asks.extend(request.sentences());
        return Ok(Standing::Asks(asks));
    }
    let granted: Permissions = serde_json::from_value(stored.permissions.clone())
        .map_err(|error| StoreError::Corrupt(format!("grant of {}: {error}", stored.plugin)))?;
    // A grant that the owner narrowed stays narrow: what is compared is the request
    // that the owner saw, and what runs is the intersection.
    if stored.request != request.digest() {
        let beyond = grant::exceeds(request, &granted);
        if !beyond.is_empty() {
            return Ok(Standing::Asks(beyond));
        }
    }
    Ok(Standing::Granted(grant::effective(request, &granted, None), stored.expires_ms))
}

/// The permissions and settings that a generation runs under: what was granted, with the
/// servers that the owner's settings name, and never more than the instance's ceiling.
pub(crate) fn terms(
    granted: &Permissions,
    until_ms: Option<u64>,
    settings: &Arc<serde_json::Map<String, serde_json::Value>>,
    ceiling: Option<&Permissions>,
    folder: Option<&Arc<FolderPlugin>>,
) -> Terms {
    let settings = &folder.map_or_else(|| Arc::clone(settings), |folder| Arc::new(folder.settings(settings)));
    let resolved = grant::resolve_settings(granted, settings);
    Terms {
        permissions: Arc::new(grant::effective(&resolved, &resolved, ceiling)),
        withheld: Arc::new(ceiling.map(|ceiling| grant::beyond(&resolved, ceiling)).unwrap_or_default()),
        settings: Arc::clone(settings),
        folder: folder.cloned(),
        validity: Validity::until(until_ms),
    }
}

/// What a component is linked with. The bridge gets its one door without a grant of its own: it has no tool
/// that could go through it, until a script plugin lends it its name.
fn linked(release: &Release, granted: &Permissions) -> Permissions {
    match folder_plugin::is_bridge(release) {
        true => Permissions { script: vec![release.id.name().to_owned()], ..granted.clone() },
        false => granted.clone(),
    }
}

/// The last steps: keep the bytes, compile, link, probe. `bridge` is the digest of the component that
/// stands in for a script plugin's own.
pub(crate) async fn prepare(
    runtime: &Runtime,
    signed: &Signed,
    (kinds, bridge): (Vec<PluginKind>, Option<String>),
    plugin: PluginRef,
    terms: Terms,
    now_ms: u64,
) -> Result<Generation, Refusal> {
    let file = &signed.file;
    let kept = bridge.map_or_else(|| runtime.blobs.put(&signed.component), Ok);
    let digest = kept.map_err(|error| refuse(file, "store")(error.to_string()))?;
    let component = runtime.component(&digest).await.map_err(|error| {
        let stage = if matches!(error, CompileError::Broken(_)) { "compiler" } else { "compile" };
        refuse(file, stage)(error.to_string())
    })?;
    let powers = linked(&signed.release, &terms.permissions);
    let loaded = Loaded::link(&runtime.engine, &component, &kinds, &powers).map_err(|error| refuse(file, "link")(error))?;
    let loaded = Arc::new(loaded);
    let mut said =
        probe::probe(runtime, &plugin, &loaded, &kinds, &terms).await.map_err(|error| refuse(file, "probe")(error.to_string()))?;
    if let Some(folder) = &signed.folder {
        if !folder.is_presented_by(&said.tools) {
            let reason = "the script bridge does not present the tool as tool.toml has it; install the bridge of this version of skynet";
            return Err(refuse(file, "probe")(reason.into()));
        }
        (said.title, said.summary) = (folder.manifest.tool.clone(), signed.release.summary.clone());
    }
    let receipt = Receipt {
        plugin,
        component: digest,
        release: signed.release_digest.clone(),
        release_json: signed.release_json.clone(),
        signers: signed.signers.iter().map(|signer| signer.keyid.to_string()).collect(),
        trust: signed.trust(),
        source: file.clone(),
        kinds,
        title: said.title,
        summary: said.summary,
        tools: said.tools,
        models: Vec::new(),
        config_schema: said.config_schema,
        admitted_ms: now_ms,
    };
    Ok(Generation::new(receipt, terms, Some(loaded)))
}

/// What cannot run with what the ceiling leaves of its grant says so.
pub(crate) fn blame_ceiling(mut refusal: Refusal, withheld: &Permissions) -> Refusal {
    if let Some(cut) = ceiling::cut(withheld) {
        refusal.reason += &format!("; {cut}");
    }
    refusal
}

/// The key of a receipt that is still trusted for this plugin.
pub(crate) fn trusted_signer(receipt: &Receipt, trust: &TrustStore) -> Result<String, String> {
    let id = &receipt.plugin.id;
    for keyid in &receipt.signers {
        let known = trust.keys.iter().find(|key| key.keyid.to_string() == *keyid);
        if known.is_some_and(|key| key.revoked.is_none() && key.may_sign(id)) {
            return Ok(keyid.clone());
        }
    }
    Err(format!("none of its signing keys ({}) is trusted for it any more", receipt.signers.join(", ")))
}
