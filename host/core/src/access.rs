//! Who may connect: tokens and paired devices, as the gateway asks for them.
//!
//! Owns the port and its plain rows. Secrets stop before it: a token reaches the
//! store only as the SHA-256 of its 256 random bits, which a thief of the
//! database cannot turn back and which needs no slow hash. Refuses to decide:
//! what a scope allows is the gateway's business.

use crate::error::StoreError;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// A token that was not revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// What its owner calls it; unique.
    pub name: String,
    /// What it was made for.
    pub scopes: Vec<String>,
    /// Milliseconds since the Unix epoch.
    pub created_ms: u64,
}

impl TokenRow {
    /// Which one it is.
    pub fn mark(&self) -> TokenMark {
        TokenMark { name: self.name.clone(), created_ms: self.created_ms }
    }
}

/// One token for as long as it stands: who revokes it and makes another of its name has another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenMark {
    /// What its owner calls it.
    pub name: String,
    /// Milliseconds since the Unix epoch.
    pub created_ms: u64,
}

/// A device that was paired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Its id, made from its key.
    pub id: String,
    /// Its ed25519 key, as the client sends it.
    pub public_key: String,
    /// `operator` or `node`.
    pub role: String,
    /// What was approved.
    pub scopes: Vec<String>,
    /// The system that it said it runs on; a change asks for a new approval.
    pub platform: Option<String>,
    /// The kind of machine; a change asks for a new approval.
    pub device_family: Option<String>,
    /// For people.
    pub display_name: Option<String>,
    /// Which client program.
    pub client_id: Option<String>,
    /// How that program runs.
    pub client_mode: Option<String>,
    /// The device token in force.
    pub token: Option<TokenHash>,
    /// When it was first paired, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When its role and scopes were last approved, milliseconds since the Unix epoch.
    pub approved_ms: u64,
}

/// Durable tokens and devices.
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// Stores a token. `false` when the name or the hash is taken, or the hash is that of a token
    /// that was ended: nothing changed.
    async fn create_token(&self, name: &str, scopes: Vec<String>, hash: TokenHash) -> Result<bool, StoreError>;
    /// Tokens in force, by name.
    async fn list_tokens(&self) -> Result<Vec<TokenRow>, StoreError>;
    /// Ends a token for good. `false` when there was none of that name.
    async fn revoke_token(&self, name: &str) -> Result<bool, StoreError>;
    /// The token with this hash, unless it was revoked.
    async fn find_token(&self, hash: &TokenHash) -> Result<Option<TokenRow>, StoreError>;

    /// Stores a device, or replaces what was known of it; keeps its `created_ms`.
    async fn upsert_device(&self, device: DeviceRow) -> Result<(), StoreError>;
    /// One device.
    async fn device(&self, id: &str) -> Result<Option<DeviceRow>, StoreError>;
    /// All devices, by id.
    async fn devices(&self) -> Result<Vec<DeviceRow>, StoreError>;
    /// Forgets a device. `false` when there was none.
    async fn remove_device(&self, id: &str) -> Result<bool, StoreError>;
}
