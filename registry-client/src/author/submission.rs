//! A proposal for a registry, and each check that it has to pass.
//!
//! A folder with plugin files, perhaps their publisher's record, and texts for readers.
//! All checks are made, also after one failed, so that an author corrects a proposal
//! once. Nothing is changed, signed or run, so it needs no keys. Refuses links, folders
//! in folders, and files that nobody would look at.

use super::publish::Review;
use super::repository::{Author, BLOBS};
use crate::disk::Folder;
use crate::error::RegistryError;
use crate::limits::{SUBMISSION_BYTES, SUBMISSION_FILES};
use jiff::Timestamp;
use serde::Serialize;
use skynet_policy::naming::plain_line;
use skynet_policy::registry::index::Index;
use skynet_policy::registry::publisher::PublisherRecord;
use skynet_policy::registry::target::Target;
use skynet_policy::release::{Release, split};
use std::collections::BTreeSet;
use std::path::Path;

/// The publisher's record in a submission.
const RECORD: &str = "publisher.json";
/// The folder with sources: it is built elsewhere, and not read here.
const SOURCE: &str = "source";

/// What is proposed.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// Plugin files by name, sorted.
    pub files: Vec<(String, Vec<u8>)>,
    /// The bytes of `publisher.json`.
    pub record: Option<Vec<u8>>,
    /// Texts by name, sorted.
    pub texts: Vec<(String, Vec<u8>)>,
    /// There is a folder with sources.
    pub source: bool,
    /// Names that belong to no submission.
    pub strange: Vec<String>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Good.
    Passed,
    /// The proposal cannot be listed like this.
    Failed,
    /// It could not be made here; what that means it says.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// One word.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// One line: what was seen, or what is wrong and what to do.
    pub says: String,
}

/// All checks of one plugin file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Examination {
    /// What its publisher says; `None` when it could not be read.
    pub release: Option<Release>,
    /// What publishing would look at; `None` when its signature is not good.
    pub review: Option<Review>,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Check {
    /// A check that ended well, or with this fault.
    pub fn of(name: &'static str, result: Result<impl Into<String>, impl ToString>) -> Self {
        match result {
            Ok(says) => Self { name, outcome: Outcome::Passed, says: plain_line(&says.into(), 600) },
            Err(fault) => Self { name, outcome: Outcome::Failed, says: plain_line(&fault.to_string(), 600) },
        }
    }

    /// A check that could not be made.
    pub fn skipped(name: &'static str, says: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Skipped, says: says.into() }
    }
}

impl Submission {
    /// Reads a folder.
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        let folder = Folder::open(path)?;
        let names = folder.names("")?;
        let shown = path.display().to_string();
        if names.len() > SUBMISSION_FILES {
            let why = format!("it holds {} files", names.len());
            return Err(RegistryError::refused(shown, why, format!("Hand in at most {SUBMISSION_FILES}; sources go into `{SOURCE}`")));
        }
        let mut found = Self::default();
        for name in names {
            let is_text = [".md", ".txt", ".toml", ".json"].iter().any(|end| name.ends_with(end));
            match name.as_str() {
                // Reports repeat names: in a line of a terminal, in a table, as a link's text.
                _ if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) => found.strange.push(name),
                SOURCE => found.source = true,
                RECORD => found.record = folder.read(&name, SUBMISSION_BYTES)?,
                _ if name.starts_with('.') => found.strange.push(name),
                _ if name.ends_with(".wasm") => found.files.extend(folder.read(&name, SUBMISSION_BYTES)?.map(|bytes| (name, bytes))),
                _ if is_text => found.texts.extend(folder.read(&name, SUBMISSION_BYTES)?.map(|bytes| (name, bytes))),
                _ => found.strange.push(name),
            }
        }
        if found.files.is_empty() && found.record.is_none() {
            return Err(RegistryError::missing(
                format!("a plugin file or a {RECORD} in {shown}"),
                "Hand in what `skynet plugin sign` wrote, a file that ends in .wasm",
            ));
        }
        Ok(found)
    }

    /// What can be said of the folder as a whole: its names, and one release of a plugin at a time.
    pub fn check(&self) -> Check {
        if let Some(name) = self.strange.first() {
            return Check::of(
                "folder",
                Err::<String, _>(format!(
                    "`{name}` belongs to no submission: take it out, put it into `{SOURCE}`, or name it with letters, digits, `.`, `_` and `-`"
                )),
            );
        }
        let mut seen = BTreeSet::new();
        for (name, bytes) in &self.files {
            let id = split(bytes).ok().and_then(|parts| Release::parse(parts.release_json).ok()).map(|release| release.id);
            if let Some(id) = id.filter(|id| !seen.insert(id.clone())) {
                return Check::of(
                    "folder",
                    Err::<String, _>(format!("{name} is a second release of {id}: hand in one at a time, each names the one before it")),
                );
            }
        }
        Check::of("folder", Ok::<_, String>(format!("{} plugin files, {} texts", self.files.len(), self.texts.len())))
    }
}

impl Author {
    /// The record of a submission: whether it could be listed. `None` when there is none.
    pub fn examine_record(&self, document: &[u8]) -> (Option<PublisherRecord>, Check) {
        let checked = PublisherRecord::parse(document).map_err(RegistryError::from).and_then(|record| {
            self.check_record(&record, false)?;
            Ok(record)
        });
        match checked {
            Ok(record) => {
                let says = format!("the keys of namespace {} are proven by its own signatures", record.namespace);
                (Some(record), Check::of("publisher", Ok::<_, String>(says)))
            }
            Err(error) => (None, Check::of("publisher", Err::<String, _>(error))),
        }
    }

    /// All checks of a plugin file that need nothing but the registry. `similar` is the
    /// keeper's word that a look-alike name is honest.
    pub fn examine(&self, file: &[u8], offered: Option<&PublisherRecord>, similar: bool) -> Examination {
        let mut examined = Examination::default();
        let release = split(file).and_then(|parts| {
            let release = Release::parse(parts.release_json)?;
            release.check_component(parts.component).map(|()| release)
        });
        match release {
            Ok(release) => {
                let says = format!("release.json of {} {} is whole, and the component is the one it names", release.id, release.version);
                examined.checks.push(Check::of("schema", Ok::<_, String>(says)));
                examined.release = Some(release);
            }
            Err(error) => {
                examined.checks.push(Check::of("schema", Err::<String, _>(error)));
                return examined;
            }
        }
        let review = match self.review_with(file, offered) {
            Ok(review) => review,
            Err(error) => {
                examined.checks.push(Check::of("signature", Err::<String, _>(error)));
                return examined;
            }
        };
        let signers: Vec<&str> = review.signers.iter().map(skynet_policy::KeyId::as_str).collect();
        let says = format!("signed by {}, which may sign for {}", signers.join(", "), review.release.id.namespace());
        examined.checks.push(Check::of("signature", Ok::<_, String>(says)));
        let before = review.before.as_ref().map_or("it is the first release".to_owned(), |before| format!("it follows {before}"));
        let place = if review.faults.is_empty() { Ok(before) } else { Err(review.faults.join("; ")) };
        examined.checks.push(Check::of("order", place));
        examined.checks.push(match &review.similar {
            Some(alike) if !similar => {
                Check::of("name", Err::<String, _>(format!("{alike}. Choose another, or allow it with --allow-similar if both are honest")))
            }
            Some(alike) => Check::of("name", Ok::<_, String>(format!("{alike}; the keeper allows it"))),
            None => Check::of("name", Ok::<_, String>("no known name looks like it")),
        });
        examined.checks.push(Check::of("index", self.index_with(&review)));
        examined.review = Some(review);
        examined
    }

    /// The index that would come out, read as a client would.
    fn index_with(&self, review: &Review) -> Result<String, RegistryError> {
        let mut index = self.index()?;
        if !review.listed {
            index.add(&review.release, &review.digest, &review.release.created);
        }
        let index = Index::parse(&index.to_bytes())?;
        let entry = index.find(&review.release.id).map_or(0, |entry| entry.releases.len());
        Ok(format!("it would list {} plugins, and {} with {entry} releases", index.plugins.len(), review.release.id))
    }

    /// The registry itself: its lists were verified when it was opened; here that they
    /// are in time, and that all they name is there and agrees.
    pub fn check_lists(&self, now: Timestamp) -> Check {
        Check::of("registry", self.lists_agree(now))
    }

    fn lists_agree(&self, now: Timestamp) -> Result<String, RegistryError> {
        let wrong = |what: String, why: &str| {
            Err(RegistryError::refused(what, why, "Mend the registry first; publishing again writes what is missing"))
        };
        let end = self.earliest_end();
        if end <= now {
            return wrong("the registry's lists".into(), &format!("they were good until {end}; run `skynet registry refresh`"));
        }
        let mut releases = BTreeSet::new();
        for target in self.listed() {
            let document = self.document(&target)?.unwrap_or_default();
            if let Target::Release(id, version) = target {
                let release = Release::parse(&document)?;
                if release.id != id || release.version != version {
                    return wrong(format!("{id} {version}"), "its document is about another release");
                }
                let digest = &release.component.sha256;
                let blob = format!("{BLOBS}/{}/{digest}", digest.get(..2).unwrap_or_default());
                if self.folder.size(&blob)? != Some(release.component.size) {
                    return wrong(format!("{id} {version}"), "its component is not there, or has another size");
                }
                releases.insert((id, version, skynet_policy::sha256_hex(&document)));
            }
        }
        let index = self.index()?;
        let named = index
            .plugins
            .iter()
            .flat_map(|entry| entry.releases.iter().map(|release| (entry.id.clone(), release.version.clone(), release.release.clone())));
        let named: BTreeSet<_> = named.collect();
        if let Some((id, version, _)) = named.symmetric_difference(&releases).next() {
            return wrong(format!("{id} {version}"), "the index and the list of releases do not agree about it");
        }
        Ok(format!("its signed lists are good until {end} and agree: {} plugins, {} releases", index.plugins.len(), releases.len()))
    }
}
