//! What registries said about plugins, for the host at each load: from the last verified
//! copies on this machine, so it works without a network.
//!
//! Read anew when something in the folder changed. A plugin of a registry runs only while
//! it can be read that nothing speaks against it; others are not its business.

use crate::home::Home;
use skynet_plugins::{Advisories, Asked, Word};
use skynet_policy::registry::advisories::{self as documents, AdvisoryKind, Standing};
use skynet_policy::signature::KeyId;
use skynet_policy::trust::Tier;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::lock::Lock;
use skynet_registry_client::places::Places;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A folder that was changed this lately may change again under the same time stamp.
const YOUNG: Duration = Duration::from_secs(1);

/// Answers the host.
pub(crate) struct Said {
    home: Home,
    read: Mutex<Option<(Vec<SystemTime>, Arc<Heard>)>>,
}

/// All that is known, or why it is not.
struct Heard {
    lock: Result<Lock, String>,
    places: Result<Places, String>,
    by_registry: BTreeMap<String, Result<documents::Advisories, String>>,
}

impl Said {
    pub(crate) fn new(home: &Home) -> Self {
        Self { home: home.clone(), read: Mutex::default() }
    }

    /// Nothing where there never was a registry.
    fn heard(&self) -> Option<Arc<Heard>> {
        let folder = self.home.registries();
        let stamps = || [folder.clone(), folder.join("known")].map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()));
        let stamps: Vec<SystemTime> = stamps().into_iter().filter_map(Result::ok).collect();
        if stamps.is_empty() {
            return None;
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, heard)) = read.as_ref().filter(|(known, _)| *known == stamps) {
            let rests = known.iter().all(|stamp| stamp.elapsed().is_ok_and(|age| age > YOUNG));
            if rests {
                return Some(Arc::clone(heard));
            }
        }
        let heard = Arc::new(self.read_all());
        *read = Some((stamps, Arc::clone(&heard)));
        Some(heard)
    }

    fn read_all(&self) -> Heard {
        let held = match Registries::open(&self.home.registries()) {
            Ok(held) => held,
            Err(error) => return Heard { lock: Err(error.to_string()), places: Err(error.to_string()), by_registry: BTreeMap::new() },
        };
        let lock = held.read_lock().map_err(|error| error.to_string());
        let places = held.places().map_err(|error| error.to_string());
        let from_lock =
            lock.iter().flat_map(|lock| &lock.plugins).filter(|plugin| plugin.oci.is_none()).map(|plugin| plugin.registry.clone());
        let names = from_lock.chain(places.iter().flat_map(|places| &places.all).map(|place| place.name.clone()));
        let said = |name: String| {
            let all = held.advisories(&name).map_err(|error| error.to_string());
            (name, all)
        };
        let by_registry = names.collect::<std::collections::BTreeSet<_>>().into_iter().map(said).collect();
        Heard { lock, places, by_registry }
    }
}

impl Heard {
    /// The registry that is heard about this plugin. The error is why that is not known.
    fn registry(&self, asked: &Asked<'_>) -> Result<Option<String>, String> {
        let from_registry = asked.trust == Tier::Registry.as_str();
        match &self.lock {
            Ok(lock) => {
                match lock.find(asked.id) {
                    Some(locked) if locked.oci.is_none() => return Ok(Some(locked.registry.clone())),
                    // It came from elsewhere; who answers for its namespace may have something to say.
                    Some(_) => return self.answers_for(asked),
                    None => {}
                }
            }
            Err(why) if from_registry => return Err(why.clone()),
            Err(_) => return Ok(None),
        }
        if from_registry { self.answers_for(asked) } else { Ok(None) }
    }

    fn answers_for(&self, asked: &Asked<'_>) -> Result<Option<String>, String> {
        match &self.places {
            Ok(places) => Ok(places.of(asked.id).ok().map(|place| place.name.clone())),
            Err(why) => Err(why.clone()),
        }
    }

    fn standing(&self, asked: &Asked<'_>) -> Result<Standing, String> {
        let Some(registry) = self.registry(asked)? else { return Ok(Standing::default()) };
        let signers: Vec<KeyId> = asked.signers.iter().filter_map(|keyid| KeyId::parse(keyid).ok()).collect();
        match self.by_registry.get(&registry) {
            Some(Ok(all)) => Ok(all.judge(asked.release, &signers)),
            Some(Err(why)) => Err(why.clone()),
            None => Ok(Standing::default()),
        }
    }
}

impl Advisories for Said {
    fn word(&self, asked: Asked<'_>) -> Word {
        let Some(heard) = self.heard() else { return Word::default() };
        let standing = match heard.standing(&asked) {
            Ok(standing) => standing,
            Err(why) => {
                return Word { blocked: Some(format!("whether {} was revoked cannot be read: {why}", asked.id)), warning: None };
            }
        };
        let said: Vec<String> = standing.said.iter().map(ToString::to_string).collect();
        let id = asked.id;
        if !standing.may_load() {
            let remedy = format!("`skynet plugin update {id}` looks for a good release, `skynet plugin remove {id}` takes it away");
            return Word { blocked: Some(format!("its registry withdrew this release: {}. {remedy}", said.join("; "))), warning: None };
        }
        let warns = standing.worst().is_some_and(|worst| worst >= AdvisoryKind::Vulnerable);
        let remedy = format!("see: skynet plugin update --plan {id}");
        Word { blocked: None, warning: warns.then(|| format!("its registry warns: {}; {remedy}", said.join("; "))) }
    }
}
