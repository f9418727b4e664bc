//! How a registry stands, for its keeper: whose word is good until when, what is listed.

use super::repository::Author;
use crate::error::RegistryError;
use jiff::Timestamp;
use serde::Serialize;
use skynet_policy::registry::target::Target;
use skynet_policy::sha256_hex;
use tough::schema::RoleType;

/// One of the four lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleStanding {
    /// root, targets, snapshot or timestamp.
    pub role: &'static str,
    /// Grows with each change.
    pub version: u64,
    /// RFC 3339.
    pub until: String,
    /// Keys that may sign it.
    pub keys: usize,
    /// Of which so many must.
    pub threshold: u64,
}

/// All that a keeper asks for at a glance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// SHA-256 of `1.root.json`: what clients begin with.
    pub fingerprint: String,
    /// Root first, timestamp last.
    pub roles: Vec<RoleStanding>,
    /// Namespaces with a publisher's record.
    pub namespaces: Vec<String>,
    /// Plugins that are listed.
    pub plugins: usize,
    /// Releases of all of them.
    pub releases: usize,
    /// Advisories in force.
    pub advisories: usize,
    /// What is over, with what to do.
    pub warnings: Vec<String>,
}

impl Author {
    /// How it stands.
    pub fn standing(&self, now: Timestamp) -> Result<Standing, RegistryError> {
        let index = self.index()?;
        let mut namespaces: Vec<String> =
            self.listed().filter_map(|target| if let Target::Publisher(name) = target { Some(name) } else { None }).collect();
        namespaces.sort();
        let (root, lists) = (&self.root.signed, &self.lists);
        let role = |kind: RoleType, role, version: std::num::NonZeroU64, until: Timestamp| {
            let held = root.roles.get(&kind);
            let (keys, threshold) = held.map_or((0, 0), |held| (held.keyids.len(), held.threshold.get()));
            RoleStanding { role, version: version.get(), until: until.to_string(), keys, threshold }
        };
        let roles = vec![
            role(RoleType::Root, "root", root.version, root.expires),
            role(RoleType::Targets, "targets", lists.targets.version, lists.targets.expires),
            role(RoleType::Snapshot, "snapshot", lists.snapshot.version, lists.snapshot.expires),
            role(RoleType::Timestamp, "timestamp", lists.timestamp.version, lists.timestamp.expires),
        ];
        let ended = |until: Timestamp, role: &str, remedy: &str| {
            (until <= now).then(|| format!("the {role} was good until {until}; clients refuse this registry. {remedy}"))
        };
        let refresh = "Renew it with `skynet registry refresh`";
        let warnings = [
            ended(root.expires, "root", "Renew it with `skynet registry rotate`"),
            ended(lists.targets.expires, "targets", refresh),
            ended(lists.snapshot.expires, "snapshot", refresh),
            ended(lists.timestamp.expires, "timestamp", refresh),
        ];
        Ok(Standing {
            fingerprint: self.fingerprint()?,
            roles,
            namespaces,
            plugins: index.plugins.len(),
            releases: index.plugins.iter().map(|plugin| plugin.releases.len()).sum(),
            advisories: self.advisories()?.advisories.len(),
            warnings: warnings.into_iter().flatten().collect(),
        })
    }

    /// SHA-256 of `1.root.json`, which clients are given over another way than the registry.
    pub fn fingerprint(&self) -> Result<String, RegistryError> {
        Ok(sha256_hex(&self.first_root()?))
    }

    /// Until when its timestamp is good; renewed in time, nobody is refused.
    pub fn timestamp_until(&self) -> Timestamp {
        self.lists.timestamp.expires
    }
}
