//! Which registries there are, and which one alone answers for a namespace.
//!
//! A namespace has one registry or none. There is no order and no second try: a name
//! that one registry lacks is not looked for in another, where anybody could have put it.

use crate::disk::Folder;
use crate::error::RegistryError;
use crate::limits::{REGISTRIES, REGISTRIES_BYTES};
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use skynet_policy::naming::plain_line;
use skynet_policy::registry::target::is_namespace;
use std::collections::BTreeSet;

/// The file's name.
pub const FILE: &str = "registries.toml";

/// All namespaces that no other registry has.
pub const REST: &str = "*";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Places {
    /// In the order in which they were added.
    #[serde(default, rename = "registry", skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<Place>,
}

/// One registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The owner's name for it.
    pub name: String,
    /// https, or http to a literal loopback address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Or a folder, as an absolute path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// Whose plugins come from here; `*` for all that no other registry has.
    pub namespaces: Vec<String>,
    /// Its name may lead to this machine or the private network. The owner's word; whoever
    /// plugs in the way to servers keeps to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Certificates (PEM) that alone may vouch for the server, in place of the system's. The
    /// owner's word; whoever plugs in the way to servers keeps to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
}

impl Places {
    /// Reads the file; no file is no registry.
    pub fn read(home: &Folder) -> Result<Self, RegistryError> {
        let Some(bytes) = home.read(FILE, REGISTRIES_BYTES)? else {
            return Ok(Self::default());
        };
        let text = String::from_utf8(bytes).map_err(|error| bad(error.to_string()))?;
        let places: Self = toml::from_str(&text).map_err(|error| bad(error.to_string()))?;
        places.check().map_err(bad)?;
        Ok(places)
    }

    /// Writes the file.
    pub fn write(&self, home: &Folder) -> Result<(), RegistryError> {
        self.validate()?;
        let text = toml::to_string_pretty(self).map_err(|error| bad(error.to_string()))?;
        Ok(home.write(FILE, text.as_bytes(), 0o600)?)
    }

    /// Refuses what would leave open who answers for a namespace.
    pub fn validate(&self) -> Result<(), RegistryError> {
        self.check().map_err(bad)
    }

    /// The registry of this name.
    pub fn named(&self, name: &str) -> Result<&Place, RegistryError> {
        self.all.iter().find(|place| place.name == name).ok_or_else(|| {
            RegistryError::missing(
                format!("a registry `{}`", plain_line(name, 60)),
                "See `skynet registry list`; add one with `skynet registry add`",
            )
        })
    }

    /// The one registry that answers for a plugin: the one that names its namespace, else
    /// the one that has the rest.
    pub fn of(&self, id: &PluginId) -> Result<&Place, RegistryError> {
        let with = |namespace: &str| self.all.iter().find(|place| place.namespaces.iter().any(|held| held == namespace));
        with(id.namespace()).or_else(|| with(REST)).ok_or_else(|| {
            let remedy = format!("Name the registry that has it: `skynet registry add … --namespace {}`", id.namespace());
            RegistryError::missing(format!("a registry for the namespace {}", id.namespace()), remedy)
        })
    }

    /// Refuses a registry for a namespace that another answers for already, by that one's name.
    pub fn has_room_for(&self, place: &Place) -> Result<(), RegistryError> {
        let taken = place.namespaces.iter().find_map(|namespace| {
            let other = self.all.iter().find(|known| known.namespaces.contains(namespace))?;
            Some((namespace, &other.name))
        });
        let Some((namespace, other)) = taken else { return Ok(()) };
        let (what, why) = (format!("registry {}", place.name), format!("{other} answers for the namespace {namespace} already"));
        let remedy = format!("Name other namespaces, or take that one away first: skynet registry remove {other}");
        Err(RegistryError::refused(what, why, remedy))
    }

    fn check(&self) -> Result<(), String> {
        if self.all.len() > REGISTRIES {
            return Err(format!("it names {} registries; at most {REGISTRIES} are asked", self.all.len()));
        }
        let (mut names, mut namespaces) = (BTreeSet::new(), BTreeSet::new());
        for place in &self.all {
            // A name is also that of a folder, so it has the grammar of a namespace.
            if !is_namespace(&place.name) || !names.insert(&place.name) {
                return Err(format!(
                    "`{}` is no name for a registry (a-z, 0-9 and single hyphens), or stands twice",
                    plain_line(&place.name, 60)
                ));
            }
            let absolute = place.folder.as_deref().is_none_or(|folder| folder.starts_with('/'));
            if place.url.is_some() == place.folder.is_some() || !absolute {
                return Err(format!("registry {} needs either a url or a folder, which is an absolute path", place.name));
            }
            if place.ca.is_some() && place.url.as_deref().is_none_or(|url| !url.starts_with("https://")) {
                return Err(format!("registry {} has a CA and no https address that it could vouch for", place.name));
            }
            if place.namespaces.is_empty() {
                return Err(format!("registry {} has no namespaces, so nothing would come from it", place.name));
            }
            for namespace in &place.namespaces {
                if namespace != REST && !is_namespace(namespace) {
                    return Err(format!("`{}` is no namespace", plain_line(namespace, 60)));
                }
                if !namespaces.insert(namespace) {
                    return Err(format!("the namespace {namespace} has two registries; it would be open which one answers"));
                }
            }
        }
        Ok(())
    }
}

fn bad(why: String) -> RegistryError {
    RegistryError::refused(FILE, why, "Correct the file, or restore it from a backup; until then nothing is fetched")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, namespaces: &[&str]) -> Place {
        let namespaces = namespaces.iter().map(|namespace| (*namespace).into()).collect();
        Place { name: name.into(), url: Some("https://example.org/".into()), folder: None, namespaces, private: false, ca: None }
    }

    fn of(places: &Places, id: &str) -> Option<String> {
        places.of(&PluginId::new(id).unwrap()).ok().map(|place| place.name.clone())
    }

    #[test]
    fn a_namespace_has_one_registry_or_none() {
        let places = Places { all: vec![place("work", &["acme"]), place("rest", &["*"])] };
        assert_eq!(of(&places, "acme/x").as_deref(), Some("work"));
        assert_eq!(of(&places, "bob/x").as_deref(), Some("rest"));
        let places = Places { all: vec![place("work", &["acme"])] };
        assert_eq!(of(&places, "bob/x"), None);
    }

    #[test]
    fn a_file_that_leaves_open_who_answers_is_refused_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path()).unwrap();
        let good = Places { all: vec![place("work", &["acme"]), place("rest", &["*"])] };
        good.write(&folder).unwrap();
        assert_eq!(Places::read(&folder).unwrap(), good);
        for evil in [
            vec![place("a", &["acme"]), place("b", &["acme"])],
            vec![place("a", &["*"]), place("b", &["*"])],
            vec![place("a", &["acme"]), place("a", &["bob"])],
            vec![place("../a", &["acme"])],
            vec![place("a", &[])],
            vec![place("a", &["ac*"])],
            vec![Place { folder: Some("/srv".into()), ..place("a", &["acme"]) }],
            vec![Place { url: None, folder: Some("srv".into()), ..place("a", &["acme"]) }],
        ] {
            assert!(Places { all: evil }.write(&folder).is_err());
        }
        let many = |at: usize| place(&format!("r{at}"), &[&format!("n{at}")]);
        assert!(Places { all: (0..REGISTRIES).map(many).collect() }.validate().is_ok());
        assert!(Places { all: (0..=REGISTRIES).map(many).collect() }.validate().is_err());
        for evil in ["[[registry]]\nname = 1", "x = 1", "\u{0}"] {
            std::fs::write(home.path().join(FILE), evil).unwrap();
            assert!(Places::read(&folder).is_err(), "{evil}");
        }
    }
}
