//! The owner's secrets in a running host: the port `Secrets` over the vault.
//!
//! Before a value is given out, one number in the database says whether the vault was
//! changed since; then it is read again, so that a new value needs no restart. What is
//! known here is what everything is scrubbed of, always before anybody gets a value; old
//! values too, since whoever had one may still say it.
//! Refuses to give what it could not check.

use crate::vault::{self, Ask, Places};
use async_trait::async_trait;
use skynet_core::PluginId;
use skynet_core::secret::{OpenSecret, SecretFault, Secrets};
use skynet_policy::scrub::Known;
use skynet_store::vault::{OpenVault, Unlocked};
use skynet_store::{Store, VaultFault};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long text that nobody asked a secret for may go unscrubbed of a new one.
const LOOK: Duration = Duration::from_secs(2);

/// Secrets of a running host.
pub(crate) struct HostSecrets {
    store: Store,
    places: Places,
    known: Known,
    present: Mutex<Present>,
}

struct Present {
    unlocked: Unlocked,
    vault: OpenVault,
}

impl HostSecrets {
    /// Reads the vault, which must open.
    pub(crate) async fn start(store: Store, places: Places, known: Known, unlocked: Unlocked) -> Result<Arc<Self>, VaultFault> {
        let vault = store.open_vault(&unlocked).await?;
        learn(&known, &vault);
        let secrets = Arc::new(Self { store, places, known, present: Mutex::new(Present { unlocked, vault }) });
        let looking = Arc::downgrade(&secrets);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(secrets) = looking.upgrade() else { return };
                if let Err(fault) = secrets.refresh(&mut *secrets.present.lock().await).await {
                    tracing::warn!(%fault, "the vault was changed and does not open");
                }
            }
        });
        Ok(secrets)
    }

    async fn refresh(&self, present: &mut Present) -> Result<(), SecretFault> {
        let unusable = |fault: VaultFault| SecretFault::Unusable(fault.to_string());
        if self.store.vault_changes().await.map_err(unusable)? == Some(present.vault.changes) {
            return Ok(());
        }
        let vault = match self.store.open_vault(&present.unlocked).await {
            // Another key: the slots that ask nobody give it.
            Err(VaultFault::Rotated) => {
                let again = |error: anyhow::Error| SecretFault::Unusable(format!("{error:#}"));
                present.unlocked = vault::unlock(&self.store, &self.places, Ask::Nobody).await.map_err(again)?.0;
                self.store.open_vault(&present.unlocked).await
            }
            other => other,
        };
        present.vault = vault.map_err(unusable)?;
        learn(&self.known, &present.vault);
        Ok(())
    }
}

fn learn(known: &Known, vault: &OpenVault) {
    let values = vault.secrets.iter().filter_map(|(name, secret)| Some((name.as_str(), secret.as_ref().ok()?.value.expose())));
    known.learn(values);
    for (name, fault) in vault.secrets.iter().filter_map(|(name, secret)| Some((name, secret.as_ref().err()?))) {
        tracing::error!(%name, %fault, "a secret cannot be used");
    }
}

#[async_trait]
impl Secrets for HostSecrets {
    async fn open(&self, _: &PluginId, name: &str) -> Result<OpenSecret, SecretFault> {
        let mut present = self.present.lock().await;
        self.refresh(&mut present).await?;
        match present.vault.secrets.get(name) {
            None => Err(SecretFault::NotSet),
            Some(Ok(secret)) => Ok(secret.clone()),
            Some(Err(fault)) => Err(SecretFault::Unusable(fault.to_string())),
        }
    }
}
