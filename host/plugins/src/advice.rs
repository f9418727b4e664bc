//! What others said about a release since it was signed, asked at each load and start.
//!
//! Owns the port and what follows from an answer: a release that must not run is refused,
//! and ended where it serves; one with a known flaw serves with a note. Whoever answers
//! and cannot say that nothing speaks against it blocks: closed when in doubt.

use crate::host::PluginHost;
use serde_json::json;
use skynet_core::PluginId;
use skynet_core::plugin::{PluginState, Receipt};

/// A release that is about to be loaded, or serves.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Which plugin.
    pub id: &'a PluginId,
    /// SHA-256 of its `release.json`, hex.
    pub release: &'a str,
    /// Key ids whose signatures were checked.
    pub signers: &'a [String],
    /// `registry`, `local` or `builtin`.
    pub trust: &'a str,
}

/// What is said of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// It must not be loaded: why, and what to do.
    pub blocked: Option<String>,
    /// Its owner should know.
    pub warning: Option<String>,
}

/// Who is asked. Answers from what is on this machine, without a network.
pub trait Advisories: Send + Sync {
    /// What is known about this release.
    fn word(&self, asked: Asked<'_>) -> Word;
}

/// A host without registries: nobody says anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unadvised;

impl Advisories for Unadvised {
    fn word(&self, _: Asked<'_>) -> Word {
        Word::default()
    }
}

impl PluginHost {
    /// What is said of what this receipt is for.
    pub(crate) fn word_on(&self, receipt: &Receipt) -> Word {
        let asked = Asked { id: &receipt.plugin.id, release: &receipt.release, signers: &receipt.signers, trust: &receipt.trust };
        self.shared.advisories.word(asked)
    }

    /// Whose word a release rests on, where none of those counts any more.
    fn no_longer_vouched(&self, receipt: &Receipt) -> Option<String> {
        // What the owner approved by its files rests on no key.
        if receipt.signers.is_empty() {
            return None;
        }
        match (self.shared.trust)() {
            Ok(trust) => crate::admit::trusted_signer(receipt, &trust).err(),
            // A damaged file is no revocation: it keeps new ones out, and the next start.
            Err(error) => {
                tracing::warn!(%error, "trusted keys");
                None
            }
        }
    }

    /// Asks again about all that serves, and ends what must not. For when something new was heard,
    /// or a key counts no more.
    pub async fn hear_again(&self) {
        let serving: Vec<_> = self.shared.shelf.load().generations.values().cloned().collect();
        for generation in serving {
            let Word { blocked, warning } = self.word_on(&generation.receipt);
            let plugin = generation.plugin();
            let kind = if blocked.is_some() { "advisory" } else { "trust" };
            let Some(reason) = blocked.or_else(|| self.no_longer_vouched(&generation.receipt)) else {
                if let Some(entry) = self.shared.book.lock().await.plugins.get_mut(&plugin.id) {
                    entry.warning = warning;
                }
                continue;
            };
            tracing::error!(%plugin, %reason, "it must not run any more");
            if let Err(error) = self.record(kind, "host", &plugin.to_string(), "refused", json!({ "reason": reason })).await {
                // It ends all the same: what must not run does not run on for want of a row.
                tracing::error!(%error, "audit");
            }
            if let Some(entry) = self.shared.book.lock().await.plugins.get_mut(&plugin.id) {
                entry.end_grants();
            }
            self.withdraw(&plugin.id, &reason).await;
            let mut book = self.shared.book.lock().await;
            let Some(entry) = book.plugins.get_mut(&plugin.id) else { continue };
            entry.stopped = Some(PluginState::Refused { reason });
            let file = entry.file.clone();
            // Read again, so that lists name the file, and a word that was taken back counts.
            book.inbox.forget(&file);
        }
    }
}
