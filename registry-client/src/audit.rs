//! What registries have said since about what is installed here.
//!
//! From the last verified copies, so it works without a network. A registry is heard
//! about what came from it, and about nothing else.

use crate::error::RegistryError;
use crate::home::Home;
use crate::lock::{Lock, Locked};
use serde::Serialize;
use skynet_core::PluginId;
use skynet_policy::registry::advisories::{Advisories, Standing};
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
            // Of one from OCI nobody says anything, unless a registry answers for its namespace.
            Some(plugin) => match self.vouches(plugin)? {
                Some(registry) => Ok(self.advisories(&registry)?.judge(&plugin.release, &plugin.publisher_keys)),
                None => Ok(Standing::default()),
            },
            None => Ok(Standing::default()),
        }
    }

    /// The registry that is heard about a plugin, where there is one.
    pub fn vouches(&self, plugin: &Locked) -> Result<Option<String>, RegistryError> {
        if plugin.oci.is_none() {
            return Ok(Some(plugin.registry.clone()));
        }
        Ok(self.places()?.of(&plugin.id).ok().map(|place| place.name.clone()))
    }

    /// Everything that is known to be wrong with installed plugins, or with their files.
    pub fn audit(&self, lock: &Lock) -> Vec<Finding> {
        let mut heard: BTreeMap<String, Result<Advisories, String>> = BTreeMap::new();
        let mut findings = Vec::new();
        for plugin in &lock.plugins {
            let (mut said, mut blocked) = (Vec::new(), false);
            let standing = self.vouches(plugin).map_err(|error| error.to_string()).and_then(|registry| {
                let Some(registry) = registry else { return Ok(Standing::default()) };
                let all = heard.entry(registry).or_insert_with_key(|registry| self.advisories(registry).map_err(|error| error.to_string()));
                all.as_ref().map(|all| all.judge(&plugin.release, &plugin.publisher_keys)).map_err(Clone::clone)
            });
            match standing {
                Ok(standing) => {
                    blocked |= !standing.may_load();
                    said.extend(standing.said.iter().map(ToString::to_string));
                }
                // Who cannot say that nothing was revoked must not let it run as if nothing were.
                Err(why) => {
                    blocked = true;
                    said.push(why);
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
