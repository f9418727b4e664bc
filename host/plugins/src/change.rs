//! Each way in which what serves can change: a file, the owner, a start; the way back
//! is in `change_back.rs`. Every one ends with the old set in service or the new one, never neither:
//! the durable record is written first, then the shelf is swapped.

use crate::admit::{self, Refusal, Signed, Standing, Wish};
use crate::advice::Asked;
use crate::book::{Entry, FileState, Waiting};
use crate::decide::Act;
use crate::folder_plugin::{publisher_of, verb_for};
use crate::generation::Generation;
use crate::host::PluginHost;
use crate::inbox::folder::ReadError;
use crate::inbox::{Finding, Stamp};
use crate::shelf;
use crate::trees::PREFIX;
use serde_json::json;
use skynet_core::plugin::{PluginEvent, PluginKind, PluginState, Receipt};
use skynet_core::ports::{PluginChange, StoredGrant};
use skynet_core::{PluginId, PluginRef, StoreError};
use skynet_policy::release::Release;
use skynet_policy::trust::Tier;
use skynet_policy::{naming, version};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the reason begins of a release that was put away because its owner said no to it.
pub(crate) const DENIED: &str = "the owner denied";

/// Who acts when nobody asked.
pub(crate) const HOST: &str = "host";

/// Why a receipt cannot serve now.
pub(crate) enum Unfit {
    /// For the log.
    Reason(String),
    Store(StoreError),
}

impl PluginHost {
    /// Serves what served before the last stop, as far as grants and keys still hold.
    pub(crate) async fn serve_last_good(&self) -> Result<(), StoreError> {
        let mut book = self.shared.book.lock().await;
        book.switched_off = self.shared.state.disabled().await?.into_iter().collect();
        let mut receipts = self.shared.state.serving().await?;
        // Scripts are served by the bridge, so it comes before them.
        receipts.sort_by_key(|receipt| receipt.source.starts_with(PREFIX));
        for receipt in receipts {
            let id = receipt.plugin.id.clone();
            if book.switched_off.contains(&id) {
                continue;
            }
            if !book.has_code(&receipt) {
                tracing::info!(plugin = %receipt.plugin, "the script bridge is another one; it is admitted anew");
                continue;
            }
            match self.revive(&receipt).await {
                Ok(generation) => {
                    let warning = self.word_on(&receipt).warning;
                    let entry = book.plugins.entry(id).or_default();
                    entry.take(generation, &receipt.source);
                    entry.warning = warning;
                }
                Err(Unfit::Reason(reason)) => tracing::warn!(plugin = %receipt.plugin, %reason, "a stored plugin does not serve for now"),
                Err(Unfit::Store(error)) => return Err(error),
            }
        }
        self.swap(&mut book);
        Ok(())
    }

    /// A generation from its receipt, without its file: keys and grants are asked again.
    pub(crate) async fn revive(&self, receipt: &Receipt) -> Result<Generation, Unfit> {
        let trust = (self.shared.trust)().map_err(Unfit::Reason)?;
        let release = Release::parse(receipt.release_json.as_bytes()).map_err(|error| Unfit::Reason(error.to_string()))?;
        // A host before this rule may have admitted it.
        crate::file::must_be_what_it_says(&release, &receipt.kinds).map_err(Unfit::Reason)?;
        let folder = self.kept_folder(&release).await.map_err(Unfit::Reason)?;
        let publisher = match receipt.signers.is_empty() && folder.is_some() {
            true => publisher_of(receipt, &release),
            false => admit::trusted_signer(receipt, &trust).map_err(Unfit::Reason)?,
        };
        if let Some(reason) = self.word_on(receipt).blocked {
            return Err(Unfit::Reason(reason));
        }
        let grant = self.shared.state.grant(&receipt.plugin.id).await.map_err(Unfit::Store)?;
        let now = self.shared.clock.now_ms();
        let came_as = self.came_as(&receipt.plugin.id).await.map_err(Unfit::Store)?;
        let (request, kinds) = (&release.permissions, &receipt.kinds);
        let wish = Wish { request, publisher: &publisher, kinds, came_as: came_as.as_deref() };
        match admit::standing(wish, grant.as_ref(), now).map_err(Unfit::Store)? {
            Standing::Granted(permissions, until_ms) => {
                let terms = self.terms(&receipt.plugin.id, &permissions, until_ms, folder.as_ref());
                Ok(Generation::new(receipt.clone(), terms, None))
            }
            Standing::Asks(asks) => Err(Unfit::Reason(format!("it waits for the owner: {}", asks.join("; ")))),
        }
    }

    /// Looks at the folder and deals with what changed.
    pub(crate) async fn scan(&self) {
        let (folder, trees) = (self.shared.folder.clone(), self.shared.trees.clone());
        let list = move || {
            let mut listing = folder.list()?;
            listing.extend(trees.list()?);
            Ok::<_, std::io::Error>(listing)
        };
        let listed = tokio::task::spawn_blocking(list).await;
        let listing = match listed {
            Ok(Ok(listing)) => listing,
            Ok(Err(error)) => {
                tracing::warn!(%error, folder = %self.shared.folder.path().display(), "the plugins folder cannot be read; what serves goes on");
                return;
            }
            Err(_) => return,
        };
        let findings = self.shared.book.lock().await.inbox.observe(self.shared.clock.now_ms(), &listing);
        let folders =
            findings.iter().any(|finding| matches!(finding, Finding::Settled(file) | Finding::Gone(file) if file.starts_with(PREFIX)));
        for finding in findings {
            match finding {
                Finding::Settled(file) => self.arrived(&file).await,
                Finding::Gone(file) => self.gone(&file).await,
                Finding::CaseClash { name, with } => {
                    let reason =
                        format!("{name} was refused (name): it differs from {with} only in the case of letters; rename one of them");
                    self.refused(&name, reason).await;
                }
            }
        }
        self.end_orphans(&listing).await;
        if folders {
            self.sweep_folders().await;
        }
    }

    /// Ends plugins that no file holds any more. Waits until the folder rests: a file
    /// that was renamed, or taken out to be replaced, leaves no gap in service.
    async fn end_orphans(&self, listing: &BTreeMap<String, Stamp>) {
        let mut book = self.shared.book.lock().await;
        if book.inbox.is_restless() {
            return;
        }
        let is_orphan = |(id, entry): &(&PluginId, &Entry)| !listing.contains_key(&entry.file) && book.files_of(id).is_empty();
        let orphans: Vec<PluginId> = book.plugins.iter().filter(is_orphan).map(|(id, _)| id.clone()).collect();
        let mut served = Vec::new();
        for id in orphans {
            let Some(entry) = book.plugins.get_mut(&id) else { continue };
            entry.waiting = None;
            entry.denied = None;
            entry.stopped = None;
            if entry.serving.is_some() {
                served.push(id);
            }
        }
        drop(book);
        for id in served {
            self.withdraw(&id, "its file is gone from the plugins folder").await;
        }
    }

    pub(crate) async fn refused(&self, file: &str, reason: String) {
        tracing::warn!(%reason, "plugin refused");
        let subject = naming::plain_line(file, 120);
        if let Err(error) = self.record("admission", "host", &subject, "refused", json!({ "reason": reason })).await {
            tracing::error!(%error, "audit");
        }
        let mut book = self.shared.book.lock().await;
        book.files.insert(file.to_owned(), FileState::Refused(reason.clone()));
        drop(book);
        self.tell(PluginEvent::Refused { file: subject, reason });
    }

    async fn arrived(&self, file: &str) {
        if file.starts_with(PREFIX) {
            return self.arrived_folder(file).await;
        }
        let (folder, name, cap) = (self.shared.folder.clone(), file.to_owned(), self.shared.config.max_component_bytes);
        let read = tokio::task::spawn_blocking(move || folder.read(&name, cap)).await;
        let bytes = match read {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(ReadError::Changed)) | Err(_) => {
                self.shared.book.lock().await.inbox.forget(file);
                return;
            }
            Ok(Err(error)) => return self.refused(file, format!("{} was refused (file): {error}", naming::plain_line(file, 120))).await,
        };
        if let Err(refusal) = self.admit(file, bytes).await {
            self.refused(file, refusal.to_string()).await;
        }
    }

    async fn admit(&self, file: &str, bytes: Vec<u8>) -> Result<(), Refusal> {
        let trust = (self.shared.trust)().map_err(admit::refuse(file, "trusted keys"))?;
        let name = file.to_owned();
        let verified = tokio::task::spawn_blocking(move || admit::verify(&name, &bytes, &trust)).await;
        let signed = verified.map_err(|error| admit::refuse(file, "verify")(error.to_string()))??;
        self.take_in(file, Arc::new(signed)).await
    }

    /// All that follows once it is known who stands behind it.
    pub(crate) async fn take_in(&self, file: &str, signed: Arc<Signed>) -> Result<(), Refusal> {
        let refuse = |stage: &'static str| move |reason: String| Refusal { file: naming::plain_line(file, 120), stage, reason };
        let store = |error: StoreError| refuse("store")(error.to_string());
        let id = signed.release.id.clone();
        let signers: Vec<String> = signed.signers.iter().map(|signer| signer.keyid.to_string()).collect();
        let asked = Asked { id: &id, release: &signed.release_digest, signers: &signers, trust: signed.tier().as_str() };
        if let Some(reason) = self.shared.advisories.word(asked).blocked {
            return Err(refuse("advisory")(reason));
        }
        if self.is_known(file, &signed).await {
            return Ok(());
        }
        self.check_order(&signed).await.map_err(refuse("version"))?;
        let held = self.shared.state.held(&id).await.map_err(store)?;
        let held = held.iter().find(|(release, _)| *release == signed.release_digest);
        if let Some((_, why)) = held.filter(|(_, why)| !why.starts_with(DENIED)) {
            return self.hold_back(file, &signed, &[], why).await;
        }
        let (kinds, bridge) = self.code_of(&signed).await?;
        if let Some((_, why)) = held {
            // A grant would be for it, and for what it serves as.
            return self.hold_back(file, &signed, &kinds, why).await;
        }
        let grant = self.shared.state.grant(&id).await.map_err(store)?;
        let now = self.shared.clock.now_ms();
        let came_as = self.came_as(&id).await.map_err(store)?;
        let (request, publisher) = (&signed.release.permissions, signed.publisher());
        let wish = Wish { request, publisher: &publisher, kinds: &kinds, came_as: came_as.as_deref() };
        let (permissions, until_ms) = match admit::standing(wish, grant.as_ref(), now).map_err(store)? {
            Standing::Granted(permissions, until_ms) => (permissions, until_ms),
            Standing::Asks(asks) => {
                self.wait_for_owner(file, &signed, &kinds, asks).await;
                return Ok(());
            }
        };
        let generation = self.shared.state.next_generation().await.map_err(store)?;
        let plugin = PluginRef { id: id.clone(), version: signed.release.version.clone(), generation };
        let terms = self.terms(&id, &permissions, until_ms, signed.folder.as_ref());
        let withheld = Arc::clone(&terms.withheld);
        let prepared = admit::prepare(&self.shared.runtime, &signed, (kinds, bridge), plugin, terms, now).await;
        let ready = prepared.map_err(|refusal| admit::blame_ceiling(refusal, &withheld))?;
        self.publish(file, ready, grant.as_ref()).await
    }

    /// What a plugin served as when it first came here.
    pub(crate) async fn came_as(&self, id: &PluginId) -> Result<Option<Vec<PluginKind>>, StoreError> {
        Ok(self.shared.state.first_receipt(id).await?.map(|receipt| receipt.kinds))
    }

    /// The very release that serves, or one that the owner switched off: nothing to do.
    async fn is_known(&self, file: &str, signed: &Signed) -> bool {
        let mut book = self.shared.book.lock().await;
        let id = &signed.release.id;
        book.files.insert(file.to_owned(), FileState::Plugin(id.clone()));
        if book.switched_off.contains(id) {
            let entry = book.plugins.entry(id.clone()).or_default();
            entry.file = file.to_owned();
            entry.folder = signed.folder.clone();
            entry.describe(signed, &[]);
            entry.stopped = Some(PluginState::Disabled { reason: format!("switched off; `skynet plugin enable {id}` switches it on") });
            return true;
        }
        let bridge = book.bridge().filter(|_| signed.folder.is_some()).map(|bridge| bridge.receipt.component.clone());
        let Some(entry) = book.plugins.get_mut(id) else { return false };
        entry.folder = signed.folder.clone();
        let same = entry.serving.as_ref().is_some_and(|serving| {
            let same_code = bridge.is_none_or(|bridge| bridge == serving.receipt.component);
            same_code && serving.receipt.release == signed.release_digest
        });
        if same {
            entry.file = file.to_owned();
            entry.waiting = None;
            entry.denied = None;
            entry.stopped = None;
        }
        same
    }

    /// Older than what ran here, or other bytes under the same released version.
    async fn check_order(&self, signed: &Signed) -> Result<(), String> {
        if signed.is_unsigned() {
            // What its owner approves of is these files; what they call themselves counts for nothing.
            return Ok(());
        }
        let highest = self.shared.state.highest_version(&signed.release.id).await.map_err(|error| error.to_string())?;
        version::check_rollback(highest.as_ref(), &signed.release.version).map_err(|error| error.to_string())?;
        let Some(serving) = self.serving(&signed.release.id) else { return Ok(()) };
        let same_version = serving.plugin().version == signed.release.version;
        if same_version && signed.tier() == Tier::Registry {
            return Err(format!(
                "version {} of {} serves already and holds other bytes; a release never changes",
                signed.release.version, signed.release.id
            ));
        }
        Ok(())
    }

    /// Whether another plugin has a name of it that models or owners go by. Asked under the book's lock, so that none
    /// comes between the answer and the swap.
    pub(crate) fn check_names(&self, ready: &Generation) -> Result<(), String> {
        let shelf = self.shared.shelf.load_full();
        let id = &ready.plugin().id;
        let others: Vec<(String, PluginId)> = shelf
            .generations
            .values()
            .filter(|other| other.plugin().id != *id)
            .flat_map(|other| {
                other.receipt.tools.iter().map(|tool| (naming::exposed_name(&other.plugin().id, &tool.name), other.plugin().id.clone()))
            })
            .collect();
        for tool in &ready.receipt.tools {
            let exposed = naming::exposed_name(id, &tool.name);
            if let Some(collision) = naming::collision(others.iter().map(|(name, owner)| (name.as_str(), owner)), (&exposed, id)) {
                return Err(collision.to_string());
            }
        }
        if ready.receipt.kinds.contains(&PluginKind::Provider) {
            let name = shelf::provider_name(id);
            if let Some(other) = shelf.providers().find(|other| *other != id && shelf::provider_name(other) == name) {
                return Err(format!(
                    "its models would be called `{name}/…`, and so are those of {other}: whoever set one of them would get the other. \
                     Remove one of the two plugins"
                ));
            }
        }
        Ok(())
    }

    /// Durable first, then the swap.
    async fn publish(&self, file: &str, mut ready: Generation, grant: Option<&StoredGrant>) -> Result<(), Refusal> {
        let refuse = |stage: &'static str| move |reason: String| Refusal { file: naming::plain_line(file, 120), stage, reason };
        let store = |error: StoreError| refuse("store")(error.to_string());
        let plugin = ready.plugin().clone();
        let mut book = self.shared.book.lock().await;
        // The owner may have spoken while it compiled; then it is looked at anew.
        if book.switched_off.contains(&plugin.id) || self.shared.state.grant(&plugin.id).await.map_err(store)?.as_ref() != grant {
            book.inbox.forget(file);
            return Ok(());
        }
        self.check_names(&ready).map_err(refuse("names"))?;
        // Until the new version was asked, it is taken to offer what the old one did:
        // a swap must not leave a moment without a model.
        if let Some(old) = book.plugins.get(&plugin.id).and_then(|entry| entry.serving.as_ref()) {
            ready.receipt.models = old.receipt.models.clone();
        }
        let Receipt { release, component, signers, trust, kinds, .. } = &ready.receipt;
        let detail = json!({ "release": release, "component": component, "signers": signers, "trust": trust, "kinds": kinds });
        let act = Act { kind: "admission", by: HOST, subject: &plugin.to_string() };
        self.change(act, detail, vec![PluginChange::Publish(ready.receipt.clone())]).await.map_err(store)?;
        let is_provider = ready.receipt.kinds.contains(&PluginKind::Provider);
        let is_bridge = ready.is_bridge();
        let warning = self.word_on(&ready.receipt).warning;
        let entry = book.plugins.entry(plugin.id.clone()).or_default();
        let replaced = entry.serving.as_ref().map(|old| old.plugin().generation);
        entry.take(ready, file);
        entry.warning = warning;
        self.swap(&mut book);
        if is_bridge {
            // Folders that waited for it, or run by the one before.
            book.forget_folders();
        }
        drop(book);
        tracing::info!(%plugin, "plugin serves");
        self.tell(PluginEvent::Published { plugin: plugin.clone(), replaced });
        if is_provider {
            crate::refresh::ask_behind(self, plugin);
        }
        Ok(())
    }

    async fn wait_for_owner(&self, file: &str, signed: &Signed, kinds: &[PluginKind], asks: Vec<String>) {
        let id = signed.release.id.clone();
        let verb = verb_for(&signed.publisher());
        tracing::info!(plugin = %id, version = %signed.release.version, "it waits for the owner: skynet plugin {verb} {id}");
        if signed.is_unsigned() && self.serving(&id).is_some() {
            // Files that somebody changed do not leave those running that the owner knew.
            self.withdraw(&id, "its files changed since they were approved").await;
        }
        let mut book = self.shared.book.lock().await;
        let entry = book.plugins.entry(id.clone()).or_default();
        if entry.serving.is_none() {
            entry.describe(signed, kinds);
        }
        entry.file = file.to_owned();
        entry.folder = signed.folder.clone();
        entry.stopped = None;
        entry.denied = None;
        entry.waiting = Some(waiting(signed, kinds, asks.clone()));
        drop(book);
        self.tell(PluginEvent::Pending { id, version: signed.release.version.to_string(), asks });
    }

    /// A release that was rolled back stays back until the owner or a new file says otherwise.
    async fn hold_back(&self, file: &str, signed: &Signed, kinds: &[PluginKind], why: &str) -> Result<(), Refusal> {
        let mut book = self.shared.book.lock().await;
        let entry = book.plugins.entry(signed.release.id.clone()).or_default();
        entry.file = file.to_owned();
        entry.folder = signed.folder.clone();
        let denied = why.starts_with(DENIED);
        entry.denied = denied.then(|| waiting(signed, kinds, signed.release.permissions.sentences()));
        if entry.serving.is_none() {
            entry.describe(signed, kinds);
            let reason = why.to_owned();
            entry.stopped = Some(if denied { PluginState::Disabled { reason } } else { PluginState::Sick { reason } });
        }
        Ok(())
    }

    async fn gone(&self, file: &str) {
        let mut book = self.shared.book.lock().await;
        let Some(FileState::Plugin(id)) = book.files.remove(file) else { return };
        let was_read_from_it = book.plugins.get(&id).is_some_and(|entry| entry.file == file);
        if was_read_from_it && let Some(other) = book.files_of(&id).first() {
            // Another file holds the same plugin: read it again.
            book.inbox.forget(other);
        }
    }

    /// Takes a plugin out of service; state and receipts stay.
    pub(crate) async fn withdraw(&self, id: &PluginId, reason: &str) {
        if let Err(error) = self.shared.state.withdraw(id).await {
            tracing::error!(plugin = %id, %error, "it could not be recorded that this plugin no longer serves");
        }
        let mut book = self.shared.book.lock().await;
        let Some(entry) = book.plugins.get_mut(id) else { return };
        let Some(served) = entry.replace(None) else { return };
        self.swap(&mut book);
        drop(book);
        tracing::info!(plugin = %served.plugin(), %reason, "plugin no longer serves");
        self.tell(PluginEvent::Withdrawn { plugin: served.plugin().clone(), reason: reason.to_owned() });
    }
}

/// A release as its owner would be granting to it.
fn waiting(signed: &Signed, kinds: &[PluginKind], asks: Vec<String>) -> Waiting {
    Waiting {
        version: signed.release.version.clone(),
        publisher: signed.publisher(),
        request: signed.release.permissions.clone(),
        asks,
        kinds: kinds.to_vec(),
        release: signed.release_digest.clone(),
    }
}
