//! What would be done to one plugin, with all that its owner decides on.
//!
//! Joins what the registry offers with what this machine knows: the installed release, its
//! grant, the keys that sign its namespace here, the ceiling. Changes nothing.

use super::findings;
use super::grant::Approved;
use crate::config_file;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_core::plugin::Receipt;
use skynet_core::ports::{PluginStore as _, StoredGrant};
use skynet_policy::grant::{beyond, exceeds};
use skynet_policy::permission::Permissions;
use skynet_policy::registry::index::Index;
use skynet_policy::registry::publisher::Continuity;
use skynet_policy::release::{Release, split};
use skynet_policy::signature::KeyId;
use skynet_policy::trust::{Tier, TrustStore, TrustedKey};
use skynet_registry_client::Home as Registries;
use skynet_registry_client::lock::{Lock, Locked};
use skynet_registry_client::offer::Offer;
use skynet_registry_client::plan::{Action, Installed, Step};
use skynet_review::Report;
use skynet_store::Store;
use std::collections::BTreeSet;

/// One.
#[derive(Debug, Clone)]
pub(crate) struct Proposal {
    /// What the registry has.
    pub(crate) offer: Offer,
    /// The library's view of it.
    pub(crate) step: Step,
    /// What the installed release asks for, if one is.
    pub(crate) before: Option<Permissions>,
    /// The grant in force.
    pub(crate) stored: Option<StoredGrant>,
    /// The installed plugin's last grant, where none is in force.
    pub(crate) ended: Option<StoredGrant>,
    /// An older version than ran here.
    pub(crate) lower: bool,
    /// Names that its own must not be taken for.
    pub(crate) beside: Vec<PluginId>,
    /// Sentences of this machine: what stays kept from it, and what speaks against it.
    pub(crate) notes: Vec<String>,
}

impl Proposal {
    /// Looks at an offer beside what is here.
    pub(crate) async fn of(home: &Home, held: &Registries, store: &Store, offer: Offer, index: &Index, now: Timestamp) -> Result<Self> {
        let id = offer.release.id.clone();
        let lock = held.read_lock().map_err(super::failed)?;
        let locked = lock.find(&id);
        let installed = installed(held, store, &id, locked).await?;
        let stored = store.grant(&id).await?;
        // What was installed anew after it was removed has nothing to do with the grant of then.
        let ended = if locked.is_some() { store.ended_grant(&id).await? } else { None };
        let granted = granted(stored.as_ref(), &offer);
        let listed = index.find(&id).and_then(|entry| entry.releases.iter().find(|release| release.release == offer.digest));
        let known = Installed {
            locked,
            asks: installed.as_ref().map(|release| &release.permissions),
            granted: granted.as_ref(),
            imports: installed.as_ref().map_or(&[], |release| &release.wit.imports),
        };
        let step = Step::new(&offer, known, listed.map(|release| release.listed.as_str()), now);
        let highest = store.highest_version(&id).await?;
        let lower = highest.as_ref().is_some_and(|highest| *highest > offer.release.version);
        let serving = store.serving().await?;
        check_namespace(&keys::load_trust(home)?, &serving, &offer)?;
        let beside = beside(&id, &lock, &serving, Some(index));
        let before = installed.map(|release| release.permissions);
        let mut proposal = Self { before, offer, step, stored, ended, lower, beside, notes: Vec::new() };
        proposal.notes = proposal.said_here(home, locked, highest.as_ref())?;
        Ok(proposal)
    }

    /// How a grant is made of it; the publisher is known once its file is.
    pub(crate) fn approved<'a>(&'a self, publisher: &'a str) -> Approved<'a> {
        Approved {
            id: &self.offer.release.id,
            publisher,
            request: &self.offer.release.permissions,
            before: self.before.as_ref(),
            stored: self.stored.as_ref(),
            ended: self.ended.as_ref(),
            same_publisher: matches!(self.step.continuity, Some(Continuity::Same | Continuity::Rotated))
                && self.stored.as_ref().or(self.ended.as_ref()).is_none_or(|grant| is_for(grant, &self.offer)),
        }
    }

    /// Whether it may be installed without a word. To go back behind what ran here is its owner's to say.
    pub(crate) fn may_go_alone(&self) -> bool {
        self.step.may_go_alone() && self.widens().is_empty() && !self.lower
    }

    fn said_here(&self, home: &Home, locked: Option<&Locked>, highest: Option<&semver::Version>) -> Result<Vec<String>> {
        let mut notes = Vec::new();
        if locked.is_none() && self.before.is_some() {
            notes.push("a plugin of this name is here already that came from no registry; its grant is not taken over".into());
        }
        notes.extend(self::notes(home, &self.approved(""), highest.filter(|_| self.lower))?);
        Ok(notes)
    }

    /// The very release that is installed.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self.step.action, Action::Keep { .. })
    }

    /// What beyond the present grant it would be allowed, in sentences.
    pub(crate) fn widens(&self) -> Vec<String> {
        exceeds(&self.offer.release.permissions, &self.granted().unwrap_or_default())
    }

    /// What it is allowed here, by a grant for its publisher.
    pub(crate) fn granted(&self) -> Option<Permissions> {
        granted(self.stored.as_ref(), &self.offer)
    }

    /// Everything its owner needs, line by line; with what a review found in its file, once it was fetched.
    pub(crate) fn show(&self, found: Option<&Report>, out: &Out) {
        self.step.to_string().lines().for_each(|line| out.line(line));
        if self.is_kept() {
            return;
        }
        if self.step.asks.is_empty() {
            out.line("  it asks for nothing: it computes, and reaches nobody");
        }
        self.step.asks.iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
        self.notes.iter().for_each(|note| out.line(&format!("  {note}")));
        found.iter().for_each(|report| findings::show(report, out));
        out.line(&format!("  release {}", self.offer.digest));
    }

    /// The same for programs.
    pub(crate) fn value(&self, found: Option<&Report>) -> Value {
        json!({
            "id": self.offer.release.id, "version": self.offer.release.version, "release": self.offer.digest, "step": self.step,
            "widens": self.widens(), "notes": self.notes, "findings": found,
        })
    }
}

/// Names that a new plugin's must not be taken for: of all that is installed, and all that its registry lists. The name
/// of one that came from a registry before was agreed to then.
pub(super) fn beside(id: &PluginId, lock: &Lock, serving: &[Receipt], index: Option<&Index>) -> Vec<PluginId> {
    if lock.find(id).is_some() {
        return Vec::new();
    }
    let listed = index.into_iter().flat_map(|index| index.plugins.iter().map(|entry| &entry.id));
    let here = lock.plugins.iter().map(|plugin| &plugin.id).chain(serving.iter().map(|receipt| &receipt.plugin.id));
    let others: BTreeSet<&PluginId> = here.chain(listed).filter(|other| *other != id).collect();
    others.into_iter().cloned().collect()
}

/// What this machine has to say of a release, wherever it came from. `above`: a higher version ran here.
pub(super) fn notes(home: &Home, approved: &Approved<'_>, above: Option<&semver::Version>) -> Result<Vec<String>> {
    let mut notes: Vec<String> =
        above.iter().map(|highest| format!("version {highest} ran here before; this goes back behind it")).collect();
    if approved.ended.is_some() && !approved.request.is_empty() {
        let how = format!("skynet plugin grant {}", approved.id);
        notes.push(format!("its grant was revoked or has expired, and this brings none; afterwards it waits for: {how}"));
    }
    for sentence in approved.withheld().sentences() {
        notes.push(format!("you kept from it, and it stays so: {sentence}"));
    }
    if let Some(ceiling) = config_file::ceiling(&config_file::load(home)?)? {
        for sentence in beyond(approved.request, &ceiling).sentences() {
            notes.push(format!("kept from it by [ceiling] in skynet.toml: {sentence}"));
        }
    }
    Ok(notes)
}

/// What is installed: the kept file of the lockfile, else what served here last.
pub(super) async fn installed(held: &Registries, store: &Store, id: &PluginId, locked: Option<&Locked>) -> Result<Option<Release>> {
    let kept = locked.and_then(|locked| held.kept(&locked.file).ok());
    if let Some(release) = kept.as_deref().and_then(|file| split(file).ok()).and_then(|parts| Release::parse(parts.release_json).ok()) {
        return Ok(Some(release));
    }
    let receipts = store.receipts(id).await?;
    Ok(receipts.first().and_then(|receipt| Release::parse(receipt.release_json.as_bytes()).ok()))
}

/// Whether a grant is for the publisher of an offer, by an unbroken chain of keys.
fn is_for(grant: &StoredGrant, offer: &Offer) -> bool {
    let known = |keyid: KeyId| offer.signers.contains(&keyid) || offer.publisher.continuity(&[keyid], None) != Continuity::Broken;
    KeyId::parse(&grant.publisher).is_ok_and(known)
}

/// What counts of a grant for an offer: that of another publisher nothing.
fn granted(stored: Option<&StoredGrant>, offer: &Offer) -> Option<Permissions> {
    let stored = stored.filter(|stored| is_for(stored, offer))?;
    serde_json::from_value(stored.permissions.clone()).ok()
}

/// Who signs a namespace here by the owner's own word, or came with this build, is not
/// replaced by whom a registry names; nor is a key of the owner's for all namespaces, with
/// which something of this one serves.
fn check_namespace(trust: &TrustStore, serving: &[Receipt], offer: &Offer) -> Result<()> {
    let namespace = offer.release.id.namespace();
    let counts = |key: &&TrustedKey| key.tier != Tier::Registry && key.revoked.is_none();
    let own = |key: &&TrustedKey| counts(key) && key.namespaces.iter().any(|held| held == namespace);
    let of_it = || serving.iter().filter(|receipt| receipt.plugin.id.namespace() == namespace);
    let used = |key: &&TrustedKey| counts(key) && of_it().any(|receipt| receipt.signers.iter().any(|keyid| keyid == key.keyid.as_str()));
    let own: Vec<&TrustedKey> = trust.keys.iter().filter(|key| own(key) || used(key)).collect();
    if own.is_empty() || own.iter().any(|key| offer.signers.contains(&key.keyid)) {
        return Ok(());
    }
    let names: Vec<String> = own.iter().map(|key| format!("{} ({})", key.keyid, key.tier)).collect();
    let why = format!("plugins of the namespace {namespace} are signed by {} on this machine, and this one is not", names.join(", "));
    Err(fail(Kind::Refused, format!("{} is refused: {why}. Nothing was changed. `skynet key list` shows these keys", offer.name())))
}

#[cfg(test)]
mod tests;
