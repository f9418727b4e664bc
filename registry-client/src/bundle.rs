//! A part of a registry in one file, for a machine without a network.
//!
//! An uncompressed tar of plain files with fixed names, read through the same `Fetch` as
//! a server, so the same code verifies it. What the archive itself says is believed in
//! nothing: names, order and dates in it are not trusted, only where bytes lie.

mod read;
mod write;

pub use read::BundleFetch;

use crate::courier::Courier;
use crate::disk::{Folder, failed};
use crate::error::RegistryError;
use crate::home::{Home, named};
use crate::mirror::Chain;
use crate::offer::Wish;
use crate::progress::Progress;
use crate::visit::{Freshness, Visit};
use jiff::Timestamp;
use skynet_policy::digest::is_sha256_hex;
use skynet_policy::registry::target::Target;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use write::Archive;

/// The name in the archive of a file of a registry: targets by their digest alone, as
/// names of tar files are short.
fn name_of(path: &str) -> &str {
    match path.strip_prefix("targets/").and_then(|rest| rest.split_once('.')) {
        Some((digest, _)) if is_sha256_hex(digest) => path.get(.."targets/".len() + digest.len()).unwrap_or(path),
        _ => path,
    }
}

/// The folder in which a file is.
fn beside(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Visit {
    /// Writes the lists and the chosen releases into one file, verified. Says how many releases.
    pub async fn export(&self, wishes: &[Wish], file: &Path, progress: &dyn Progress) -> Result<usize, RegistryError> {
        let mut targets = BTreeSet::from([Target::Index, Target::Advisories]);
        for wish in wishes {
            let offer = self.select(wish).await?;
            let (id, version) = (offer.release.id, offer.release.version);
            targets.insert(Target::Publisher(id.namespace().to_owned()));
            targets.insert(Target::Signatures(id.clone(), version.clone()));
            targets.insert(Target::Release(id, version));
        }
        let targets: Vec<Target> = targets.into_iter().collect();
        let mut archive = Archive::create(file)?;
        let unfinished = tempfile::tempdir_in(beside(file)).map_err(|error| failed(file, error))?;
        // The chain of releases is not whole in a part of a registry, and no client needs it to be.
        let census = self.walk((&targets, Chain::Part), &mut archive, &Folder::open(unfinished.path())?, progress).await?;
        if let Some(fault) = census.faults.first() {
            return Err(RegistryError::refused("the bundle", fault, "Tell the registry's keeper"));
        }
        self.put_lists(&mut archive).await?;
        archive.finish()?;
        Ok(census.releases)
    }
}

impl Home {
    /// Looks at a bundle as if it were the registry of that name, which must have been
    /// added here with its root. What was seen before binds a bundle, too.
    pub async fn visit_bundle(&self, registry: &str, file: &Path, freshness: Freshness, now: Timestamp) -> Result<Visit, RegistryError> {
        let place = self.places()?.named(registry)?.clone();
        let bundle = BundleFetch::open(file)?;
        let holds = bundle.documents();
        let courier = Courier::to_folder(Arc::new(bundle)).map_err(|error| named("the bundle", error))?;
        let mut visit = self.visit_by(place, courier, freshness, now).await?;
        // Its lists are of the whole registry, and only this of it is here.
        visit.holds = Some(holds);
        Ok(visit)
    }
}
