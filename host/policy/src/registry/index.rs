//! The search index: what a registry lists, in one document.
//!
//! For looking only. What is installed is decided by the release itself, which its
//! publisher signed; texts in here are cut to harmless lines.

use super::advisories::Advisories;
use super::{DocumentError, REGISTRY_SCHEMA, bytes, read, refused};
use crate::digest::is_sha256_hex;
use crate::limits::{INDEX_BYTES, SUMMARY_CHARS};
use crate::naming::is_plain_line;
use crate::release::{Release, is_timestamp};
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;

/// All plugins of a registry, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// 1.
    pub schema: u32,
    /// Sorted by id.
    pub plugins: Vec<IndexEntry>,
}

/// One plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexEntry {
    /// Whose and which.
    pub id: PluginId,
    /// One line, of the newest release.
    pub summary: String,
    /// Its world, of the newest release.
    pub world: String,
    /// From the oldest to the newest.
    pub releases: Vec<IndexRelease>,
}

/// One release of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexRelease {
    /// Which.
    pub version: semver::Version,
    /// SHA-256 of its `release.json`.
    pub release: String,
    /// Bytes of the component.
    pub size: u64,
    /// RFC 3339, when the registry listed it.
    pub listed: String,
}

impl IndexEntry {
    /// What an installation without a version would bring: the newest release that nobody withdrew and that is no
    /// early one. A key that was revoked is known at the release alone.
    pub fn newest(&self, said: &Advisories) -> Option<&IndexRelease> {
        let fits = |release: &&IndexRelease| release.version.pre.is_empty() && said.judge(&release.release, &[]).may_install();
        self.releases.iter().rev().find(fits)
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { schema: REGISTRY_SCHEMA, plugins: Vec::new() }
    }
}

impl Index {
    /// Reads the document.
    pub fn parse(document: &[u8]) -> Result<Self, DocumentError> {
        let index: Self = read("the index", document, INDEX_BYTES)?;
        for entry in &index.plugins {
            if !is_plain_line(&entry.summary, SUMMARY_CHARS) || !is_plain_line(&entry.world, 40) {
                return Err(refused("the index", format!("the line about {} is not plain", entry.id)));
            }
            if entry.releases.is_empty() || entry.releases.iter().any(|release| !is_sha256_hex(&release.release)) {
                return Err(refused("the index", format!("{} has no release, or one without a digest", entry.id)));
            }
            if entry.releases.iter().any(|release| !is_timestamp(&release.listed)) {
                return Err(refused("the index", format!("a release of {} is listed since no time as in RFC 3339", entry.id)));
            }
        }
        if !index.plugins.is_sorted_by(|one, next| one.id < next.id) {
            return Err(refused("the index", "its plugins are not sorted, or one stands twice"));
        }
        Ok(index)
    }

    /// The document's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes(self)
    }

    /// The entry of a plugin.
    pub fn find(&self, id: &PluginId) -> Option<&IndexEntry> {
        self.plugins.iter().find(|entry| entry.id == *id)
    }

    /// Adds a release, listed now, to its plugin.
    pub fn add(&mut self, release: &Release, digest: &str, listed: &str) {
        let new = IndexRelease {
            version: release.version.clone(),
            release: digest.to_owned(),
            size: release.component.size,
            listed: listed.to_owned(),
        };
        let (summary, world) = (release.summary.clone(), release.wit.world.clone());
        match self.plugins.iter_mut().find(|entry| entry.id == release.id) {
            Some(entry) => {
                entry.releases.push(new);
                entry.releases.sort_by(|one, next| one.version.cmp(&next.version));
                (entry.summary, entry.world) = (summary, world);
            }
            None => {
                self.plugins.push(IndexEntry { id: release.id.clone(), summary, world, releases: vec![new] });
                self.plugins.sort_by(|one, next| one.id.cmp(&next.id));
            }
        }
    }

    /// Plugins whose id or summary has each of the words, ids that start with the first ahead.
    pub fn search(&self, words: &str) -> Vec<&IndexEntry> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let fits = |entry: &&IndexEntry| {
            let text = format!("{} {}", entry.id, entry.summary.to_lowercase());
            words.iter().all(|word| text.contains(word.as_str()))
        };
        let mut found: Vec<&IndexEntry> = self.plugins.iter().filter(fits).collect();
        let first = words.first().map_or("", String::as_str);
        found.sort_by_key(|entry| !(entry.id.name().starts_with(first) || entry.id.as_str().starts_with(first)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(ids: &[(&str, &str)]) -> Index {
        let listed = "2026-01-01T00:00:00Z".to_owned();
        let release = IndexRelease { version: semver::Version::new(1, 0, 0), release: "a".repeat(64), size: 1, listed };
        let entry = |(id, summary): &(&str, &str)| IndexEntry {
            id: PluginId::new(id).unwrap(),
            summary: (*summary).into(),
            world: "tool-plugin".into(),
            releases: vec![release.clone()],
        };
        Index { plugins: ids.iter().map(entry).collect(), ..Index::default() }
    }

    #[test]
    fn words_are_searched_in_id_and_summary() {
        let index = index(&[("acme/mail", "Reads letters"), ("acme/notes", "Mail to oneself"), ("bob/time", "Tells the time")]);
        let check = |words: &str, found: &[&str]| {
            let ids: Vec<&str> = index.search(words).iter().map(|entry| entry.id.as_str()).collect();
            assert_eq!(ids, found, "{words}");
        };
        check("mail", &["acme/mail", "acme/notes"]);
        check("MAIL letters", &["acme/mail"]);
        check("", &["acme/mail", "acme/notes", "bob/time"]);
        check("weather", &[]);
    }

    #[test]
    fn an_index_that_could_mislead_is_refused() {
        let good = index(&[("acme/a", "x"), ("acme/b", "y")]);
        assert_eq!(Index::parse(&good.to_bytes()), Ok(good.clone()));
        let mut twice = good.clone();
        twice.plugins.push(good.plugins[1].clone());
        let mut bidi = good.clone();
        bidi.plugins[0].summary = "safe\u{202e}live".into();
        let mut later = good.clone();
        later.schema = 2;
        for evil in [twice.to_bytes(), bidi.to_bytes(), later.to_bytes(), b"{}".to_vec(), vec![b' '; INDEX_BYTES + 1]] {
            assert!(Index::parse(&evil).is_err());
        }
        for listed in ["", "yesterday", "\u{1b}]0;x\u{7}", "2026-01-01T00:00:00Z\n"] {
            let mut evil = good.clone();
            evil.plugins[1].releases[0].listed = listed.into();
            assert!(Index::parse(&evil.to_bytes()).unwrap_err().to_string().contains("acme/b"), "{listed:?}");
        }
    }
}
