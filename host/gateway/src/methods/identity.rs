//! The gateway's own key.
//!
//! Made anew with each start: nothing relies on it yet, and a key that nobody
//! checks is not worth keeping on disk.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use skynet_core::StoreError;

pub(super) const METHODS: &[Method] = &[method("gateway.identity.get", Some(Scope::Read), None, |call| Box::pin(get(call)))];

/// Makes one.
pub(crate) fn of_this_process() -> Result<Value, StoreError> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| StoreError::Unavailable(format!("the system gives no random numbers: {error}")))?;
    let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
    Ok(json!({"deviceId": hex::encode(Sha256::digest(public)), "publicKey": URL_SAFE_NO_PAD.encode(public)}))
}

async fn get(call: Call) -> Answer {
    Ok(call.server.identity.clone().into())
}
