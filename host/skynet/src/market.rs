//! Where the host looks for plugins of registries.
//!
//! None is asked yet: the command line is what installs from them. Whoever searches or
//! proposes is told so; nothing is installed from here.

use async_trait::async_trait;
use skynet_core::PluginId;
use skynet_core::proposals::{Candidate, Found, Market, Supply};

const NONE: &str = "this host asks no registry on behalf of a conversation; the owner can install plugins with `skynet plugin install`";

/// A host that asks no registry.
pub(crate) struct NoMarket;

#[async_trait]
impl Supply for NoMarket {
    async fn check(&self, _: &Candidate) -> Result<(), String> {
        Err(NONE.into())
    }

    async fn install(&self, _: &Candidate, _: &str) -> Result<(), String> {
        Err(NONE.into())
    }

    async fn forget(&self, _: &Candidate) {}
}

#[async_trait]
impl Market for NoMarket {
    async fn search(&self, _: &str, _: usize) -> Result<Vec<Found>, String> {
        Err(NONE.into())
    }

    async fn plan(&self, _: &PluginId, _: Option<&semver::Version>) -> Result<Candidate, String> {
        Err(NONE.into())
    }
}
