//! The way back: what was rolled back by its owner or tripped the breaker makes room for the
//! newest release before it that may still serve, or for nothing.
//!
//! Owns what it takes to be put away for good, and by what one goes back. Refuses to put away
//! what no longer serves, and to bring back code that something newer replaced.

use crate::book::Entry;
use crate::change::{HOST, Unfit};
use crate::decide::Act;
use crate::generation::Generation;
use crate::host::PluginHost;
use crate::runtime::Tripped;
use serde_json::json;
use skynet_core::plugin::{PluginEvent, PluginState, Receipt};
use skynet_core::ports::PluginChange;
use skynet_core::{PluginRef, StoreError};

impl PluginHost {
    /// Too many faults: the last good release again, or nothing.
    pub(crate) async fn break_off(&self, tripped: Tripped) {
        let id = &tripped.plugin.id;
        let Some(serving) = self.serving(id).filter(|serving| *serving.plugin() == tripped.plugin) else { return };
        tracing::error!(plugin = %tripped.plugin, reason = %tripped.reason, "three faults in a minute; taking it out of service");
        let back = self.step_back(&serving, HOST, &tripped.reason).await;
        let to = match back {
            Ok(to) => to,
            Err(error) => {
                tracing::error!(%error, "no former version could be put back");
                None
            }
        };
        if to.is_none() {
            if let Err(error) = self.put_away(&serving, &tripped.reason).await {
                tracing::error!(%error, "it could not be recorded that this release was put away");
            }
            // What came in its place meanwhile did not fail.
            if self.serving(id).is_some_and(|now| *now.plugin() == tripped.plugin) {
                self.withdraw(id, "it failed three times in a minute").await;
                let mut book = self.shared.book.lock().await;
                if let Some(entry) = book.plugins.get_mut(id) {
                    entry.stopped = Some(PluginState::Sick { reason: tripped.reason.clone() });
                }
            }
        }
        self.tell(PluginEvent::RolledBack { from: tripped.plugin, to, reason: tripped.reason });
    }

    /// Puts the newest former release that may still serve in the place of this one,
    /// and remembers that this one was put away. `None`: there is none, and nothing changed.
    pub(crate) async fn step_back(&self, from: &Generation, by: &str, why: &str) -> Result<Option<PluginRef>, StoreError> {
        let grant = self.shared.state.grant(&from.plugin().id).await?;
        let Some((generation, receipt)) = self.former(from).await? else { return Ok(None) };
        let to = generation.plugin().clone();
        let act = Act { kind: "rollback", by, subject: &from.plugin().to_string() };
        let steps = vec![hold(from, why), PluginChange::Publish(receipt)];
        let mut book = self.shared.book.lock().await;
        // The owner may have spoken meanwhile: a grant that is gone, or a switch, beats a way back.
        let still = self.shared.state.grant(&to.id).await?;
        if book.switched_off.contains(&to.id) || still != grant || self.check_names(&generation).is_err() {
            return Ok(None);
        }
        // So may a newer release have come: it is not what was to be put away.
        let serves = |entry: &Entry| entry.serving.as_ref().is_some_and(|serving| serving.plugin() == from.plugin());
        if !book.plugins.get(&to.id).is_some_and(serves) {
            return Err(StoreError::Changed(format!("what serves of {}", to.id)));
        }
        self.change(act, json!({ "why": why, "to": to.to_string() }), steps).await?;
        let entry = book.plugins.entry(to.id.clone()).or_default();
        let file = entry.file.clone();
        entry.take(generation, &file);
        self.swap(&mut book);
        tracing::warn!(from = %from.plugin(), %to, "rolled back");
        Ok(Some(to))
    }

    /// Its release is not admitted again from the file that is still there.
    async fn put_away(&self, generation: &Generation, why: &str) -> Result<(), StoreError> {
        let act = Act { kind: "rollback", by: HOST, subject: &generation.plugin().to_string() };
        self.change(act, json!({ "why": why }), vec![hold(generation, why)]).await
    }

    /// The newest release before this one that may still serve, ready to.
    async fn former(&self, from: &Generation) -> Result<Option<(Generation, Receipt)>, StoreError> {
        let id = &from.plugin().id;
        let held = self.shared.state.held(id).await?;
        for receipt in self.shared.state.receipts(id).await? {
            if receipt.release == from.receipt.release || held.iter().any(|(release, _)| *release == receipt.release) {
                continue;
            }
            if !self.shared.book.lock().await.has_code(&receipt) {
                tracing::info!(plugin = %receipt.plugin, "a former version was presented by another script bridge, which serves no more");
                continue;
            }
            match self.revive(&receipt).await {
                Ok(generation) => match self.check_names(&generation) {
                    Ok(()) => return Ok(Some((generation, receipt))),
                    Err(reason) => tracing::info!(plugin = %receipt.plugin, %reason, "a former version cannot serve"),
                },
                Err(Unfit::Reason(reason)) => tracing::info!(plugin = %receipt.plugin, %reason, "a former version cannot serve"),
                Err(Unfit::Store(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

fn hold(generation: &Generation, why: &str) -> PluginChange {
    PluginChange::Hold { id: generation.plugin().id.clone(), release: generation.receipt.release.clone(), why: why.to_owned() }
}
