//! `skynet plugin install oci://…`: fetched apart, believed for a trusted key's signature,
//! shown with what a review found, agreed to, and installed as what a registry lists is.

use super::install::agree_and_do;
use crate::args::registry::Install;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use crate::registry::pulled::Pull;
use crate::registry::{self, bar::Bar, oci};
use crate::wire;
use anyhow::Result;

pub(super) async fn run(home: &Home, install: &Install, out: &Out) -> Result<()> {
    if install.locked {
        return Err(fail(Kind::Refused, "with --locked, name a plugin of the lockfile by its id, or none for all"));
    }
    if install.source.bundle.is_some() || install.plugins.iter().any(|text| !text.starts_with(oci::SCHEME)) {
        return Err(fail(Kind::Refused, "plugins from OCI are installed by themselves, and without --bundle"));
    }
    let (held, lock) = registry::open_to_change(home).await?;
    let (store, trust, policy) = (wire::open_store(home).await?, keys::load_trust(home)?, install.agreement.review_policy()?);
    let mut pulls = Vec::new();
    for reference in &install.plugins {
        let repository = oci::repository(reference, &install.account)?;
        let found = repository.resolve().await.map_err(registry::failed)?;
        let pulled = held.pull(&lock, &repository, &found, &trust, &Bar::default()).await.map_err(registry::failed)?;
        pulls.push(Pull::of(home, &held, &store, (found.reference.to_string(), pulled), &policy).await?);
    }
    agree_and_do(home, (&held, &lock), (&[], Vec::new()), pulls, (&install.source, &install.agreement), out).await
}
