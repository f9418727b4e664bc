//! Names to addresses: once per request, nothing remembered, so that what is
//! checked is what is dialled.

use async_trait::async_trait;
use std::net::IpAddr;

/// Asks for the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// All addresses, in the order to try.
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        // The caller bounds the wait; see `door::connect`.
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}
