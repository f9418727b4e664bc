//! Which models each provider offers: asked after it was admitted, again after its
//! terms changed, and from time to time, since servers come and go.

use crate::book::Entry;
use crate::complete;
use crate::generation::Generation;
use crate::host::PluginHost;
use skynet_core::plugin::{PluginKind, Receipt};
use skynet_core::{ModelError, PluginRef};
use skynet_policy::naming;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

/// While a provider has no model: soon enough that a server that was started is
/// found before its owner wonders.
const EAGER: Duration = Duration::from_secs(30);

/// Rounds of `EAGER` between two looks at a provider that has models.
const PATIENT_ROUNDS: u32 = 20;

/// The task that asks again.
pub(crate) struct Refresher(JoinHandle<()>);

impl Refresher {
    pub(crate) fn start(host: PluginHost) -> Self {
        Self(tokio::spawn(async move {
            let mut round: u32 = 0;
            // The first round comes at once: settings may name another server than before the start.
            loop {
                let shelf = host.shared.shelf.load_full();
                // Side by side, as a server that is slow holds up no other; and no round begins before all are done,
                // so that none is asked twice at a time.
                let mut asked = JoinSet::new();
                for generation in shelf.generations.values() {
                    let due = generation.receipt.models.is_empty() || round.is_multiple_of(PATIENT_ROUNDS);
                    if due && generation.receipt.kinds.contains(&PluginKind::Provider) {
                        let (host, plugin) = (host.clone(), generation.plugin().clone());
                        asked.spawn(async move { ask_models(&host, &plugin).await });
                    }
                }
                drop(shelf);
                while asked.join_next().await.is_some() {}
                round = round.wrapping_add(1);
                host.shared.clock.sleep(EAGER).await;
            }
        }))
    }

    pub(crate) fn stop(self) {
        self.0.abort();
    }
}

/// Counts one question while it lives.
struct Asking(PluginHost);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.shared.asking.send_modify(|asking| *asking = asking.saturating_sub(1));
    }
}

/// Asks without holding up the loop that admits: a server may be slow.
pub(crate) fn ask_behind(host: &PluginHost, plugin: PluginRef) {
    host.shared.asking.send_modify(|asking| *asking += 1);
    let asking = Asking(host.clone());
    tokio::spawn(async move { ask_models(&asking.0, &plugin).await });
}

/// Asks a provider that serves, and publishes the answer if it is news.
pub(crate) async fn ask_models(host: &PluginHost, plugin: &PluginRef) {
    let Some(generation) = host.serving(&plugin.id).filter(|serving| serving.plugin() == plugin) else { return };
    let answer = complete::models(&host.shared.runtime, &generation).await;
    let note = match &answer {
        Ok(models) if models.is_empty() => Some("it offers no model".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("it offers no model for now: {}", naming::plain_line(&error.to_string(), 400))),
    };
    let mut book = host.shared.book.lock().await;
    // From this look to the swap the book stays held: what was decided while the server was asked stands, on disk too.
    // What took its place, or has other terms by now, is asked itself.
    let is_asked = |entry: &&mut Entry| entry.serving.as_ref().is_some_and(|serving| Arc::ptr_eq(serving, &generation));
    let Some(entry) = book.plugins.get_mut(&plugin.id).filter(is_asked) else { return };
    entry.note = note;
    let models = match answer {
        Ok(models) => models,
        Err(ModelError::Unavailable { message, .. }) if !generation.receipt.models.is_empty() => {
            tracing::debug!(%plugin, %message, "models");
            return;
        }
        Err(error) => {
            tracing::info!(%plugin, reason = %error, "this provider offers no model for now");
            Vec::new()
        }
    };
    if models == generation.receipt.models {
        return;
    }
    let receipt = Receipt { models, ..generation.receipt.clone() };
    if let Err(error) = host.shared.state.publish(receipt.clone()).await {
        tracing::error!(%plugin, %error, "the list of models could not be stored");
        return;
    }
    let loaded = generation.loaded.get().cloned();
    entry.serving = Some(Arc::new(Generation::new(receipt, generation.terms.clone(), loaded)));
    host.swap(&mut book);
}
