//! A bundle is of one registry, and does not say of which in words that count: it is looked
//! at as each of those that could be meant, and one's signatures fit or none's.

use anyhow::Result;
use jiff::Timestamp;
use skynet_registry_client::visit::{Freshness, Visit};
use skynet_registry_client::{Home as Registries, RegistryError};
use std::collections::BTreeSet;
use std::path::Path;

/// The bundle as the registry that signed it; `None` where no name is given.
pub(crate) async fn visit(
    held: &Registries,
    names: &BTreeSet<String>,
    file: &Path,
    freshness: Freshness,
    now: Timestamp,
) -> Result<Option<Visit>> {
    let mut refused: Option<RegistryError> = None;
    for name in names {
        match held.visit_bundle(name, file, freshness, now).await {
            Ok(visit) => return Ok(Some(visit)),
            // Of its own registry a bundle that is too old says more than of another one, whose signatures never fit.
            Err(error @ (RegistryError::Expired { .. } | RegistryError::Rollback { .. })) => return Err(super::failed(error)),
            Err(error) => refused = Some(refused.unwrap_or(error)),
        }
    }
    refused.map_or(Ok(None), |error| Err(super::failed(error)))
}
