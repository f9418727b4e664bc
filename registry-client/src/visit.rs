//! One look at a registry: its newest lists, verified, and compared with what was seen.
//!
//! Begins at the highest root that this machine has verified, never at an older one.
//! Refuses lists that went back, whose dates are over, or whose next root is withheld;
//! what passes is remembered before anything is done with it.

mod faults;

use crate::courier::{Courier, CourierError};
use crate::error::RegistryError;
use crate::fetch::Fetch;
use crate::home::{Home, courier, named};
use crate::limits::{ROOT_BYTES, ROOT_UPDATES, ROOT_WARNING_DAYS, SNAPSHOT_BYTES, STALE_DAYS, TARGETS_BYTES, TIMESTAMP_BYTES};
use crate::memory::{Memory, Seen};
use crate::places::{Place, Places};
use crate::transport::{Carried, Fetched};
use faults::{document_failed, load_failed};
use jiff::{SignedDuration, Timestamp};
use skynet_core::PluginId;
use skynet_policy::limits::{ADVISORIES_BYTES, INDEX_BYTES, PUBLISHER_BYTES};
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::registry::index::Index;
use skynet_policy::registry::publisher::{Publisher, PublisherRecord};
use skynet_policy::registry::target::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tough::{ExpirationEnforcement, IntoVec, Limits, Repository, RepositoryLoader, TargetName};

/// Whether dates that are over are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// No.
    #[default]
    Strict,
    /// For so many days, because an owner said so: for a copy that was carried here.
    AcceptStale(u32),
}

/// A verified state of one registry.
#[derive(Debug)]
pub struct Visit {
    place: Place,
    places: Places,
    repository: Repository,
    listed: BTreeMap<Target, (TargetName, String, u64)>,
    advisories: Advisories,
    pub(crate) courier: Courier,
    /// Digests of the documents that a bundle holds; of a whole registry nothing is said.
    pub(crate) holds: Option<BTreeSet<String>>,
    /// What was read of it already.
    index: OnceLock<Index>,
    publishers: Mutex<BTreeMap<String, Publisher>>,
    /// The exact files of its lists.
    pub(crate) metadata: BTreeMap<String, Vec<u8>>,
    /// Lines for the owner: what will soon be over.
    pub warnings: Vec<String>,
}

impl Home {
    /// Looks at a registry as it is now.
    pub async fn visit(&self, name: &str, http: Arc<dyn Fetch>, freshness: Freshness, now: Timestamp) -> Result<Visit, RegistryError> {
        let place = self.places()?.named(name)?.clone();
        let courier = courier(&place, http)?;
        self.visit_by(place, courier, freshness, now).await
    }

    /// The same over another way: a mirror, a bundle.
    pub async fn visit_by(&self, place: Place, courier: Courier, freshness: Freshness, now: Timestamp) -> Result<Visit, RegistryError> {
        let memory = self.memory(&place.name)?;
        let grace = match freshness {
            Freshness::Strict => 0,
            Freshness::AcceptStale(days) => days.min(STALE_DAYS),
        };
        let carried = Carried::new(courier.clone());
        let loaded = load(&memory, &courier, carried.clone(), self.tuf.private_below(&place.name)?.path(), freshness).await;
        let fetched = carried.take();
        withheld_root(&place.name, &fetched)?;
        let repository = loaded.map_err(|error| load_failed(&place.name, error, &fetched))?;
        check_dates(&place.name, &repository, grace, now)?;
        // What an owner took although its dates are over says nothing of today.
        let confirmed = check_dates(&place.name, &repository, 0, now).is_ok().then_some(now);
        let seen = Seen {
            root: repository.root().signed.version.get(),
            timestamp: repository.timestamp().signed.version.get(),
            snapshot: repository.snapshot().signed.version.get(),
            targets: repository.targets().signed.version.get(),
        };
        let text = fetched.files.get(&format!("metadata/{}.root.json", seen.root)).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let went_back = |registry: &str, (role, known, offered): (&str, u64, u64)| RegistryError::Rollback {
            registry: registry.into(),
            role: role.into(),
            known,
            offered,
        };
        let root = repository.root().signed.clone();
        memory.after(&root, text.clone(), seen, confirmed).map_err(|back| went_back(&place.name, back))?;
        let mut visit = Visit::new(place, self.places()?, repository, courier, fetched.files, now);
        let advisories = visit.document(&Target::Advisories, ADVISORIES_BYTES).await?;
        visit.advisories = Advisories::parse(&advisories)?;
        // Another visit may have seen newer lists meanwhile; its memory must not be overwritten.
        let _alone = self.memory_lock()?;
        let name = visit.place.name.clone();
        let mut after = self.memory(&name)?.after(&root, text, seen, confirmed).map_err(|back| went_back(&name, back))?;
        after.advisories = Some(String::from_utf8_lossy(&advisories).into_owned());
        visit.metadata.insert(format!("metadata/{}.root.json", seen.root), after.root.clone().into_bytes());
        after.write(&self.known, &name)?;
        Ok(visit)
    }
}

async fn load(
    memory: &Memory,
    courier: &Courier,
    carried: Carried,
    datastore: &std::path::Path,
    freshness: Freshness,
) -> Result<Repository, tough::error::Error> {
    let below = |folder: &str| courier.base().join(folder).unwrap_or_else(|_| courier.base().clone());
    let limits = Limits {
        max_root_size: ROOT_BYTES,
        max_targets_size: TARGETS_BYTES,
        max_timestamp_size: TIMESTAMP_BYTES,
        max_snapshot_size: SNAPSHOT_BYTES,
        max_root_updates: ROOT_UPDATES,
    };
    let strict = if freshness == Freshness::Strict { ExpirationEnforcement::Safe } else { ExpirationEnforcement::Unsafe };
    let loader = RepositoryLoader::new(&memory.root, below("metadata/"), below("targets/"));
    loader.transport(carried).limits(limits).datastore(datastore).expiration_enforcement(strict).load().await
}

/// `tough` takes any failure at the next root for "there is none". Only the server's
/// clear no is taken for that here.
fn withheld_root(registry: &str, fetched: &Fetched) -> Result<(), RegistryError> {
    let hidden = fetched.failures.iter().find(|(path, error)| path.ends_with(".root.json") && *error != CourierError::NotFound);
    match hidden {
        Some((path, error)) => Err(named(&format!("{path} of registry `{registry}`"), error.clone())),
        None => Ok(()),
    }
}

fn check_dates(registry: &str, repository: &Repository, grace: u32, now: Timestamp) -> Result<(), RegistryError> {
    let dates = [
        ("root", repository.root().signed.expires),
        ("timestamp", repository.timestamp().signed.expires),
        ("snapshot", repository.snapshot().signed.expires),
        ("targets", repository.targets().signed.expires),
    ];
    for (role, until) in dates {
        let last = until.checked_add(SignedDuration::from_hours(24 * i64::from(grace))).unwrap_or(Timestamp::MAX);
        if last < now {
            return Err(RegistryError::Expired { registry: registry.into(), role: role.into(), until: until.to_string() });
        }
    }
    Ok(())
}

impl Visit {
    fn new(
        place: Place,
        places: Places,
        repository: Repository,
        courier: Courier,
        metadata: BTreeMap<String, Vec<u8>>,
        now: Timestamp,
    ) -> Self {
        let known = repository.targets().signed.targets.iter().filter_map(|(name, target)| {
            Some((Target::parse(name.raw())?, (name.clone(), hex::encode(&target.hashes.sha256), target.length)))
        });
        let mut warnings = Vec::new();
        let root = repository.root().signed.expires;
        if root.duration_since(now) < SignedDuration::from_hours(24 * ROOT_WARNING_DAYS) {
            warnings.push(format!("the root of registry `{}` is good until {root} only; tell its keeper to renew it", place.name));
        }
        Self {
            listed: known.collect(),
            advisories: Advisories::default(),
            holds: None,
            index: OnceLock::new(),
            publishers: Mutex::default(),
            place,
            places,
            courier,
            metadata,
            warnings,
            repository,
        }
    }

    /// The registry's name.
    pub fn registry(&self) -> &str {
        &self.place.name
    }

    /// The version of its root.
    pub fn root_version(&self) -> u64 {
        self.repository.root().signed.version.get()
    }

    /// Everything that is listed, with the digest and the size of the document.
    pub fn listed(&self) -> impl Iterator<Item = (&Target, &str, u64)> {
        self.listed.iter().map(|(target, (_, digest, size))| (target, digest.as_str(), *size))
    }

    /// What was said about releases and keys.
    pub fn advisories(&self) -> &Advisories {
        &self.advisories
    }

    /// All versions of a plugin that can be had from here, the newest first.
    pub fn versions(&self, id: &PluginId) -> Vec<semver::Version> {
        let is_here = |digest: &str| self.holds.as_ref().is_none_or(|held| held.contains(digest));
        let of = |(target, (_, digest, _)): (&Target, &(TargetName, String, u64))| match target {
            Target::Release(found, version) if found == id && is_here(digest) => Some(version.clone()),
            _ => None,
        };
        let mut versions: Vec<_> = self.listed.iter().filter_map(of).collect();
        versions.sort_by(|one, other| other.cmp(one));
        versions
    }

    /// The search index; fetched once.
    pub async fn index(&self) -> Result<Index, RegistryError> {
        if let Some(known) = self.index.get() {
            return Ok(known.clone());
        }
        let index = Index::parse(&self.document(&Target::Index, INDEX_BYTES).await?)?;
        Ok(self.index.get_or_init(|| index).clone())
    }

    /// A publisher's keys, verified; fetched once.
    pub async fn publisher(&self, namespace: &str) -> Result<Publisher, RegistryError> {
        if let Some(known) = self.publishers.lock().unwrap_or_else(PoisonError::into_inner).get(namespace) {
            return Ok(known.clone());
        }
        let bytes = self.document(&Target::Publisher(namespace.to_owned()), PUBLISHER_BYTES).await?;
        self.read_publisher(namespace, &bytes)
    }

    /// The same from bytes that are the listed ones.
    pub(crate) fn read_publisher(&self, namespace: &str, bytes: &[u8]) -> Result<Publisher, RegistryError> {
        let record = PublisherRecord::parse(bytes)?;
        if record.namespace != namespace {
            let what = format!("the record of namespace {namespace} in registry `{}`", self.registry());
            return Err(RegistryError::refused(what, "it is another namespace's", "Tell the registry's keeper"));
        }
        let publisher = record.verify()?;
        self.publishers.lock().unwrap_or_else(PoisonError::into_inner).insert(namespace.to_owned(), publisher.clone());
        Ok(publisher)
    }

    /// Refuses a plugin of a namespace for which another registry answers, or none.
    pub fn check_namespace(&self, id: &PluginId) -> Result<(), RegistryError> {
        let owner = self.places.of(id)?;
        if owner.name == self.place.name {
            return Ok(());
        }
        let why = format!("its namespace belongs to registry `{}`, and this is `{}`", owner.name, self.place.name);
        Err(RegistryError::refused(id.to_string(), why, "Get it from there, or change the namespaces of your registries"))
    }

    /// A listed document, verified against the list.
    pub async fn document(&self, target: &Target, max: usize) -> Result<Vec<u8>, RegistryError> {
        let what = format!("{target} of registry `{}`", self.registry());
        let missing = || RegistryError::missing(what.clone(), "It is not listed; `skynet plugin search` shows what is");
        let (name, _, size) = self.listed.get(target).ok_or_else(missing)?;
        if usize::try_from(*size).map_or(true, |size| size > max) {
            return Err(RegistryError::refused(what, format!("it has {size} bytes; at most {max} are read"), "Tell the registry's keeper"));
        }
        let stream = self.repository.read_target(name).await.map_err(|error| document_failed(&what, &error))?.ok_or_else(missing)?;
        stream.into_vec().await.map_err(|error| document_failed(&what, &error))
    }
}
