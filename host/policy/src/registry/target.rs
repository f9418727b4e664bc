//! The flat names under which a registry lists its documents.
//!
//! `--` separates the parts, because ids may not contain it: with a `/` in a name, TUF
//! clients disagree about where the digest of a consistent snapshot goes. Refuses
//! build metadata in versions: two of them have no order.

use skynet_core::PluginId;
use std::fmt;

/// The search index.
pub const INDEX: &str = "index.json";

/// What is yanked, vulnerable or revoked.
pub const ADVISORIES: &str = "advisories.json";

/// One name in a registry's list of targets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// `rel--acme--hello--1.2.0.json`: the exact bytes that the publisher signed.
    Release(PluginId, semver::Version),
    /// `sig--acme--hello--1.2.0.json`: the signatures over them.
    Signatures(PluginId, semver::Version),
    /// `agent--acme--butler--1.0.0.agent`: a whole agent, signed, without its plugins' files.
    Agent(PluginId, semver::Version),
    /// `pub--acme.json`: the keys of a namespace.
    Publisher(String),
    /// `index.json`.
    Index,
    /// `advisories.json`.
    Advisories,
}

impl Target {
    /// What a name means; `None` for a name that is none of ours.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            INDEX => return Some(Self::Index),
            ADVISORIES => return Some(Self::Advisories),
            _ => {}
        }
        let (stem, is_agent) = match name.strip_suffix(".agent") {
            Some(stem) => (stem, true),
            None => (name.strip_suffix(".json")?, false),
        };
        let (kind, rest) = stem.split_once("--")?;
        let found = match kind {
            "pub" if !is_agent => is_namespace(rest).then(|| Self::Publisher(rest.to_owned()))?,
            "rel" | "sig" | "agent" if is_agent == (kind == "agent") => {
                let (namespace, rest) = rest.split_once("--")?;
                let (plugin, version) = rest.split_once("--")?;
                let id = PluginId::new(&format!("{namespace}/{plugin}")).ok()?;
                let version = semver::Version::parse(version).ok().filter(is_listable)?;
                match kind {
                    "rel" => Self::Release(id, version),
                    "sig" => Self::Signatures(id, version),
                    _ => Self::Agent(id, version),
                }
            }
            _ => return None,
        };
        // One spelling: a version written in another way would be a second name for it.
        (found.to_string() == name).then_some(found)
    }
}

/// Whether a version can be listed: without build metadata, and short enough for a file name.
pub fn is_listable(version: &semver::Version) -> bool {
    version.build.is_empty() && version.to_string().len() <= crate::limits::VERSION_CHARS
}

/// Whether a text is a namespace of plugin ids.
pub fn is_namespace(text: &str) -> bool {
    PluginId::new(&format!("{text}/x")).is_ok_and(|id| id.namespace() == text)
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(id, version) => write!(f, "rel--{}--{}--{version}.json", id.namespace(), id.name()),
            Self::Signatures(id, version) => write!(f, "sig--{}--{}--{version}.json", id.namespace(), id.name()),
            Self::Agent(id, version) => write!(f, "agent--{}--{}--{version}.agent", id.namespace(), id.name()),
            Self::Publisher(namespace) => write!(f, "pub--{namespace}.json"),
            Self::Index => f.write_str(INDEX),
            Self::Advisories => f.write_str(ADVISORIES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_it_was_written() {
        let id = PluginId::new("acme/tool-hello").unwrap();
        for version in ["1.2.0", "0.1.0-rc.1", "1.0.0-a--b"] {
            let version = semver::Version::parse(version).unwrap();
            let all = [Target::Release, Target::Signatures, Target::Agent].map(|kind| kind(id.clone(), version.clone()));
            for target in all {
                assert_eq!(Target::parse(&target.to_string()), Some(target));
            }
        }
        for target in [Target::Index, Target::Advisories, Target::Publisher("acme".into())] {
            assert_eq!(Target::parse(&target.to_string()), Some(target));
        }
    }

    #[test]
    fn names_that_could_be_read_in_two_ways_or_leave_the_folder_are_none() {
        for evil in [
            "rel--acme--hello--1.2.0+build.json",
            "rel--acme--hello--1.2.json",
            "rel--acme--hello--01.2.0.json",
            "rel--Acme--hello--1.2.0.json",
            "rel--acme--../x--1.2.0.json",
            "rel--acme/hello--1.2.0.json",
            "../rel--acme--hello--1.2.0.json",
            "rel--асme--hello--1.2.0.json",
            &format!("rel--acme--hello--1.0.0-{}.json", "a".repeat(60)),
            "pub--acme--x.json",
            "pub--.json",
            "agent--acme--hello--1.0.0.json",
            "rel--acme--hello--1.0.0.agent",
            "pub--acme.agent",
            "INDEX.json",
            "",
        ] {
            assert_eq!(Target::parse(evil), None, "{evil}");
        }
    }
}
