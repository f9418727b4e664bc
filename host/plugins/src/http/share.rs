//! What the host and each plugin have of the network over all calls: connections at
//! one time, requests and bytes in a minute.
//!
//! A lease counts from before the dial until the connection is closed. Who waits for
//! one waits within its own connect time-out; see `door`.

use crate::limits;
use crate::rate::{Bucket, Overrun};
use skynet_core::PluginId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One plugin's share.
#[derive(Debug)]
pub(crate) struct Share {
    connections: Arc<Semaphore>,
    requests: Bucket,
    bytes: Bucket,
}

impl Share {
    /// Counts a request, for which there must be a byte left too.
    pub(crate) fn request(&self) -> Result<(), Overrun> {
        self.bytes.take(0)?;
        self.requests.take(1)
    }

    /// Counts bytes, whichever way they go.
    pub(crate) fn bytes(&self, bytes: u64) -> Result<(), Overrun> {
        self.bytes.take(bytes)
    }
}

/// The right to one connection.
#[derive(Debug)]
pub(crate) struct Lease(#[expect(dead_code, reason = "held")] (OwnedSemaphorePermit, OwnedSemaphorePermit));

/// All shares.
#[derive(Debug)]
pub(crate) struct Shares {
    connections: Arc<Semaphore>,
    /// One for each plugin that was ever here; plugins are few.
    plugins: Mutex<HashMap<PluginId, Arc<Share>>>,
}

impl Default for Shares {
    fn default() -> Self {
        Self { connections: Arc::new(Semaphore::new(limits::HTTP_CONNECTIONS)), plugins: Mutex::default() }
    }
}

impl Shares {
    /// Of this plugin, in all its versions.
    pub(crate) fn of(&self, plugin: &PluginId) -> Arc<Share> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = plugins.get(plugin) {
            return Arc::clone(share);
        }
        let share = Arc::new(Share {
            connections: Arc::new(Semaphore::new(limits::HTTP_PLUGIN_CONNECTIONS)),
            requests: Bucket::new("requests", limits::HTTP_PLUGIN_REQUESTS),
            bytes: Bucket::new("bytes", limits::HTTP_PLUGIN_BYTES),
        });
        plugins.insert(plugin.clone(), Arc::clone(&share));
        share
    }

    /// A lease for this plugin; waits until there is one. `make_room` closes an idle
    /// connection, of the plugin alone (`true`) or of anybody. The caller bounds the wait.
    pub(crate) async fn lease(&self, share: &Share, make_room: impl Fn(bool)) -> Option<Lease> {
        // The plugin's own first, so that a plugin that waits for itself keeps nobody else waiting.
        let own = match Arc::clone(&share.connections).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                make_room(true);
                Arc::clone(&share.connections).acquire_owned().await.ok()?
            }
        };
        let hosts = match Arc::clone(&self.connections).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                make_room(false);
                Arc::clone(&self.connections).acquire_owned().await.ok()?
            }
        };
        Some(Lease((own, hosts)))
    }
}
