//! What was made at once is run once before it is called made: does it load, and what does it offer?
//!
//! The same rehearsal as for what a model wrote, in a host of its own with nothing granted. Its compiled
//! engine is kept, so that only the first script waits for the compiler. Refuses what does not load.

use super::bed;
use super::secrets::StageSecrets;
use crate::exit::{Kind, fail};
use crate::home::Home;
use anyhow::Result;
use skynet_plugins::PluginHost;
use skynet_policy::permission::Permissions;
use skynet_policy::release::Release;
use skynet_policy::trust::TrustStore;
use std::collections::BTreeMap;

/// Where compiled engines are kept, in the private folder: apart from the running host's, which may be at work in its own.
const CODE: &str = "trials";

/// The names of its tools. The error says why there are none.
pub(super) async fn tools(home: &Home, release: &Release, component: Vec<u8>) -> Result<Vec<String>> {
    let folder = tempfile::Builder::new().prefix("skynet-trial-").tempdir()?;
    let mut parts = bed::parts(folder.path(), TrustStore::default(), BTreeMap::new(), StageSecrets::placeholders(&Permissions::default()))?;
    parts.private = home.private().join(CODE);
    // Its runner stays unused: nothing is dropped into this host.
    let (host, _runner) = PluginHost::start(parts).await?;
    let tried = host.rehearse(&release.id, &release.version, component, &release.permissions, &[]).await;
    host.discard(&release.id, &release.component.sha256).await;
    let tried = tried.map_err(|why| fail(Kind::Refused, format!("{} {}: {why}. Nothing was written", release.id, release.version)))?;
    Ok(tried.tools.into_iter().map(|tool| tool.name).collect())
}
