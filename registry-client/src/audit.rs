//! What registries have said since about what is installed here.
//!
//! From the last verified copies, so it works without a network. A registry is heard
//! about what came from it, and about nothing else.

use crate::error::RegistryError;
use crate::home::Home;
use crate::lock::Lock;
use serde::Serialize;
use skynet_core::PluginId;
use skynet_policy::registry::advisories::Standing;
use std::collections::BTreeMap;

/// One installed plugin about which something is to be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub id: PluginId,
    /// Installed.
    pub version: semver::Version,
    /// One line each.
    pub said: Vec<String>,
    /// It must not be loaded.
    pub blocked: bool,
}

impl Home {
    /// What is known about one plugin from a registry, for the host at each load.
    pub fn standing(&self, lock: &Lock, id: &PluginId) -> Result<Standing, RegistryError> {
        match lock.find(id) {
            Some(plugin) => Ok(self.advisories(&plugin.registry)?.judge(&plugin.release, &plugin.publisher_keys)),
            None => Ok(Standing::default()),
        }
    }

    /// Everything that is known to be wrong with installed plugins, or with their files.
    pub fn audit(&self, lock: &Lock) -> Vec<Finding> {
        let mut heard = BTreeMap::new();
        let mut findings = Vec::new();
        for plugin in &lock.plugins {
            let advisories = heard.entry(&plugin.registry).or_insert_with(|| self.advisories(&plugin.registry));
            let (mut said, mut blocked) = (Vec::new(), false);
            match advisories {
                Ok(all) => {
                    let standing = all.judge(&plugin.release, &plugin.publisher_keys);
                    blocked |= !standing.may_load();
                    said.extend(standing.said.iter().map(ToString::to_string));
                }
                // Who cannot say that nothing was revoked must not let it run as if nothing were.
                Err(error) => {
                    blocked = true;
                    said.push(error.to_string());
                }
            }
            if let Err(error) = self.kept(&plugin.file) {
                said.push(error.to_string());
            }
            if !said.is_empty() {
                findings.push(Finding { id: plugin.id.clone(), version: plugin.version.clone(), said, blocked });
            }
        }
        findings
    }
}
