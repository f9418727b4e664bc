//! The owner's word on plugins: list, grant, revoke, switch, roll back.
//!
//! Only owner surfaces reach this; no import of a guest and no tool does.

use crate::admit::Wish;
use crate::book::{Entry, Subject, Waiting};
use crate::ceiling;
use crate::change::DENIED;
use crate::decide::{Act, unfinished};
use crate::folder_plugin::{approval_of, is_approval, verb_for};
use crate::generation::Generation;
use crate::host::PluginHost;
use async_trait::async_trait;
use serde_json::{Value, json};
use skynet_core::admin::{AdminError, PluginAdmin};
use skynet_core::plugin::{PluginKind, PluginStatus};
use skynet_core::ports::{PluginChange, StoredGrant};
use skynet_core::{PluginId, PluginRef};
use skynet_policy::grant;
use skynet_policy::permission::Permissions;
use std::sync::Arc;

impl PluginHost {
    /// Makes sure that the plugin is known. Just after a start its file may not have
    /// been looked at yet, so an unknown one is worth a look.
    async fn meet(&self, id: &PluginId) -> Result<(), AdminError> {
        for looked in [false, true] {
            if self.shared.book.lock().await.plugins.contains_key(id) {
                return Ok(());
            }
            if !looked {
                self.settled().await;
            }
        }
        Err(AdminError::NotFound(id.clone()))
    }

    /// What the owner would be granting to.
    async fn subject_of(&self, id: &PluginId) -> Result<Subject, AdminError> {
        let book = self.shared.book.lock().await;
        let entry = book.plugins.get(id).ok_or_else(|| AdminError::NotFound(id.clone()))?;
        Ok(entry.to_grant())
    }

    fn shown_grant(&self, stored: StoredGrant) -> Result<Value, AdminError> {
        let permissions: Permissions = serde_json::from_value(stored.permissions.clone())
            .map_err(|error| AdminError::Bug(format!("grant of {}: {error}", stored.plugin)))?;
        Ok(json!({
            "plugin": stored.plugin, "publisher": stored.publisher, "request": stored.request, "permissions": stored.permissions,
            "allows": permissions.sentences(), "above_ceiling": self.above_ceiling(&stored.plugin, &permissions), "by": stored.by, "at_ms": stored.at_ms, "until_ms": stored.expires_ms, "kinds": stored.kinds,
        }))
    }

    /// The release of it that waits or was denied: what a grant is for, if that is not
    /// what serves.
    async fn unserved(&self, id: &PluginId) -> Option<Waiting> {
        let book = self.shared.book.lock().await;
        let entry = book.plugins.get(id)?;
        entry.waiting.clone().or_else(|| entry.denied.clone())
    }

    /// Reads the plugin's file again as if it had just come.
    async fn read_again(&self, id: &PluginId) {
        let mut book = self.shared.book.lock().await;
        let file = book.plugins.get(id).map(|entry| entry.file.clone());
        if let Some(file) = file {
            book.inbox.forget(&file);
        }
        drop(book);
        self.look_now();
    }

    /// Ends what serves under a grant whose time is over.
    pub(crate) async fn end_expired(&self) {
        let now = self.shared.clock.now_ms();
        let over = |generation: &&Arc<Generation>| generation.terms.validity.until_ms().is_some_and(|until| until <= now);
        let expired: Vec<(PluginId, Option<u64>)> = {
            let shelf = self.shared.shelf.load();
            shelf.generations.values().filter(over).map(|old| (old.plugin().id.clone(), old.terms.validity.until_ms())).collect()
        };
        for (id, until_ms) in expired {
            match self.renew_terms(&id).await {
                Ok(()) if self.serving(&id).is_none() => self.note_lapse(&id, until_ms).await,
                Ok(()) => {}
                Err(error) => tracing::error!(plugin = %id, %error, "its grant is over, and it could not be ended"),
            }
            // The folder is asked again, so that lists show what it waits for.
            self.read_again(&id).await;
        }
    }

    /// Brings what serves in line with the grant in force.
    async fn renew_terms(&self, id: &PluginId) -> Result<(), AdminError> {
        // Held to the end: what is being published either sees the new grant or is seen here.
        let mut book = self.shared.book.lock().await;
        let Some(entry) = book.plugins.get(id) else { return Ok(()) };
        let Some(serving) = entry.serving.clone() else { return Ok(()) };
        let (request, publisher) = (entry.request.clone(), entry.publisher.clone());
        let stored = self.shared.state.grant(id).await?;
        let now = self.shared.clock.now_ms();
        let came_as = self.came_as(id).await?;
        let wish = Wish { request: &request, publisher: &publisher, kinds: &serving.receipt.kinds, came_as: came_as.as_deref() };
        match crate::admit::standing(wish, stored.as_ref(), now)? {
            crate::admit::Standing::Granted(permissions, until_ms) => {
                let terms = self.terms(id, &permissions, until_ms, serving.terms.folder.as_ref());
                // One that was ended, by a revocation that then failed say, is no longer of use.
                if terms.same_as(&serving.terms) && !serving.terms.validity.is_ended() {
                    return Ok(());
                }
                if serving.terms.allow_more_than(&terms)
                    && let Some(entry) = book.plugins.get_mut(id)
                {
                    // Before anything can fail: what was taken away is gone.
                    entry.end_grants();
                }
                let renewed = Arc::new(Generation::new(serving.receipt.clone(), terms, None));
                if let Err(error) = self.shared.runtime.loaded(&renewed).await {
                    drop(book);
                    tracing::warn!(plugin = %renewed.plugin(), %error, "it cannot run with what is granted now");
                    self.withdraw(id, "it cannot run with what is granted now").await;
                    // Admission says which grant it lacks.
                    self.read_again(id).await;
                    return Ok(());
                }
                if let Some(entry) = book.plugins.get_mut(id) {
                    entry.replace(Some(renewed));
                }
                self.swap(&mut book);
                drop(book);
                if serving.receipt.kinds.contains(&PluginKind::Provider) {
                    crate::refresh::ask_models(self, serving.plugin()).await;
                }
            }
            crate::admit::Standing::Asks(_) => {
                if let Some(entry) = book.plugins.get_mut(id) {
                    entry.end_grants();
                }
                drop(book);
                self.withdraw(id, "its grant was taken back or is over").await;
            }
        }
        Ok(())
    }
}

/// What an owner wants to grant of a request. Letting a server be on a private network is
/// the owner's to add: no request may ask for it.
fn wanted(id: &PluginId, value: Value, request: &Permissions) -> Result<Permissions, AdminError> {
    let granted: Permissions = serde_json::from_value(value).map_err(|error| AdminError::Refused(format!("not permissions: {error}")))?;
    if let Some(fault) = granted.faults().first() {
        return Err(AdminError::Refused(fault.clone()));
    }
    let mut public = granted.clone();
    public.net.iter_mut().for_each(|rule| rule.private = false);
    match grant::exceeds(&public, request).first() {
        Some(sentence) => Err(AdminError::Refused(format!("{id} does not ask for this: {sentence}"))),
        None => Ok(granted),
    }
}

/// A release that waits, with what it changes for the owner.
fn shown_waiting(entry: &Entry, waiting: &Waiting) -> Value {
    let before = entry.serving.as_ref().map(|_| entry.request.clone()).unwrap_or_default();
    let diff = skynet_policy::diff(&before, &waiting.request);
    json!({
        "version": waiting.version.to_string(), "release": waiting.release, "publisher": waiting.publisher,
        "request": waiting.request, "asks": waiting.asks, "kinds": waiting.kinds,
        "diff": diff, "diff_text": diff.to_string(),
        "signer": if entry.serving.is_none() { "first" } else if entry.publisher == waiting.publisher { "same" } else { "other" },
    })
}

/// The part of each verb that ends in one transaction: what it checks, and what it writes.
impl PluginHost {
    async fn decide_switch(&self, act: Act<'_>, id: &PluginId, enabled: bool) -> Result<(), AdminError> {
        self.meet(id).await?;
        let mut steps = vec![PluginChange::Switch { id: id.clone(), enabled }];
        if enabled {
            // The owner's word also ends a rollback's hold on the file that is there.
            steps.push(PluginChange::Unhold { id: id.clone(), release: None });
        }
        Ok(self.change(act, json!({ "enabled": enabled }), steps).await?)
    }

    async fn decide_grant(
        &self,
        act: Act<'_>,
        id: &PluginId,
        permissions: Option<Value>,
        until_ms: Option<u64>,
        release: Option<&str>,
    ) -> Result<(), AdminError> {
        self.meet(id).await?;
        let now = self.shared.clock.now_ms();
        if until_ms.is_some_and(|until| until <= now) {
            return Err(AdminError::Refused("the time up to which it would be granted is over".into()));
        }
        let subject = self.subject_of(id).await?;
        if subject.publisher.is_empty() {
            return Err(AdminError::Refused(format!("nobody knows yet who signed {id}; look at `skynet plugin list`")));
        }
        if release.is_some_and(|shown| shown != subject.release) {
            return Err(AdminError::Refused(format!(
                "{id} is another release than the one you looked at; look again: skynet plugin info {id}"
            )));
        }
        self.must_be_signed(id, &subject.publisher).await?;
        self.write_grant(act, id, subject, permissions, until_ms).await
    }

    /// A grant to files that nobody signed begins with an approval, which names them.
    async fn must_be_signed(&self, id: &PluginId, publisher: &str) -> Result<(), AdminError> {
        let approved =
            || async { Ok::<_, AdminError>(self.shared.state.grant(id).await?.is_some_and(|grant| grant.publisher == publisher)) };
        if is_approval(publisher) && !approved().await? {
            return Err(AdminError::Refused(format!("nobody signed {id}; look at its files, then: skynet plugin approve {id}")));
        }
        Ok(())
    }

    async fn decide_approval(&self, act: Act<'_>, id: &PluginId, files: &str) -> Result<(), AdminError> {
        self.meet(id).await?;
        let subject = self.subject_of(id).await?;
        if !is_approval(&subject.publisher) {
            return Err(AdminError::Refused(format!("{id} is signed, and needs no approval of its files; see: skynet plugin grant {id}")));
        }
        if subject.publisher != approval_of(files) {
            return Err(AdminError::Refused(format!("the files of {id} are others than those you looked at; look again")));
        }
        self.write_grant(act, id, subject, None, None).await
    }

    async fn write_grant(
        &self,
        act: Act<'_>,
        id: &PluginId,
        Subject { request, publisher, kinds, .. }: Subject,
        permissions: Option<Value>,
        until_ms: Option<u64>,
    ) -> Result<(), AdminError> {
        let granted = match permissions {
            None => request.clone(),
            Some(value) => wanted(id, value, &request)?,
        };
        let grant = StoredGrant {
            plugin: id.clone(),
            publisher,
            request: request.digest(),
            permissions: serde_json::to_value(granted.normalized()).map_err(|error| AdminError::Bug(error.to_string()))?,
            by: act.by.to_owned(),
            at_ms: self.shared.clock.now_ms(),
            expires_ms: until_ms,
            kinds,
        };
        let detail = json!({ "permissions": grant.permissions, "publisher": grant.publisher, "kinds": grant.kinds, "until_ms": until_ms });
        // The owner's word also ends an earlier no to the file that is there. What was rolled
        // back stays away while another version serves.
        let release = match self.serving(id) {
            Some(_) => self.unserved(id).await.map(|denied| Some(denied.release)),
            None => Some(None),
        };
        let unhold = release.map(|release| PluginChange::Unhold { id: id.clone(), release });
        let steps = std::iter::once(PluginChange::Grant(grant)).chain(unhold).collect();
        Ok(self.change(act, detail, steps).await?)
    }

    async fn decide_no(&self, act: Act<'_>, id: &PluginId) -> Result<(Waiting, String), AdminError> {
        self.meet(id).await?;
        let waiting = self.shared.book.lock().await.plugins.get(id).and_then(|entry| entry.waiting.clone());
        let waiting = waiting.ok_or_else(|| {
            AdminError::Refused(format!("nothing of {id} waits for an answer; to end what it may do now: skynet plugin revoke {id}"))
        })?;
        let detail = json!({ "version": waiting.version.to_string(), "release": waiting.release, "asks": waiting.asks });
        let verb = verb_for(&waiting.publisher);
        let why = format!("{DENIED} what version {} asks for; `skynet plugin {verb} {id}` allows it", waiting.version);
        let hold = PluginChange::Hold { id: id.clone(), release: waiting.release.clone(), why: why.clone() };
        self.change(act, detail, vec![hold]).await?;
        Ok((waiting, why))
    }

    async fn decide_revocation(&self, act: Act<'_>, id: &PluginId) -> Result<(), AdminError> {
        let granted = self.shared.state.grant(id).await?.is_some();
        // One whose grant is gone from the store and that serves all the same must end too.
        let serves = self.serving(id).is_some_and(|serving| !serving.terms.permissions.is_empty());
        if !granted && !serves {
            // One without a grant is told from one that there is not.
            self.meet(id).await?;
            return Err(AdminError::Refused(format!("{id} has no grant")));
        }
        Ok(self.change(act, Value::Null, vec![PluginChange::Revoke(id.clone())]).await?)
    }

    /// Brings what serves in line with a grant that was written.
    async fn after_grant(&self, id: &PluginId) -> Result<(), AdminError> {
        if self.unserved(id).await.is_some() {
            // First what the grant is for, so that what it replaces leaves no gap.
            self.read_again(id).await;
            self.settled().await;
        }
        self.renew_terms(id).await.map_err(unfinished)?;
        self.read_again(id).await;
        self.settled().await;
        Ok(())
    }

    async fn switch_on(&self, id: &PluginId) {
        let mut book = self.shared.book.lock().await;
        book.switched_off.remove(id);
        if let Some(entry) = book.plugins.get_mut(id) {
            entry.stopped = None;
        }
        drop(book);
        self.read_again(id).await;
        self.settled().await;
    }

    async fn switch_off(&self, id: &PluginId) {
        self.shared.book.lock().await.switched_off.insert(id.clone());
        self.withdraw(id, "the owner switched it off").await;
        let mut book = self.shared.book.lock().await;
        if let Some(entry) = book.plugins.get_mut(id) {
            let reason = format!("switched off; `skynet plugin enable {id}` switches it on");
            entry.stopped = Some(skynet_core::plugin::PluginState::Disabled { reason });
        }
    }
}

#[async_trait]
impl PluginAdmin for PluginHost {
    async fn list(&self) -> Vec<PluginStatus> {
        self.shared.book.lock().await.statuses()
    }

    async fn info(&self, id: &PluginId) -> Result<Value, AdminError> {
        self.meet(id).await?;
        let stored = self.shared.state.grant(id).await?;
        let receipts = self.shared.state.receipts(id).await?;
        let held = self.shared.state.held(id).await?;
        let mut held_back: Vec<String> = Vec::new();
        for receipt in &receipts {
            let Some((_, why)) = held.iter().find(|(release, _)| *release == receipt.release) else { continue };
            let line = format!("{}: {why}", receipt.plugin.version);
            if !held_back.contains(&line) {
                held_back.push(line);
            }
        }
        let book = self.shared.book.lock().await;
        let entry = book.plugins.get(id).ok_or_else(|| AdminError::NotFound(id.clone()))?;
        let effective = entry.serving.as_ref().map(|serving| serving.terms.permissions.sentences());
        let history: Vec<String> = receipts.iter().map(|receipt| receipt.plugin.to_string()).collect();
        Ok(json!({
            "status": entry.status(id),
            "file": entry.file,
            "publisher": entry.publisher,
            "release": entry.release,
            "asks": entry.request.sentences(),
            "request": entry.request,
            "script": entry.folder.as_ref().map(|folder| folder.shown()),
            "waiting": entry.waiting.as_ref().map(|waiting| shown_waiting(entry, waiting)),
            "denied": entry.denied.as_ref().map(|denied| shown_waiting(entry, denied)),
            "grant": stored,
            "above_ceiling": self.kept_from(id, entry),
            "may": effective,
            "receipt": entry.serving.as_ref().map(|serving| json!({
                "release": serving.receipt.release,
                "component": serving.receipt.component,
                "admitted_ms": serving.receipt.admitted_ms,
                "config_schema": serving.receipt.config_schema,
                "models": serving.receipt.models,
                "tools": serving.receipt.tools,
            })),
            "history": history,
            "held": held_back,
        }))
    }

    async fn set_enabled(&self, id: &PluginId, enabled: bool, by: &str) -> Result<(), AdminError> {
        let act = Act { kind: "plugin.switch", by, subject: id.as_str() };
        self.noted(act, self.decide_switch(act, id, enabled)).await?;
        if enabled {
            self.switch_on(id).await;
        } else {
            self.switch_off(id).await;
        }
        Ok(())
    }

    async fn grants(&self) -> Result<Vec<Value>, AdminError> {
        let grants = self.shared.state.grants().await?;
        grants.into_iter().map(|grant| self.shown_grant(grant)).collect()
    }

    async fn grant_release(
        &self,
        id: &PluginId,
        permissions: Option<Value>,
        until_ms: Option<u64>,
        release: Option<&str>,
        by: &str,
    ) -> Result<(), AdminError> {
        let act = Act { kind: "grant", by, subject: id.as_str() };
        self.noted(act, self.decide_grant(act, id, permissions, until_ms, release)).await?;
        self.after_grant(id).await
    }

    async fn approve(&self, id: &PluginId, files: &str, by: &str) -> Result<(), AdminError> {
        let act = Act { kind: "approve", by, subject: id.as_str() };
        self.noted(act, self.decide_approval(act, id, files)).await?;
        self.after_grant(id).await
    }

    async fn deny(&self, id: &PluginId, by: &str) -> Result<(), AdminError> {
        let act = Act { kind: "deny", by, subject: id.as_str() };
        let (waiting, why) = self.noted(act, self.decide_no(act, id)).await?;
        let mut book = self.shared.book.lock().await;
        if let Some(entry) =
            book.plugins.get_mut(id).filter(|entry| entry.waiting.as_ref().is_some_and(|now| now.release == waiting.release))
        {
            entry.waiting = None;
            if entry.serving.is_none() {
                (entry.request, entry.publisher) = (waiting.request.clone(), waiting.publisher.clone());
                entry.release = waiting.release.clone();
                entry.stopped = Some(skynet_core::plugin::PluginState::Disabled { reason: why });
            }
            entry.denied = Some(waiting);
        }
        Ok(())
    }

    async fn why_denied(&self, id: &PluginId, limit: usize) -> Result<Value, AdminError> {
        self.meet(id).await?;
        let (denied, over) = self.denials(id, limit).await?;
        let book = self.shared.book.lock().await;
        let entry = book.plugins.get(id).ok_or_else(|| AdminError::NotFound(id.clone()))?;
        let status = entry.status(id);
        let effective = entry.serving.as_ref().map(|serving| &serving.terms.permissions);
        let ceiling = self.kept_from(id, entry);
        let verb = verb_for(&entry.to_grant().publisher);
        let ceiling_remedy = (!ceiling.is_empty()).then_some(ceiling::REMEDY);
        Ok(json!({
            "id": id, "status": status, "denied": denied, "was_granted_until_ms": over, "may": effective.map(|may| may.sentences()),
            "asks": entry.waiting.as_ref().map(|waiting| &waiting.asks), "above_ceiling": ceiling,
            "ceiling_remedy": ceiling_remedy, "remedy": format!("skynet plugin {verb} {id}"),
        }))
    }

    async fn revoke(&self, id: &PluginId, by: &str) -> Result<(), AdminError> {
        let act = Act { kind: "revoke", by, subject: id.as_str() };
        self.noted(act, self.decide_revocation(act, id)).await?;
        if let Some(entry) = self.shared.book.lock().await.plugins.get_mut(id) {
            entry.end_grants();
        }
        self.renew_terms(id).await.map_err(unfinished)?;
        self.read_again(id).await;
        self.settled().await;
        Ok(())
    }

    async fn rollback(&self, id: &PluginId, by: &str) -> Result<PluginRef, AdminError> {
        let act = Act { kind: "rollback", by, subject: id.as_str() };
        let attempt = async {
            if !self.shared.book.lock().await.plugins.contains_key(id) {
                return Err(AdminError::NotFound(id.clone()));
            }
            let serving =
                self.serving(id).ok_or_else(|| AdminError::Refused(format!("{id} does not serve; there is nothing to go back from")))?;
            let back = self.step_back(&serving, by, "rolled back by its owner").await?;
            back.ok_or_else(|| AdminError::Refused(format!("no former version of {id} is kept here that may serve")))
        };
        self.noted(act, attempt).await
    }

    async fn rescan(&self) -> Result<(), AdminError> {
        self.hear_again().await;
        let mut book = self.shared.book.lock().await;
        let refused: Vec<String> = book
            .files
            .iter()
            .filter(|(_, state)| matches!(state, crate::book::FileState::Refused(_)))
            .map(|(file, _)| file.clone())
            .collect();
        for file in refused {
            book.files.remove(&file);
            book.inbox.forget(&file);
        }
        drop(book);
        self.settled().await;
        Ok(())
    }
}
