//! The port `PluginStore`, each method one write or one read.
//!
//! Owns only the way to the threads; what is done there is in `receipts`,
//! `grants`, `held` and `kv`.

use crate::store::Store;
use crate::{audit, grants, held, kv, receipts};
use async_trait::async_trait;
use rusqlite::Connection;
use skynet_core::plugin::Receipt;
use skynet_core::ports::{AuditRow, KvQuota, PluginChange, PluginStore, StoredGrant};
use skynet_core::{Generation, PluginId, StoreError};

#[async_trait]
impl PluginStore for Store {
    async fn serving(&self) -> Result<Vec<Receipt>, StoreError> {
        self.read(receipts::serving).await
    }

    async fn receipts(&self, id: &PluginId) -> Result<Vec<Receipt>, StoreError> {
        let id = id.clone();
        self.read(move |db| receipts::of_plugin(db, &id)).await
    }

    async fn first_receipt(&self, id: &PluginId) -> Result<Option<Receipt>, StoreError> {
        let id = id.clone();
        self.read(move |db| receipts::first(db, &id)).await
    }

    async fn next_generation(&self) -> Result<Generation, StoreError> {
        self.write(receipts::next_generation).await
    }

    async fn publish(&self, receipt: Receipt) -> Result<(), StoreError> {
        self.write(move |db| receipts::publish(db, &receipt)).await
    }

    async fn change(&self, steps: Vec<PluginChange>, row: AuditRow) -> Result<(), StoreError> {
        let (text, now) = (audit::text(&row)?, self.now());
        self.write(move |db| {
            steps.iter().try_for_each(|step| take(db, step, now))?;
            audit::append(db, [(now, text.as_str())])
        })
        .await
    }

    async fn withdraw(&self, id: &PluginId) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |db| receipts::withdraw(db, &id)).await
    }

    async fn disabled(&self) -> Result<Vec<PluginId>, StoreError> {
        self.read(receipts::disabled).await
    }

    async fn grant(&self, id: &PluginId) -> Result<Option<StoredGrant>, StoreError> {
        let (id, now) = (id.clone(), self.now());
        self.read(move |db| grants::of_plugin(db, &id, now)).await
    }

    async fn grants(&self) -> Result<Vec<StoredGrant>, StoreError> {
        let now = self.now();
        self.read(move |db| grants::in_force(db, now)).await
    }

    async fn highest_version(&self, id: &PluginId) -> Result<Option<semver::Version>, StoreError> {
        let id = id.clone();
        self.read(move |db| receipts::highest_version(db, &id)).await
    }

    async fn held(&self, id: &PluginId) -> Result<Vec<(String, String)>, StoreError> {
        let id = id.clone();
        self.read(move |db| held::of_plugin(db, &id)).await
    }

    async fn kv_get(&self, id: &PluginId, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let (id, key) = (id.clone(), key.to_owned());
        self.read(move |db| kv::get(db, &id, &key)).await
    }

    async fn kv_set(&self, id: &PluginId, key: &str, value: Vec<u8>, quota: KvQuota) -> Result<(), StoreError> {
        let (id, key) = (id.clone(), key.to_owned());
        self.write(move |db| kv::set(db, &id, &key, &value, quota)).await
    }

    async fn kv_delete(&self, id: &PluginId, key: &str) -> Result<(), StoreError> {
        let (id, key) = (id.clone(), key.to_owned());
        self.write(move |db| kv::delete(db, &id, &key)).await
    }

    async fn kv_keys(&self, id: &PluginId, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, StoreError> {
        let (id, prefix, after) = (id.clone(), prefix.to_owned(), after.map(str::to_owned));
        self.read(move |db| kv::keys(db, &id, &prefix, after.as_deref(), limit)).await
    }
}

impl Store {
    /// The last grant of a plugin where none is in force: what was allowed once.
    pub async fn ended_grant(&self, id: &PluginId) -> Result<Option<StoredGrant>, StoreError> {
        let (id, now) = (id.clone(), self.now());
        self.read(move |db| grants::ended(db, &id, now)).await
    }
}

pub(crate) fn take(db: &Connection, step: &PluginChange, now: u64) -> crate::error::Result<()> {
    match step {
        PluginChange::Switch { id, enabled } => receipts::set_enabled(db, id, *enabled),
        PluginChange::Still { id, grant } => grants::still(db, id, grant.as_ref(), now),
        PluginChange::Grant(grant) => grants::put(db, grant, now),
        PluginChange::Revoke(id) => grants::end(db, id, now),
        PluginChange::Hold { id, release, why } => held::hold(db, id, release, why),
        PluginChange::Unhold { id, release } => held::unhold(db, id, release.as_deref()),
        PluginChange::Lower { id, version } => receipts::lower(db, id, version),
        PluginChange::Publish(receipt) => receipts::publish(db, receipt),
    }
}
