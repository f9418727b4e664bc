//! Where an agent comes from: a file, or a registry that lists it.
//!
//! From a file, a key that this machine trusts must have signed it. From a registry, its
//! publisher's keys count for this one agent, as they do for a plugin, and are not kept.

use super::read;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::registry;
use anyhow::Result;
use skynet_policy::agent::bundle::Bundle;
use skynet_policy::agent::{AgentError, seal};
use skynet_policy::signature::KeyId;
use skynet_registry_client::offer::Wish;
use std::path::Path;

/// An agent, and whose word it is.
pub(super) struct Source {
    pub(super) bundle: Bundle,
    /// Who signed it, or why that counts for nothing here.
    pub(super) signers: Result<Vec<KeyId>, AgentError>,
    /// The registry that lists it.
    pub(super) registry: Option<String>,
}

/// Reads what was named. A file that is there is that file.
pub(super) async fn of(home: &Home, named: &Path) -> Result<Source> {
    let wish = named.to_str().filter(|_| !named.exists()).and_then(|text| Wish::parse(text).ok());
    match wish {
        Some(wish) => listed(home, &wish).await,
        None => {
            let bundle = read(named)?;
            let signers = verify(home, &bundle);
            Ok(Source { bundle, signers, registry: None })
        }
    }
}

fn verify(home: &Home, bundle: &Bundle) -> Result<Vec<KeyId>, AgentError> {
    let trust = keys::load_trust(home).map_err(|error| AgentError::Untrusted(format!("{error:#}")))?;
    let signers = seal::verify(&bundle.manifest_json, &bundle.signatures_json, &trust, &bundle.manifest.id)?;
    Ok(signers.into_iter().map(|signer| signer.keyid).collect())
}

async fn listed(home: &Home, wish: &Wish) -> Result<Source> {
    home.must_exist()?;
    let held = registry::open(home)?;
    let place = held.places().and_then(|places| places.of(&wish.id).cloned()).map_err(registry::failed)?;
    let visit = registry::visit(&held, &place).await?;
    let agent = visit.agent(wish).await.map_err(registry::failed)?;
    let trust = keys::load_trust(home)?;
    let revoked = |key: &&KeyId| trust.find(key).is_some_and(|known| known.revoked.is_some());
    if let Some(key) = agent.signers.iter().find(revoked) {
        // What the owner revoked stays revoked, whatever a registry says.
        return Err(fail(Kind::Refused, format!("{} is signed by key {key}, which you revoked; nothing was changed", agent.name())));
    }
    Ok(Source { bundle: agent.bundle, signers: Ok(agent.signers), registry: Some(agent.registry) })
}
