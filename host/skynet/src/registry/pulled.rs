//! What would be done with one plugin from OCI: what was pulled, beside what is here.
//!
//! The twin of `proposal` for what no registry lists. Its publisher's key was trusted by the
//! owner before, so it brings no keys; all else goes the same way.

use super::carry::{self, Change, Ready, Word};
use super::findings;
use super::grant::Approved;
use super::proposal;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::ports::{PluginStore as _, StoredGrant};
use skynet_policy::diff::{PermissionDiff, diff};
use skynet_policy::grant::exceeds;
use skynet_policy::permission::Permissions;
use skynet_policy::signature::KeyId;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::{Locked, Origin};
use skynet_registry_client::oci::Pulled;
use skynet_review::Policy;
use skynet_store::Store;

/// One.
pub(crate) struct Pull {
    /// The reference, held to the manifest.
    pub(crate) reference: String,
    pub(crate) pulled: Pulled,
    pub(crate) ready: Ready,
    /// What the installed release asks for, if one is.
    before: Option<Permissions>,
    stored: Option<StoredGrant>,
    ended: Option<StoredGrant>,
    locked: Option<Locked>,
    lower: bool,
    notes: Vec<String>,
}

impl Pull {
    /// Looks at what was pulled beside what is here.
    pub(crate) async fn of(
        home: &Home,
        held: &Registries,
        store: &Store,
        (reference, pulled): (String, Pulled),
        policy: &Policy,
    ) -> Result<Self> {
        let id = pulled.release.id.clone();
        let lock = held.read_lock().map_err(super::failed)?;
        let locked = lock.find(&id).cloned();
        if let Some(known) = locked.as_ref().filter(|known| known.oci.is_none()) {
            let why = format!("{id} came from registry `{}` and is updated from there; remove it first", known.registry);
            return Err(fail(Kind::Refused, why));
        }
        let trust = keys::load_trust(home)?;
        let beside = proposal::beside(&id, &lock, &store.serving().await?, None);
        let name = format!("{id} {}", pulled.release.version);
        let ready = carry::check(held, &name, pulled.kept.clone(), (trust, beside), policy).await?;
        let before = proposal::installed(held, store, &id, locked.as_ref()).await?.map(|release| release.permissions);
        let stored = store.grant(&id).await?;
        let ended = if locked.is_some() { store.ended_grant(&id).await? } else { None };
        let highest = store.highest_version(&id).await?;
        let lower = highest.as_ref().is_some_and(|highest| *highest > pulled.release.version);
        let mut pull = Self { reference, pulled, ready, before, stored, ended, locked, lower, notes: Vec::new() };
        pull.notes = proposal::notes(home, &pull.approved(), highest.as_ref().filter(|_| lower))?;
        Ok(pull)
    }

    /// `acme/clock 1.0.0`.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.pulled.release.id, self.pulled.release.version)
    }

    fn approved(&self) -> Approved<'_> {
        Approved {
            id: &self.pulled.release.id,
            publisher: &self.ready.publisher,
            request: &self.pulled.release.permissions,
            before: self.before.as_ref(),
            stored: self.stored.as_ref(),
            ended: self.ended.as_ref(),
            same_publisher: self.stored.as_ref().or(self.ended.as_ref()).is_some_and(|stored| stored.publisher == self.ready.publisher),
        }
    }

    /// Its entry in the lockfile, if that is this very file.
    pub(crate) fn installed(&self) -> Option<&Locked> {
        self.locked.as_ref().filter(|_| self.is_kept())
    }

    /// The installed one is this very file.
    pub(crate) fn is_kept(&self) -> bool {
        self.locked.as_ref().is_some_and(|locked| locked.file == self.ready.kept.sha256)
    }

    /// What beyond the present grant it would be allowed, in sentences.
    pub(crate) fn widens(&self) -> Vec<String> {
        exceeds(&self.pulled.release.permissions, &self.granted().unwrap_or_default())
    }

    /// What it is allowed here. Another publisher's grant covers nothing.
    pub(crate) fn granted(&self) -> Option<Permissions> {
        let stored = self.stored.as_ref().filter(|stored| stored.publisher == self.ready.publisher)?;
        serde_json::from_value(stored.permissions.clone()).ok()
    }

    /// What changes in what it asks for.
    pub(crate) fn diff(&self) -> PermissionDiff {
        diff(self.before.as_ref().unwrap_or(&Permissions::default()), &self.pulled.release.permissions)
    }

    /// The verb for the audit log, and what a person reads.
    fn action(&self) -> (&'static str, String) {
        let version = &self.pulled.release.version;
        match &self.locked {
            None => ("install", format!("install {version}")),
            Some(_) if self.is_kept() => ("install", format!("keep {version}")),
            Some(locked) if *version > locked.version => ("update", format!("update {} → {version}", locked.version)),
            Some(locked) if *version < locked.version => ("downgrade", format!("go back {} → {version}", locked.version)),
            Some(_) => ("update", format!("put another release of {version} in its place")),
        }
    }

    /// Everything its owner needs, line by line.
    pub(crate) fn show(&self, out: &Out) {
        let release = &self.pulled.release;
        out.line(&format!("{}: {}", release.id, self.action().1));
        let signers: Vec<&str> = self.pulled.signers.iter().map(KeyId::as_str).collect();
        out.line(&format!("  {}", skynet_policy::naming::plain_line(&release.summary, 200)));
        out.line(&format!("  from {}, signed by {}, {} bytes", self.reference, signers.join(", "), release.component.size));
        if self.locked.is_some() {
            self.diff().to_string().lines().for_each(|line| out.line(&format!("  {line}")));
        }
        let asks = release.permissions.sentences();
        if asks.is_empty() {
            out.line("  it asks for nothing: it computes, and reaches nobody");
        }
        asks.iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
        self.notes.iter().for_each(|note| out.line(&format!("  {note}")));
        findings::show(&self.ready.findings, out);
        out.line(&format!("  release {}", self.pulled.digest));
    }

    /// The same for programs.
    pub(crate) fn value(&self) -> Value {
        let release = &self.pulled.release;
        json!({
            "id": release.id, "version": release.version, "release": self.pulled.digest, "from": self.reference, "action": self.action().0,
            "signers": self.pulled.signers, "asks": release.permissions.sentences(), "diff": self.diff(), "widens": self.widens(),
            "notes": self.notes, "findings": self.ready.findings,
        })
    }

    fn change(&self) -> Change<'_> {
        Change {
            origin: Origin::Oci {
                reference: &self.reference,
                release: &self.pulled.release,
                digest: &self.pulled.digest,
                signers: &self.pulled.signers,
            },
            approved: self.approved(),
            action: self.action().0,
            trust: Vec::new(),
            lower: self.lower,
        }
    }

    /// Installs or updates it.
    pub(crate) async fn carry_out(&self, home: &Home, held: &Registries, lock: &HomeLock, word: &Word) -> Result<()> {
        carry::make(home, (held, lock), self.change(), &self.ready.kept, word).await
    }

    /// Puts the very release of the lockfile back.
    pub(crate) async fn reproduce(&self, home: &Home, held: &Registries, lock: &HomeLock, locked: &Locked, word: &Word) -> Result<()> {
        carry::make_again(home, (held, lock), self.change(), locked, word).await
    }
}
