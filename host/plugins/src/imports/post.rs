//! How many messages each plugin sends in a minute, over all its calls and versions.

use crate::limits;
use crate::rate::{Bucket, Overrun};
use skynet_core::PluginId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// One count for each plugin that ever sent something; plugins are few.
#[derive(Debug, Default)]
pub(crate) struct Post {
    plugins: Mutex<HashMap<PluginId, Bucket>>,
}

impl Post {
    /// Counts a message, or says when one may be sent again.
    pub(crate) fn take(&self, plugin: &PluginId) -> Result<(), Overrun> {
        let mut plugins = self.plugins.lock().unwrap_or_else(PoisonError::into_inner);
        plugins.entry(plugin.clone()).or_insert_with(|| Bucket::new("messages", limits::PLUGIN_MESSAGES)).take(1)
    }
}
