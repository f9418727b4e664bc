//! `skynet:plugin/kv`: a plugin's own small store. Linked only when granted, or for a
//! trial of what was only asked for: then nothing is read either, because what is there
//! belongs to the version that serves. The quota is checked by the store in the
//! transaction that writes.

use crate::bindings::v0::skynet::plugin::kv::{Host, KvError};
use crate::store::CallState;
use skynet_core::StoreError;
use skynet_core::ports::KvQuota;

/// Longest key: it is a name, not data.
const KEY_BYTES: usize = 256;
/// Largest value: more belongs in a file.
const VALUE_BYTES: usize = 1024 * 1024;
/// Keys given in one answer.
const KEYS: u32 = 1000;

fn check_key(key: &str) -> Result<(), KvError> {
    let legal = !key.is_empty() && key.len() <= KEY_BYTES && !key.chars().any(char::is_control);
    if legal { Ok(()) } else { Err(KvError::InvalidKey(format!("a key has 1 to {KEY_BYTES} bytes and no control characters"))) }
}

fn failed(error: StoreError) -> KvError {
    match error {
        StoreError::Quota(which) => KvError::QuotaExceeded(which),
        other => {
            tracing::error!(error = %other, "key-value store");
            KvError::Unavailable("the host's store did not answer".into())
        }
    }
}

/// The quota of the grant in force, without which there is no store.
fn granted(call: &CallState) -> Result<KvQuota, KvError> {
    let rule = call.reach.permissions.kv.as_ref().ok_or_else(|| KvError::Unavailable("not granted".into()))?;
    Ok(KvQuota { bytes: rule.bytes, keys: rule.keys })
}

impl Host for CallState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, KvError>> {
        if let Err(error) = granted(self).and_then(|_| check_key(&key)) {
            return Ok(Err(error));
        }
        Ok(self.reach.state.kv_get(&self.reach.plugin.id, &key).await.map_err(failed))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), KvError>> {
        // What a server echoed must not come to rest in the database.
        let scrubber = self.reach.known.now();
        let (key, value) = (scrubber.text(&key).into_owned(), scrubber.bytes(&value).into_owned());
        if let Err(error) = check_key(&key) {
            return Ok(Err(error));
        }
        if value.len() > VALUE_BYTES {
            return Ok(Err(KvError::QuotaExceeded(format!("a value has at most {VALUE_BYTES} bytes"))));
        }
        let quota = match granted(self) {
            Ok(quota) => quota,
            Err(error) => return Ok(Err(error)),
        };
        Ok(self.reach.state.kv_set(&self.reach.plugin.id, &key, value, quota).await.map_err(failed))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), KvError>> {
        if let Err(error) = granted(self).and_then(|_| check_key(&key)) {
            return Ok(Err(error));
        }
        Ok(self.reach.state.kv_delete(&self.reach.plugin.id, &key).await.map_err(failed))
    }

    async fn keys(&mut self, prefix: String, after: Option<String>, limit: u32) -> wasmtime::Result<Result<Vec<String>, KvError>> {
        if let Err(error) = granted(self) {
            return Ok(Err(error));
        }
        let id = &self.reach.plugin.id;
        Ok(self.reach.state.kv_keys(id, &prefix, after.as_deref(), limit.min(KEYS)).await.map_err(failed))
    }
}
